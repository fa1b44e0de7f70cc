"""Task results: what XCom holds, and when a task fails."""

from datetime import UTC, datetime

from fieldingkit.airflow.results import describe_problems, summarize, task_details, task_failure, task_result, total
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.chunks import split_into_chunks
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

P1, P2 = "01BTGNYV6HRNK8K8VKZASZCFP1", "01BTGNYV6HRNK8K8VKZASZCFP2"
GROUPS = [f"01BTGNYV6HRNK8K8VKZASZCF0{number}" for number in range(6)]
TASK = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
PLAN = SweepPlan(action="pause", target_groups={P1: GROUPS[:4], P2: GROUPS[4:]}, run_id="run", chunk_size=2)

IDENTITY = RunIdentity(base_url="https://api.cint.com/v1", account_id="101", api_version="v", run_id="run")


def state() -> SweepState:
    """Return a run of six target groups in three chunks; one target group is unchanged."""
    ledger = Ledger(
        FoundGroup(id_, P1 if n < 4 else P2, TargetGroupStatus.PAUSED if n == 5 else TargetGroupStatus.LIVE)
        for n, id_ in enumerate(GROUPS)
    )
    chunks = split_into_chunks(IDENTITY, PLAN.action, ledger.settle_by_status(PLAN.action), size=PLAN.chunk_size)
    return SweepState(
        identity=IDENTITY,
        fingerprint=PLAN.fingerprint,
        ledger=ledger,
        chunks=chunks,
        started_at=datetime.now(UTC).timestamp(),
    )


def test_total_adds_up_results() -> None:
    """The counts of many tasks are added up, and a task without a result is ignored."""
    settled = state()
    for id_ in GROUPS[:4]:
        settled.ledger.settle(id_, Outcome.UPDATED)
    settled.ledger.settle(GROUPS[4], Outcome.FAILED, code="Odd")
    result = task_result(settled.report(PLAN), TASK)
    assert result["changed"] == 4
    assert task_details(settled.report(PLAN))["changed"][0]["target_group_ids"] == GROUPS[:4]
    assert summarize(result) == "pause: 4 updated, 1 unchanged, 1 failed (1 Odd); 0 jobs"
    assert total([result, None, result]) == {
        "tasks": 2,
        "counts": {"updated": 8, "unchanged": 2, "failed": 2, "skipped": 0, "not_sent": 0, "unknown": 0},
        "failures": {"Odd": 2},
        "changed": 8,
        "unclaimed": 0,
        "jobs": 0,
        "stragglers": 0,
        "unlisted": 0,
        "unverified": 0,
    }
    assert total([])["counts"] == dict.fromkeys(("updated", "unchanged", "failed", "skipped", "not_sent", "unknown"), 0)


def test_a_failure_message_names_at_most_three_reasons() -> None:
    """Each of a thousand jobs may have its own reason; the message stays readable."""
    open_ = state()
    for place, id_ in enumerate(GROUPS[:5]):
        open_.ledger.settle(id_, Outcome.UNKNOWN, f"reason {place}")
    report = open_.report(PLAN)
    failure = task_failure(report, [open_], task_result(report, TASK), "unknown")
    assert failure is not None
    assert not failure.final
    assert failure.message.endswith("5 target groups are not settled: reason 0; reason 1; reason 2")
    assert task_failure(report, [open_], task_result(report, TASK), "never") is None


def test_the_log_lists_the_first_problems_by_name() -> None:
    """The log of a task names ten target groups at most, and says where the others are."""
    groups = [
        FoundGroup(f"01BTGNYV6HRNK8K8VKZASZC{n:03}", P1, TargetGroupStatus.LIVE, name="Germany", short_id=f"TG-{n}")
        for n in range(12)
    ]
    failed = state()
    failed.ledger = Ledger(groups)
    for group in groups:
        failed.ledger.settle(group.target_group_id, Outcome.FAILED, "not now", code="Odd")
    lines = list(describe_problems(task_details(failed.report(PLAN))))
    assert lines[0] == "failed: TG-0 Germany (01BTGNYV6HRNK8K8VKZASZC000): Odd: not now"
    assert len(lines) == 11
    assert lines[-1] == "2 more target groups are in the XCom 'details' of this task"


def test_unclaimed_target_groups_are_in_the_details_and_in_the_log() -> None:
    """Target groups that were sent and read with the status, which no job reported, are named: no undo covers them."""
    settled = state()
    settled.ledger.settle(GROUPS[0], Outcome.UPDATED)
    settled.ledger.settle(GROUPS[1], Outcome.UNCHANGED, "its job could not be read", verified=True)
    report = settled.report(PLAN)
    result, details = task_result(report, TASK), task_details(report)
    assert (result["changed"], result["unclaimed"]) == (1, 1)
    (unclaimed,) = details["unclaimed"]
    assert unclaimed["target_group_id"] == GROUPS[1]
    assert unclaimed["reason"] == "its job could not be read"
    assert "1 target groups were sent and have the status" in list(describe_problems(details))[-1]
