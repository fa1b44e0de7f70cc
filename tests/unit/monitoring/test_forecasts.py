"""Forecasts: ranges that contain the true close, and what holds for all data."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import accumulate

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrivals import poisson_arrivals, totals

from fieldingkit.monitoring import CellCompletes, Forecast, ForecastStatus, GoalForecast, forecast
from fieldingkit.resources.money import Money

START = datetime(2026, 3, 2, tzinfo=UTC)
SIX_HOURS = timedelta(hours=6)

increments = st.lists(st.integers(0, 60), min_size=8, max_size=24)
"""Completes in intervals of six hours, for two days at least."""
few = settings(max_examples=30, deadline=None)


def counted(numbers: Sequence[int]) -> list[tuple[datetime, int]]:
    """Return the totals of completes that came in intervals of six hours."""
    return [(START + place * SIX_HOURS, total) for place, total in enumerate(accumulate(numbers, initial=0))]


def forecast_of(numbers: Sequence[int], goal: int, end: datetime | None = None) -> Forecast:
    """Return the forecast after the last interval."""
    counts = counted(numbers)
    return forecast(counts, goal=goal, at=counts[-1][0], end=end)


def steady(per_interval: int, intervals: int = 16) -> list[tuple[datetime, int]]:
    """Return the totals of completes at one rate."""
    return counted([per_interval] * intervals)


AT = START + 16 * SIX_HOURS


@few
@given(increments, st.integers(1, 2000))
def test_the_times_are_in_order_and_never_before_the_forecast(numbers: list[int], further: int) -> None:
    """`at` <= `earliest` <= `expected` <= `latest`; one that is unknown is followed by unknown ones only."""
    made = forecast_of(numbers, sum(numbers) + further)
    times = [made.at, made.earliest, made.expected, made.latest]
    known = [time for time in times if time is not None]
    assert known == sorted(known)
    assert times == [*known, *[None] * (4 - len(known))]


@few
@given(increments, st.integers(0, 2000), st.integers(-48, 1000))
def test_no_figure_is_negative_or_beyond_its_bounds(numbers: list[int], further: int, hours: int) -> None:
    """Probabilities are from 0 to 1; the completes by the end are at least those so far, and at most the goal."""
    counts = counted(numbers)
    made = forecast_of(numbers, sum(numbers) + further, counts[-1][0] + timedelta(hours=hours))
    assert made.chance_by_end is not None
    assert 0 <= made.chance_by_end <= 1
    assert made.completes_per_hour is not None
    assert made.completes_per_hour >= 0
    assert made.completes_by_end is not None
    assert made.completes <= made.completes_by_end <= made.goal


@few
@given(increments, st.integers(1, 500), st.integers(1, 500))
def test_a_greater_goal_is_never_reached_earlier(numbers: list[int], further: int, more: int) -> None:
    """All three times are the same or later, and the probability is the same or lower."""
    end, goal = START + timedelta(days=20), sum(numbers) + further
    less, greater = forecast_of(numbers, goal, end), forecast_of(numbers, goal + more, end)
    never = datetime.max.replace(tzinfo=UTC)
    for name in ("earliest", "expected", "latest"):
        assert (getattr(less, name) or never) <= (getattr(greater, name) or never)
    assert less.chance_by_end is not None
    assert greater.chance_by_end is not None
    assert less.chance_by_end >= greater.chance_by_end - 1e-9


@few
@given(increments, st.integers(1, 500), st.integers(0, 400), st.integers(0, 400))
def test_a_later_end_never_lowers_the_probability(numbers: list[int], further: int, hours: int, more: int) -> None:
    """The range itself does not depend on the end."""
    first = START + timedelta(hours=hours)
    sooner, later = (forecast_of(numbers, sum(numbers) + further, first + timedelta(hours=n)) for n in (0, more))
    assert sooner.chance_by_end is not None
    assert later.chance_by_end is not None
    assert sooner.chance_by_end <= later.chance_by_end + 1e-9
    assert (sooner.earliest, sooner.latest) == (later.earliest, later.latest)


@few
@given(increments, st.data())
def test_more_completes_in_an_interval_never_lower_the_rate(numbers: list[int], data: st.DataObject) -> None:
    """`completes_per_hour` increases with each complete; a recent one counts more."""
    place = data.draw(st.integers(0, len(numbers) - 1))
    more = [number + (index == place) for index, number in enumerate(numbers)]
    goal = sum(numbers) + 100
    before, after = (forecast_of(some, goal).completes_per_hour for some in (numbers, more))
    assert before is not None
    assert after is not None
    assert after > before


def test_recent_completes_have_more_weight() -> None:
    """Of two fields with as many completes, the one whose completes came lately has the higher rate."""
    early, late = [20] * 8 + [10] * 8, [10] * 8 + [20] * 8
    rates = [forecast_of(numbers, 1000).completes_per_hour for numbers in (early, late)]
    assert rates[0] is not None
    assert rates[1] is not None
    assert rates[0] < 15 / 6 < rates[1]


@pytest.mark.parametrize(
    ("hours", "completes", "status"),
    [
        (11, 500, "too_early"),
        (12, 9, "too_early"),
        (12, 10, "open"),
        (47, 9, "too_early"),
        (48, 0, "open"),
    ],
)
def test_before_enough_data_a_forecast_is_too_early(hours: int, completes: int, status: str) -> None:
    """It takes 12 hours and 10 completes, or 48 hours."""
    at = START + timedelta(hours=hours)
    made = forecast([(START, 0), (at, completes)], goal=1000, at=at, end=at + timedelta(days=1))
    assert made.status == status
    assert (made.completes_per_hour is None) is (status == "too_early")
    if status == "too_early":
        known = (made.earliest, made.expected, made.latest, made.chance_by_end, made.completes_by_end, made.fills)
        assert known == (None,) * 6


def test_without_any_count_it_is_too_early() -> None:
    """A target group that was never read has no forecast."""
    assert forecast([], goal=10, at=AT).status is ForecastStatus.TOO_EARLY


@pytest.mark.parametrize("hours", [1, 96])
def test_a_full_target_group_needs_no_forecast(hours: int) -> None:
    """It is full however early it is, and its cost is the cost so far."""
    cost = Money(value=Decimal("250.00"), currency_code="USD")
    at = START + timedelta(hours=hours)
    made = forecast([(START, 0), (at, 100)], goal=100, at=at, end=at + SIX_HOURS, cost=cost, price=cost)
    assert made.status is ForecastStatus.FULL
    assert (made.fills, made.chance_by_end, made.completes_by_end) == (True, 1.0, 100.0)
    assert made.projected_cost == cost
    assert made.earliest is made.latest is None


def test_a_steady_field_closes_when_its_rate_says() -> None:
    """10 completes in six hours for four days: the next 80 take about two days."""
    made = forecast(steady(10), goal=240, at=AT, end=AT + timedelta(days=10))
    assert made.earliest is not None
    assert made.latest is not None
    assert AT + timedelta(hours=34) < made.earliest < AT + timedelta(hours=48) < made.latest < AT + timedelta(hours=84)
    assert made.fills is True
    assert forecast(steady(10), goal=240, at=AT, end=AT + timedelta(hours=24)).fills is False
    assert forecast(steady(10), goal=240, at=AT, end=AT + timedelta(hours=48)).fills is None


def test_the_stuck_cell_is_the_reason() -> None:
    """The target group is late because of one cell; the others are full in time."""
    cells = [
        CellCompletes(name="women", completes=steady(5), goal=100),
        CellCompletes(name="men", completes=counted([5] * 6 + [0] * 10), goal=100),
    ]
    total = counted([10] * 6 + [5] * 10)
    made = forecast(total, goal=200, at=AT, end=AT + timedelta(days=7), cells=cells)
    women, men = made.cells
    assert women.fills is True
    assert (men.fills, men.latest) == (False, None)
    assert (made.fills, made.limiting_cell) == (False, "men")
    assert made.completes_by_end == pytest.approx(130, abs=3)


def test_without_a_late_cell_there_is_no_reason() -> None:
    """No cell limits a target group that fills in time."""
    cells = [CellCompletes(name=name, completes=steady(5), goal=100) for name in ("women", "men")]
    made = forecast(steady(10), goal=200, at=AT, end=AT + timedelta(days=7), cells=cells)
    assert (made.fills, made.limiting_cell) == (True, None)


def test_cells_of_different_profiles_are_not_multiplied() -> None:
    """Each profile divides the same completes, so the least probable profile decides."""
    one = CellCompletes(name="women", completes=steady(5), goal=90, profile="gender")
    other = attrs.evolve(one, name="young", profile="age")
    end = AT + timedelta(hours=14)
    alone, both = (forecast(steady(10), goal=180, at=AT, end=end, cells=cells) for cells in ([one], [one, other]))
    assert alone.chance_by_end == both.chance_by_end
    assert 0.1 < both.cells[0].chance_by_end < 0.9  # type: ignore[operator]  # None fails, too


def test_the_projected_cost_adds_the_current_price_of_further_completes() -> None:
    """160 completes cost 400 so far; 80 more at 3 each are 640, if the goal is sure to be reached."""
    cost, price = (Money(value=Decimal(value), currency_code="EUR") for value in ("400.00", "3"))
    made = forecast(steady(10), goal=240, at=AT, end=AT + timedelta(days=60), cost=cost, price=price)
    assert made.projected_cost is not None
    assert made.projected_cost.currency_code == "EUR"
    assert made.projected_cost.value == pytest.approx(Decimal(640), abs=Decimal(5))


def test_costs_of_different_currencies_are_not_added() -> None:
    """There is no projected cost then."""
    cost, price = Money(value=Decimal(400), currency_code="EUR"), Money(value=Decimal(3), currency_code="USD")
    assert forecast(steady(10), goal=240, at=AT, end=AT, cost=cost, price=price).projected_cost is None


def test_reconciled_completes_correct_earlier_counts() -> None:
    """A count that is less than an earlier one never counts as a negative arrival."""
    counts = [*steady(10), (AT + SIX_HOURS, 120)]
    made = forecast(counts, goal=240, at=AT + SIX_HOURS)
    assert made.completes == 120
    assert made.completes_per_hour is not None
    assert made.completes_per_hour > 0


def test_counts_after_the_time_of_the_forecast_are_ignored() -> None:
    """The API's last interval ends in the future."""
    later = [(AT + SIX_HOURS, 500)]
    assert forecast([*steady(10), *later], goal=900, at=AT) == forecast(steady(10), goal=900, at=AT)


def test_the_order_of_the_counts_does_not_matter() -> None:
    """Snapshots may be read from a history in any order."""
    assert forecast(steady(10)[::-1], goal=240, at=AT) == forecast(steady(10), goal=240, at=AT)


def test_times_of_other_timezones_are_the_same_times() -> None:
    """The forecast's own times are in UTC."""
    berlin = timezone(timedelta(hours=1))
    made = forecast([(at.astimezone(berlin), count) for at, count in steady(10)], goal=240, at=AT.astimezone(berlin))
    assert made == forecast(steady(10), goal=240, at=AT)
    assert made.at.utcoffset() == timedelta(0)


def test_times_without_a_timezone_are_refused() -> None:
    """They could be of any place."""
    with pytest.raises(ValueError, match="need a timezone"):
        forecast(steady(10), goal=240, at=AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="need a timezone"):
        forecast([(at.replace(tzinfo=None), count) for at, count in steady(10)], goal=240, at=AT)


def test_a_negative_goal_is_refused() -> None:
    """A goal is a number of completes."""
    with pytest.raises(ValueError, match="at least 0"):
        forecast(steady(10), goal=-1, at=AT)


def test_a_forecast_is_exported_with_its_cells() -> None:
    """Times become text; the status is the word."""
    cells = [CellCompletes(name="women", completes=steady(5), goal=100)]
    exported = json.loads(forecast(steady(10), goal=240, at=AT, cells=cells).to_json())
    assert exported["status"] == "open"
    assert exported["cells"][0]["name"] == "women"
    assert set(exported["cells"][0]) == {field.name for field in attrs.fields(GoalForecast)}


def test_nine_of_ten_steady_fields_close_within_the_range() -> None:
    """Of 60 fields from a fixed seed, 48 at least; `python -m benchmarks.forecast` measures 1,000 of each kind."""
    chance, covered = random.Random(20260302), 0
    for _ in range(60):
        goal = chance.randrange(80, 400)
        hours = poisson_arrivals(chance, per_hour=goal / chance.uniform(100, 300), count=goal)
        at = hours[goal // 2]
        made = forecast(totals(hours, START, at), goal=goal, at=START + timedelta(hours=at))
        close = START + timedelta(hours=hours[-1])
        assert made.earliest is not None
        covered += made.earliest <= close <= (made.latest or close)
    assert covered >= 48
