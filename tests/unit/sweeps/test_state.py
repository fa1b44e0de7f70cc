"""Keeping account: five outcomes that always add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.commands import JobStatus
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
def test_the_five_outcomes_always_add_up_to_the_plan(
    groups: list[tuple[str, TargetGroupStatus | None]], action: Action, events: list[tuple[str, Outcome]]
) -> None:
    """Whatever happens in whatever order, each target group of the plan has exactly one outcome."""
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
def test_a_result_sorts_the_target_groups_of_its_job_whatever_it_says(
    asked: list[str], updated: list[str], failed: list[str]
) -> None:
    """Repetitions, strangers and contradictions in a result lose nobody and count nobody twice."""
    result = BatchResult(
        job_id="J",
        status=JobStatus.COMPLETED,
        updated=tuple(updated),
        failed=tuple(FailedTargetGroup(target_group_id=id_) for id_ in failed),
    )

    reading = partition_result(asked, result)

    assert sorted([*reading.updated, *reading.failed, *reading.missing]) == sorted(asked)
    assert set(reading.updated) <= set(updated) - set(failed)
    assert set(reading.failed) <= set(failed) - set(updated)


def test_no_result_leaves_all_open() -> None:
    """A job whose result is not known says nothing of anybody."""
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
def test_what_is_sent_what_is_there_already_and_what_is_skipped(action: str, sent: set[str], unchanged: str) -> None:
    """The status that was read decides."""
    for status in TargetGroupStatus:
        verdict = outcome_for_status(Action(action), status)
        if status in sent:
            assert verdict is None
        elif status == unchanged:
            assert verdict == (Outcome.UNCHANGED, None)
        else:
            assert verdict is not None
            outcome, reason = verdict
            assert outcome is Outcome.SKIPPED
            assert reason is not None
            assert reason.startswith(f"it is {status}; {action} is for ")


@pytest.mark.parametrize("status", [None, TargetGroupStatus("unheard-of")])
def test_a_status_that_says_nothing_keeps_nobody_from_being_sent(status: TargetGroupStatus | None) -> None:
    """The API knows best what may be done with a target group that we know nothing of."""
    assert outcome_for_status(Action.PAUSE, status) is None


def test_an_outcome_that_is_never_written_is_unknown() -> None:
    """A target group that nobody dealt with is not lost."""
    ledger = Ledger([FoundGroup("A", "P"), FoundGroup("B", "P")])
    ledger.settle("A", Outcome.UPDATED)

    assert [item.outcome for item in ledger.close()] == [Outcome.UPDATED, Outcome.UNKNOWN]


def test_nobody_outside_the_plan_can_have_an_outcome() -> None:
    """An id that the plan does not have is a mistake, not a sixth outcome."""
    with pytest.raises(KeyError):
        Ledger([]).settle("A", Outcome.UPDATED)
