"""Completes that arrive as a seed decides."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sandbox import ArrivalProcess, Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.model.amounts import Amount

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 86_400.0


def live_group(goal: int = 5000, ends_in: float = 30 * DAY, **process: Any) -> tuple[SandboxClock, TargetGroup]:
    """Return a live target group without completes, and the stopped clock of its sandbox."""
    clock = SandboxClock(MIDNIGHT, seconds=lambda: 0.0)  # the dates follow from the start, to the millisecond
    arrivals = ArrivalProcess(**{"completes_a_day": 240, "seed": 7, **process})
    project = Sandbox(clock=clock).seed(live=1, goal=goal, completes=0, ends_in=ends_in, arrivals=arrivals)
    return clock, project.groups[0]


def completes_after(hours: list[int], **process: Any) -> list[int]:
    """Return the completes of a new target group after so many hours each."""
    clock, group = live_group(**process)
    counts, passed = list[int](), 0
    for hour in hours:
        clock.advance((hour - passed) * 3600)
        passed = hour
        counts.append(group.completes)
    return counts


def test_completes_arrive_at_the_mean_rate() -> None:
    """240 a day are 2,400 in ten days, give or take a few times the square root."""
    [count] = completes_after([240])
    assert count == pytest.approx(2400, abs=250)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6))
def test_the_dates_do_not_depend_on_how_often_they_are_read(hours: list[int]) -> None:
    """A target group that is read often has as many completes in the end as one that is read once."""
    assert (
        completes_after([*sorted(hours), 200], completes_a_day=24)[-1] == completes_after([200], completes_a_day=24)[0]
    )


def test_another_seed_gives_other_dates() -> None:
    """The same seed gives the same dates."""
    hours = [*range(1, 25)]
    assert completes_after(hours, seed=1) == completes_after(hours, seed=1) != completes_after(hours, seed=2)


def test_a_day_rhythm_has_few_completes_at_night() -> None:
    """Hours 0 to 6 have less than an eighth of the completes of hours 17 to 22."""
    night, _, until_17, evening = completes_after([6, 17, 17, 22], course="day_rhythm", completes_a_day=2400)
    assert night < (evening - until_17) / 8


def test_a_fading_rate_halves_with_each_half_life() -> None:
    """The second half-life brings about half of the completes of the first, and all never reach twice the first."""
    first, second, last = completes_after([24, 48, 24 * 25], course="fading", half_life_hours=24, completes_a_day=1000)
    assert (second - first) / first == pytest.approx(0.5, abs=0.1)
    assert last < 2.3 * first


def test_a_low_price_slows_a_price_sensitive_group() -> None:
    """Half of the usual price brings a quarter of the completes; a higher price than the usual brings no more."""
    process = ArrivalProcess(completes_a_day=100, course="price_sensitive", usual_price=Decimal("2.50"))
    rates = [process.completes_a_day_at(Amount(Decimal(price))) for price in ("1.25", "2.50", "5")]
    assert rates == [25, 100, 100]


def test_the_run_pauses_with_the_complete_that_reaches_the_goal() -> None:
    """The ledger stops at the goal, at the date of that complete."""
    clock, group = live_group(goal=100)
    clock.advance(5 * DAY)
    assert (group.completes, group.status) == (100, "paused")
    assert group.run is not None
    assert group.run.last_changed_at == group.ledger.latest_at


def test_a_goal_that_is_never_reached_ends_with_the_run() -> None:
    """The end date pauses the run, also beyond the time for which dates are drawn ahead."""
    clock, group = live_group(goal=5000, ends_in=150 * DAY, course="fading", half_life_hours=12)
    clock.advance(151 * DAY)
    assert group.status == "paused"
    assert 0 < group.completes < 5000


def test_no_completes_arrive_during_a_pause() -> None:
    """They arrive again after the run is resumed."""
    clock, group = live_group()
    clock.advance(DAY)
    group.act("pause", by="a colleague")
    before = group.completes
    clock.advance(DAY)
    assert group.completes == before
    group.act("resume", by="a colleague")
    clock.advance(DAY)
    assert group.completes > before + 150


def test_seeded_target_groups_have_no_arrivals_by_default() -> None:
    """The test assigns their completes."""
    clock = SandboxClock(MIDNIGHT, seconds=lambda: 0.0)  # the dates follow from the start, to the millisecond
    group = Sandbox(clock=clock).seed(live=1, completes=40).groups[0]
    clock.advance(10 * DAY)
    assert group.completes == 40


def test_completes_in_a_period_agree_with_the_counts() -> None:
    """Statistics of a past date use the drawn dates."""
    clock, group = live_group()
    clock.advance(timedelta(days=3).total_seconds())
    total = group.completes
    middle = MIDNIGHT + timedelta(days=1)
    assert group.ledger.completed_between(middle, clock.now() + timedelta(seconds=1))[
        0
    ] == total - group.ledger.completes_at(middle - timedelta(microseconds=1))
