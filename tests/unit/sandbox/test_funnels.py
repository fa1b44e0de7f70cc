"""Entrants who qualify, drop off and complete as a seed decides, and quota cells that get no more completes."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sandbox import ArrivalProcess, Funnel, Sandbox, SandboxClock, StuckCell, TargetGroup
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.funnels import RandomOutcomes
from fieldingkit.sandbox.model.ledgers import Ledger
from fieldingkit.sandbox.model.quotas import cells_of

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def group_of(**funnel: Any) -> TargetGroup:
    """Return a live target group with 200 completes."""
    clock = SandboxClock(MIDNIGHT, seconds=lambda: 0.0)
    return Sandbox(clock=clock).seed(live=1, goal=900, completes=200, funnel=Funnel(**funnel)).groups[0]


def test_rates_are_about_those_of_the_funnel() -> None:
    """The conversion rate follows from the incidence and the drop-off rate."""
    progress = group_of(incidence_rate=0.2, drop_off_rate=0.3, length_minutes=12, seed=3).progress_at(MIDNIGHT)
    assert progress.incidence_rate == pytest.approx(0.2, rel=0.15)
    assert progress.drop_off_rate == pytest.approx(0.3, rel=0.15)
    assert progress.conversion_rate == pytest.approx(0.14, rel=0.15)
    assert progress.median_length_of_interview_seconds == pytest.approx(720, rel=0.1)


def test_the_figures_are_those_of_the_respondents() -> None:
    """Counters, rates and the median length follow from the list of respondents, also after outcomes have changed."""
    group = group_of(incidence_rate=0.4, drop_off_rate=0.2, seed=5)
    lost, left = (
        next(one for one in group.respondents if one.outcome == outcome) for outcome in ("complete", "drop_off")
    )
    group.ledger.settle(lost.number, "quality_terminate", at=MIDNIGHT, origin="reconciliation")
    group.ledger.settle(left.number, "screenout", at=MIDNIGHT, origin="s2s")
    outcomes = Counter(one.outcome for one in group.respondents)
    progress, completed = group.progress_at(MIDNIGHT), [one for one in group.respondents if one.outcome == "complete"]
    assert (progress.completes, progress.entrants) == (199, outcomes.total())
    assert outcomes["complete"] == 199
    assert progress.prescreens == sum(one.stage == "survey" for one in group.respondents)
    assert progress.conversion_rate == round(outcomes["complete"] / outcomes.total(), 4)
    lengths = [(one.completed_at - one.entered_at).total_seconds() for one in completed]
    assert progress.median_length_of_interview_seconds == int(median(lengths))


@given(completes=st.integers(0, 40), seed=st.integers(0, 9), incidence=st.floats(0.02, 1), drop_off=st.floats(0, 0.9))
def test_numbers_of_completes_and_entrants_agree(completes: int, seed: int, incidence: float, drop_off: float) -> None:
    """Each function of the outcomes is the inverse of the others."""
    funnel = Funnel(incidence_rate=incidence, drop_off_rate=drop_off, seed=seed)
    outcomes, other = RandomOutcomes(funnel, "a"), RandomOutcomes(funnel, "a")
    entrants = outcomes.entrants(completes)
    listed = [other.of(number) for number in range(1, entrants + 1)]
    assert sum(outcome == "complete" for outcome, _ in listed) == completes == outcomes.completes_of(entrants)
    assert sum(outcome != "screenout" for outcome, _ in listed) == outcomes.prescreens(completes)
    numbers = [number for number, (outcome, _) in enumerate(listed, 1) if outcome == "complete"]
    assert numbers == [outcomes.number_of_complete(index) for index in range(completes)]


def test_the_same_seed_gives_the_same_respondents() -> None:
    """Another seed gives others."""
    first, again, other = ([one.outcome for one in group_of(seed=seed).respondents] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    "wrong", [{"incidence_rate": 0}, {"incidence_rate": 1.1}, {"drop_off_rate": 1}, {"length_minutes": 0}]
)
def test_a_funnel_through_which_nobody_comes_is_refused(wrong: dict[str, Any]) -> None:
    """Shares are from 0 to 1, and a part of the entrants must be able to complete."""
    with pytest.raises(ValueError, match="must be"):
        Funnel(**wrong)


def profile_of(**goals: int) -> dict[str, Any]:
    """Return a profile with a quota for each name."""
    targets = [
        {
            "id": name,
            "name": name,
            "conditions": [{"object": "selection", "question_id": 2189, "option": str(number)}],
            "quota": {"completes_goal": goal, "quota_nominal": goal, "completes_goal_percentage": 0},
        }
        for number, (name, goal) in enumerate(goals.items(), 1)
    ]
    return {"id": "p", "object": "regular", "quotas_enabled": True, "targets": targets}


def test_a_stuck_cell_gets_no_completes_while_others_fill() -> None:
    """When the others are full, no more completes may arrive."""
    ledger = Ledger("01BTGNYV6HRNK8K8VKZASZCFP1", "USD", stuck=StuckCell("b", 2))
    profile = profile_of(a=20, b=20, c=10)
    ledger.profiles = [profile]
    ledger.add(20, MIDNIGHT, MIDNIGHT + DAY, Amount(Decimal(2)))
    assert [one.completes for one in ledger.cell_counts([profile])[0]] == [12, 2, 6]
    assert ledger.completes_left == 12
    ledger.add(12, MIDNIGHT, MIDNIGHT + DAY, Amount(Decimal(2)))
    assert [one.completes for one in ledger.cell_counts([profile])[0]] == [20, 2, 10]
    assert ledger.completes_left == 0


def test_a_stuck_cell_stays_where_it_is_when_goals_change() -> None:
    """Respondents keep their answers, and the open cells get the completes to come."""
    ledger = Ledger("01BTGNYV6HRNK8K8VKZASZCFP1", "USD", stuck=StuckCell("b", 2))
    ledger.profiles = [profile_of(a=20, b=20)]
    ledger.add(10, MIDNIGHT, MIDNIGHT + DAY, Amount(Decimal(2)))
    ledger.profiles = [changed := profile_of(a=35, b=5)]
    ledger.add(10, MIDNIGHT, MIDNIGHT + DAY, Amount(Decimal(2)))
    assert [one.completes for one in ledger.cell_counts([changed])[0]] == [18, 2]
    assert ledger.completes_left == 17


def test_without_the_stuck_cell_nothing_is_limited() -> None:
    """A profile without a cell of that name fills as always."""
    ledger = Ledger("01BTGNYV6HRNK8K8VKZASZCFP1", "USD", stuck=StuckCell("z"))
    ledger.profiles = [profile_of(a=20, b=20)]
    assert ledger.completes_left is None
    assert cells_of([1, 1], 4, {0: 0}) == [1, 1, 1, 1]
    assert cells_of([1], 2, {0: 0}) == [0, 0]


def test_a_stuck_cell_stops_the_arrivals() -> None:
    """The run stays live with full cells until its end."""
    clock = SandboxClock(MIDNIGHT, seconds=lambda: 0.0)
    arrivals = ArrivalProcess(completes_a_day=240, stuck_cell=StuckCell("b"))
    group = Sandbox(clock=clock).seed(live=1, goal=100, completes=0, arrivals=arrivals).groups[0]
    group.set_profiling({"profiles": [profile_of(a=60, b=40)]}, goal=100, at=MIDNIGHT, request=0)
    clock.advance(5 * DAY.total_seconds())
    assert (group.completes, group.status) == (60, "live")
    clock.advance(30 * DAY.total_seconds())
    assert (group.completes, group.status) == (60, "paused")


def test_completes_stop_after_some_hours() -> None:
    """A broken link lets no complete through."""
    clock = SandboxClock(MIDNIGHT, seconds=lambda: 0.0)
    arrivals = ArrivalProcess(completes_a_day=240, stops_after_hours=10)
    group = Sandbox(clock=clock).seed(live=1, goal=5000, completes=0, arrivals=arrivals).groups[0]
    clock.advance(3 * DAY.total_seconds())
    assert 60 < group.completes < 140
    assert group.ledger.latest_at is not None
    assert group.ledger.latest_at <= MIDNIGHT + timedelta(hours=10)
