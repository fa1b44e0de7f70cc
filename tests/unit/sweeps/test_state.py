"""The ledger: outcomes that always add up, by status and by result."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.job_commands import JobStatus
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps import Action, Outcome
from fieldingkit.sweeps.report import count_outcomes
from fieldingkit.sweeps.state import FoundGroup, Ledger, outcome_for_status, partition_result

IDS = [f"G{number}" for number in range(12)]
STATUSES = [*TargetGroupStatus, TargetGroupStatus("unheard-of"), None]


@given(
    st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(STATUSES)), unique_by=lambda pair: pair[0]),
    st.sampled_from(Action),
    st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(Outcome))),
)
def test_outcomes_always_add_up_to_the_plan(
    groups: list[tuple[str, TargetGroupStatus | None]], action: Action, events: list[tuple[str, Outcome]]
) -> None:
    """In any order of events, each target group of the plan has exactly one outcome."""
    ledger = Ledger(FoundGroup(id_, "P", status) for id_, status in groups)
    planned = [id_ for id_, _ in groups]
    to_send = ledger.settle_by_status(action)
    assert ledger.counts.total == len(planned) - len(to_send)

    for id_, outcome in events:
        if id_ in planned:
            ledger.settle(id_, outcome)
            assert ledger.counts.total <= len(planned)
    outcomes = ledger.close()

    assert [item.target_group_id for item in outcomes] == planned
    assert ledger.counts == count_outcomes(outcomes)
    assert ledger.counts.total == len(planned)
    last = dict(events)
    assert all(item.outcome is last[item.target_group_id] for item in outcomes if item.target_group_id in last)


@given(
    st.lists(st.sampled_from(IDS), min_size=1, unique=True),
    st.lists(st.sampled_from(IDS)),
    st.lists(st.sampled_from(IDS)),
)
def test_a_result_partitions_the_target_groups_of_its_job(
    asked: list[str], updated: list[str], failed: list[str]
) -> None:
    """Repetitions, foreign ids and contradictions in a result lose and repeat no target group."""
    result = BatchResult(
        job_id="J",
        status=JobStatus.COMPLETED,
        updated=tuple(updated),
        failed=tuple(FailedTargetGroup(target_group_id=id_) for id_ in failed),
    )

    parts = partition_result(asked, result)

    assert sorted([*parts.updated, *parts.failed, *parts.missing]) == sorted(asked)
    assert set(parts.updated) <= set(updated) - set(failed)
    assert set(parts.failed) <= set(failed) - set(updated)
    assert parts.contradictory == set(asked) & set(updated) & set(failed) <= set(parts.missing)


def test_without_a_result_all_target_groups_are_missing() -> None:
    """A job without a result reports nothing about its target groups."""
    assert partition_result(["A", "B"], None).missing == ("A", "B")


@pytest.mark.parametrize(
    ("action", "sent", "unchanged"),
    [
        ("pause", {"live"}, "paused"),
        ("resume", {"paused"}, "live"),
        ("complete", {"live", "scheduled", "paused"}, "completed"),
        ("relaunch", {"completed"}, "live"),
        ("launch", {"scheduled"}, "live"),
    ],
)
def test_the_status_decides_between_sent_unchanged_and_skipped(action: str, sent: set[str], unchanged: str) -> None:
    """Each action is sent for its source statuses only."""
    for status in TargetGroupStatus:
        settled = outcome_for_status(Action(action), status)
        if status in sent:
            assert settled is None
        elif status == unchanged:
            assert settled == (Outcome.UNCHANGED, None)
        else:
            assert settled is not None
            outcome, reason = settled
            assert outcome is Outcome.SKIPPED
            assert reason is not None
            assert reason.startswith(f"it is {status}; {action} is for ")


@pytest.mark.parametrize("status", [None, TargetGroupStatus("unheard-of")])
def test_a_target_group_with_an_unknown_status_is_sent(status: TargetGroupStatus | None) -> None:
    """The API decides about a status that was not read or is new."""
    assert outcome_for_status(Action.PAUSE, status) is None


def test_a_target_group_without_an_outcome_is_unknown() -> None:
    """A target group that was never settled is part of the report."""
    ledger = Ledger([FoundGroup("A", "P"), FoundGroup("B", "P")])
    ledger.settle("A", Outcome.UPDATED)

    assert [item.outcome for item in ledger.close()] == [Outcome.UPDATED, Outcome.UNKNOWN]


def test_a_target_group_outside_the_plan_has_no_outcome() -> None:
    """Settling an id that is not in the plan is a programming error."""
    with pytest.raises(KeyError):
        Ledger([]).settle("A", Outcome.UPDATED)
