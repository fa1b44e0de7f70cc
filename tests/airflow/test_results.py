"""What many results come to, and what is kept between tries."""

from datetime import UTC, datetime

import attrs
from support.fake_task import MemoryStore

from fieldingkit.airflow.checkpoint import JOBS, TaskStateCheckpoint
from fieldingkit.airflow.results import judge, result_of, summary, total
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.chunks import split_into_chunks
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

P1, P2 = "01BTGNYV6HRNK8K8VKZASZCFP1", "01BTGNYV6HRNK8K8VKZASZCFP2"
GROUPS = [f"01BTGNYV6HRNK8K8VKZASZCF0{number}" for number in range(6)]
TASK = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
PLAN = SweepPlan(action="pause", target_groups={P1: GROUPS[:4], P2: GROUPS[4:]}, run_id="run", chunk_size=2)


def state() -> SweepState:
    """A run of six target groups in three jobs, of which one was there already."""
    ledger = Ledger(
        FoundGroup(id_, P1 if n < 4 else P2, TargetGroupStatus.PAUSED if n == 5 else TargetGroupStatus.LIVE)
        for n, id_ in enumerate(GROUPS)
    )
    chunks = split_into_chunks(PLAN.run_id, PLAN.action, ledger.judge(PLAN.action), size=PLAN.chunk_size)
    return SweepState(fingerprint=PLAN.fingerprint, ledger=ledger, chunks=chunks, started=datetime.now(UTC).timestamp())


def test_results_add_up() -> None:
    """The counts of many tasks are summed, and a task that left none is left out."""
    settled = state()
    for id_ in GROUPS[:4]:
        settled.ledger.settle(id_, Outcome.UPDATED)
    settled.ledger.settle(GROUPS[4], Outcome.FAILED, code="Odd")
    result = result_of(settled.report(PLAN), TASK)
    assert result["changed"] == {P1: GROUPS[:4]}
    assert summary(result) == "pause: 4 updated, 1 already, 1 failed (1 Odd); 0 jobs"
    assert total([result, None, result]) == {
        "tasks": 2,
        "counts": {"updated": 8, "unchanged": 2, "failed": 2, "skipped": 0, "unknown": 0},
        "failures": {"Odd": 2},
        "changed": 8,
        "jobs": 0,
    }
    assert total([])["counts"] == dict.fromkeys(("updated", "unchanged", "failed", "skipped", "unknown"), 0)


def test_a_failure_names_a_few_reasons() -> None:
    """A thousand jobs may not be settled, each for a reason of its own; the message stays one for people to read."""
    open_ = state()
    for place, id_ in enumerate(GROUPS[:5]):
        open_.ledger.settle(id_, Outcome.UNKNOWN, f"reason {place}")
    report = open_.report(PLAN)
    failure = judge(report, open_, result_of(report, TASK), "unknown")
    assert failure is not None
    assert not failure.final
    assert failure.message.endswith("5 target groups are not settled: reason 0; reason 1; reason 2")
    assert judge(report, open_, result_of(report, TASK), "never") is None


async def test_what_was_written_down_is_what_is_read_again() -> None:
    """Jobs in every state come back as they were: not sent, sent, accepted, ended, and taken up by another."""
    store = MemoryStore()
    record, before = TaskStateCheckpoint(store), state()
    assert await record.load(PLAN) is None
    await record.begun(PLAN, before)
    first, second, third = before.chunks
    first = before.keep(attrs.evolve(first, first_sent_at=1.0, token="t1", job_id="j1", ended=True))
    follow_up = before.keep(
        attrs.evolve(first, number=3, ids=first.ids[:1], key="k4", generation=1, token="t4", job_id="j4", ended=False)
    )
    failed = before.ledger.settle(first.ids[1], Outcome.FAILED, "because", code="Odd", job_id="j1")
    await record.settled(first, [failed], follow_up)
    await record.sending(before.keep(attrs.evolve(second, first_sent_at=2.0)))
    after = await TaskStateCheckpoint(store).load(PLAN)
    assert after is not None
    assert after.chunks == before.chunks == [first, attrs.evolve(second, first_sent_at=2.0), third, follow_up]
    assert [chunk.number for chunk in after.unfinished()] == [1, 2, 3]
    report = after.report(PLAN)
    assert report.by_id[first.ids[1]] == failed
    assert report.by_id[first.ids[0]].outcome is Outcome.UNKNOWN
    assert report.by_id[GROUPS[5]].outcome is Outcome.UNCHANGED
    assert len(store[JOBS]) == 4
