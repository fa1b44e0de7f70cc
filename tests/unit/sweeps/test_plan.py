"""Plans: what is refused, what makes two of them the same, and how one is taken back."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps import Action, GroupOutcome, Outcome, SweepPlan, SweepReport, TargetGroupQuery

P1, P2 = "01BTGNYV6HRNK8K8VKZASZCFP0", "01BTGNYV6HRNK8K8VKZASZCFP1"
A, B, C, D = (f"01BTGNYV6HRNK8K8VKZASZCF{letter}0" for letter in "ABCD")
LIVE, PAUSED = TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED


def a_plan(**changes: Any) -> SweepPlan:
    """A plan to pause four target groups of two projects."""
    return SweepPlan(**{"action": "pause", "target_groups": {P1: [A, B], P2: [C, D]}, "run_id": "run", **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"action": "archive"}, "action must be one of pause, resume, complete, relaunch, launch"),
        ({"target_groups": None}, "a plan needs target_groups or a query, and not both"),
        ({"query": TargetGroupQuery()}, "a plan needs target_groups or a query, and not both"),
        ({"target_groups": {"nonsense": [A]}}, "must be an id of 26 capital letters and digits"),
        ({"target_groups": {P1: ["nonsense"]}}, "must be an id of 26 capital letters and digits"),
        ({"target_groups": {P1: []}}, "must not be empty"),
        ({"target_groups": {P1: [A], P2: [B, A]}}, f"target group {A} is named in two projects"),
        ({"run_id": ""}, "run_id must be 1 to 100 letters"),
        ({"run_id": "a b"}, "run_id must be 1 to 100 letters"),
        ({"chunk_size": 0}, "chunk_size must be at least 1"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"max_retries": -1}, "max_retries must be at least 0"),
        ({"account_id": "mine"}, "account_id must be the account's number"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(changes: dict[str, Any], complaint: str) -> None:
    """Mistakes are found before anything is sent, and named."""
    with pytest.raises(InvalidCommandError, match=complaint.replace("(", r"\(")):
        a_plan(**changes)


def test_a_target_group_that_is_named_twice_is_done_once() -> None:
    """Repetitions within a project are harmless."""
    plan = a_plan(target_groups={P1: [A, B, A]})

    assert plan.target_groups == {P1: (A, B)}


def test_a_run_id_is_made_where_none_is_given() -> None:
    """Two plans without a name are two runs."""
    one, other = (SweepPlan(action="pause", query=TargetGroupQuery()) for _ in range(2))

    assert one.run_id != other.run_id


@pytest.mark.parametrize(
    "plan",
    [
        a_plan(account_id=101, retry_codes=["X"], chunk_size=7, check_status_first=False),
        SweepPlan(
            action="complete",
            query=TargetGroupQuery(project_ids=[P1], status=["live", "paused"], country=["de"], exclusion_status=True),
        ),
    ],
)
def test_a_plan_can_be_kept_as_text(plan: SweepPlan) -> None:
    """What is read is what was written."""
    account_id = None if plan.account_id is None else str(plan.account_id)
    assert SweepPlan.decode(plan.encode()) == attrs.evolve(plan, account_id=account_id)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"v":1}', '{"v":1,"action":"pause","surprise":1}', '{"v":2}'])
def test_a_text_that_is_no_plan_is_refused(text: str) -> None:
    """So is one of a later release."""
    with pytest.raises(ConfigurationError, match="sweep plan"):
        SweepPlan.decode(text)


def test_patience_does_not_make_a_plan_another_plan_but_its_work_does() -> None:
    """A run can be gone on with more slowly, but not with other target groups."""
    plan = a_plan(account_id=101)

    assert attrs.evolve(plan, concurrency=1, job_timeout=5.0, account_id="101").fingerprint == plan.fingerprint
    assert attrs.evolve(plan, target_groups={P1: [A]}).fingerprint != plan.fingerprint
    assert attrs.evolve(plan, action="complete").fingerprint != plan.fingerprint
    assert attrs.evolve(plan, chunk_size=5).fingerprint != plan.fingerprint


def a_report(*groups: tuple[str, str, Outcome, TargetGroupStatus | None], **changes: Any) -> SweepReport:
    """A report of such outcomes."""
    return SweepReport(
        **{
            "run_id": "run",
            "action": Action.PAUSE,
            "started_at": datetime.now(UTC),
            "groups": tuple(
                GroupOutcome(target_group_id=id_, project_id=project_id, outcome=outcome, before=before)
                for project_id, id_, outcome, before in groups
            ),
            **changes,
        }
    )


def test_undoing_touches_exactly_what_the_sweep_changed() -> None:
    """Not what was there already, nor what failed, nor what is not known to have been changed by it."""
    report = a_report(
        (P1, A, Outcome.UPDATED, LIVE),
        (P1, B, Outcome.UNCHANGED, PAUSED),
        (P2, C, Outcome.UPDATED, None),
        (P2, D, Outcome.FAILED, LIVE),
    )

    undo = a_plan().inverse(report)

    assert (undo.action, undo.target_groups, undo.query) == (Action.RESUME, {P1: (A,)}, None)
    assert undo.run_id == "run-undo"
    assert undo == a_plan().inverse(report)


def test_undoing_what_changed_nothing_is_a_plan_for_nothing() -> None:
    """It can be swept, and does nothing."""
    assert a_plan().inverse(a_report((P1, A, Outcome.UNCHANGED, PAUSED))).target_groups == {}


@pytest.mark.parametrize("action", ["complete", "relaunch", "launch"])
def test_what_cannot_be_undone_says_so(action: str) -> None:
    """There is no way back from completing."""
    with pytest.raises(InvalidCommandError, match=f"there is no way back from {action}"):
        a_plan(action=action).inverse(a_report(action=Action(action)))


def test_a_report_of_another_run_undoes_nothing() -> None:
    """Plan and report must belong together."""
    with pytest.raises(InvalidCommandError, match="the report is of the pause run other"):
        a_plan().inverse(a_report(run_id="other"))


def test_a_report_adds_up_by_project_and_by_code() -> None:
    """What an operator asks a report."""
    report = a_report((P1, A, Outcome.UPDATED, LIVE), (P1, B, Outcome.FAILED, LIVE), (P2, C, Outcome.UNKNOWN, LIVE))

    assert tuple(report.counts) == (1, 0, 1, 0, 1)
    assert {project_id: counts.total for project_id, counts in report.by_project.items()} == {P1: 2, P2: 1}
    assert report.failure_codes == {"": 1}
    assert [group.target_group_id for group in report.of(Outcome.FAILED, Outcome.UNKNOWN)] == [B, C]
    assert report.by_id[A].before is LIVE
    assert not report.ok
