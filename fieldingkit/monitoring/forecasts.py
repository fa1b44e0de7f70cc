"""Forecasts: when a target group will close, whether it fills before its end, which cell is the reason, and the cost.

Pure functions of the completes that were counted so far. The probability P(h) that a goal is reached within the next h
hours comes from `fieldingkit.monitoring.arrival_model`. From it follow, with the time of the forecast as 0:

- ``earliest``, ``expected`` and ``latest``: the first h with P(h) of at least 3 %, 50 % and 93 %. The true close lies
  between earliest and latest in 90 % of simulated fields.
- ``chance_by_end``: P(the hours until the end of fielding).
- ``completes_by_end``: the completes so far and the mean of further ones until the end, at most the goal.
- ``projected_cost``: the cost so far and the current price of each further complete until the end.

A target group closes when its goal and all its quota cells are full. So its P(h) is the smallest of these: that of its
own completes, and for each profile the product over its cells.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

import attrs

from fieldingkit.monitoring.arrival_model import HORIZON_HOURS, ArrivalModel, fit, hours_until
from fieldingkit.resources.money import Money
from fieldingkit.results import Serializable

__all__ = ["CellCompletes", "Forecast", "ForecastStatus", "GoalForecast", "forecast"]

COVERAGE: Final = 0.9
"""The probability that the true close lies in the stated range."""
EARLIER: Final = 0.03
"""The probability that it is earlier. Late closes have the longer tail: a range that leaves out more of these than of
the early ones is shorter, and has an end more often."""
SURE: Final = 0.95
"""The probability from which it is said that a field fills."""
FEWEST_HOURS: Final = 12.0
"""A target group that was observed for a shorter time has no forecast."""
FEWEST_COMPLETES: Final = 10
"""A target group with fewer completes has no forecast before `ENOUGH_HOURS`."""
ENOUGH_HOURS: Final = 48.0
"""After this time even no complete is enough for a forecast."""

_STEP_HOURS: Final = 3.0
_MEMORY_HOURS: Final = 14 * 24.0
_UNLIKELY: Final = 0.5

Counts = Sequence[tuple[datetime, int]]
"""Times with the total number of completes by then."""


class ForecastStatus(StrEnum):
    """The kind of a forecast."""

    TOO_EARLY = "too_early"
    """There are not enough data yet; the forecast has no times."""
    UNKNOWN = "unknown"
    """The start of fielding was not read, so that it is not known whether there are enough data; it has no times."""
    OPEN = "open"
    """The goal is not reached yet; the forecast has its probable times."""
    FULL = "full"
    """The goal is reached."""


@attrs.frozen(kw_only=True)
class CellCompletes:
    """The completes of a quota cell so far."""

    name: str
    """The cell."""
    completes: Counts
    """Times with the total number of completes by then; the first is the start."""
    goal: int
    """The goal of the cell."""
    profile: str = ""
    """The profile whose cell it is."""


@attrs.frozen(kw_only=True)
class GoalForecast(Serializable):
    """The forecast of a goal: that of a target group or of one of its quota cells."""

    name: str
    """The cell; empty for a target group."""
    status: ForecastStatus
    """The kind of the forecast."""
    at: datetime
    """The time of the forecast, UTC."""
    completes: int
    """The completes so far."""
    goal: int
    """The goal."""
    end: datetime | None
    """The end of fielding, UTC; None if there is none."""
    completes_per_hour: float | None = None
    """The completes in an hour, the recent ones with more weight; None while it is too early."""
    earliest: datetime | None = None
    """The close is later with a probability of 97 %, UTC; None if it is unknown, or later than in 90 days."""
    expected: datetime | None = None
    """The close is as likely earlier as later, UTC; None if it is unknown, or later than in 90 days."""
    latest: datetime | None = None
    """The close is earlier with a probability of 93 %, UTC; None if it is unknown, or later than in 90 days."""
    chance_by_end: float | None = None
    """The probability, from 0 to 1, that it fills before the end; None if it is too early, or there is no end."""
    completes_by_end: float | None = None
    """The completes to expect by the end; None if it is too early, or there is no end."""

    @property
    def fills(self) -> bool | None:
        """True if it fills before its end with a probability of 95 %, False if with 5 % at most; None between."""
        if self.chance_by_end is None:
            return None
        return True if self.chance_by_end >= SURE else False if self.chance_by_end <= 1 - SURE else None


@attrs.frozen(kw_only=True)
class Forecast(GoalForecast):
    """The forecast of a target group."""

    cells: tuple[GoalForecast, ...] = ()
    """The forecasts of its quota cells."""
    limiting_cell: str | None = None
    """The cell that is the reason why it probably does not fill before its end; None if there is no such cell."""
    projected_cost: Money | None = None
    """The cost of all completes by the end; None if the cost or the price is not known."""


def forecast(
    completes: Counts,
    *,
    goal: int,
    at: datetime,
    end: datetime | None = None,
    cells: Iterable[CellCompletes] = (),
    cost: Money | None = None,
    price: Money | None = None,
) -> Forecast:
    """Return the forecast of a target group that is live.

    Args:
        completes: Times with the total number of completes by then. The first is the start of fielding, or the end of
            the latest pause; times after `at` are ignored. If a count is less than an earlier one, because completes
            were reconciled, the earlier one is corrected.
        goal: The completes goal.
        at: The time of the forecast.
        end: The end of fielding.
        cells: The quota cells that have to be full as well.
        cost: The cost of all completes so far.
        price: The current price of a complete, in the same currency.

    Raises:
        ValueError: If a time has no timezone, or a goal is negative.
    """
    group = _Goal("", _sampled(completes, at), goal)
    goals = sorted(
        ((cell.profile, _Goal(cell.name, _sampled(cell.completes, at), cell.goal)) for cell in cells), key=_profile
    )
    profiles = [[one for _, one in members] for _, members in groupby(goals, key=_profile)]

    def chance(hours: float) -> float:
        filled = (math.prod(one.chance(hours) for one in profile) for profile in profiles)
        return 1.0 if group.remaining == 0 else min(group.chance(hours), *filled, 1.0)

    too_early, left = _is_too_early(group.counts), None if end is None else _hours(at, end)
    parts = tuple(_goal_forecast(one, one.chance, at, end, too_early=too_early) for _, one in goals)
    whole = _goal_forecast(group, chance, at, end, too_early=too_early)
    by_end = None if left is None or (too_early and group.remaining) else group.completes_within(left, profiles)
    members: dict[str, Any] = {field.name: getattr(whole, field.name) for field in attrs.fields(GoalForecast)}
    members["completes_by_end"] = by_end
    return Forecast(
        **members,
        cells=parts,
        limiting_cell=None if too_early else _limiting_cell([one for _, one in goals], left),
        projected_cost=_projected_cost(cost, price, by_end, group.completes),
    )


class _Goal:
    """A goal with the completes that it has so far."""

    def __init__(self, name: str, counts: Sequence[tuple[float, int]], goal: int) -> None:
        if goal < 0:
            raise ValueError(f"a goal is at least 0; got {goal}")
        self.name, self.counts, self.goal = name, counts, goal
        self.completes = counts[-1][1] if counts else 0
        self.remaining = max(0, goal - self.completes)
        self.model: ArrivalModel | None = fit(*zip(*counts, strict=True)) if len(counts) > 1 else None

    def chance(self, hours: float) -> float:
        """Return the probability that the goal is reached within so many hours."""
        if self.model is None:
            return float(self.remaining == 0)
        return self.model.chance(self.remaining, hours)

    def completes_within(self, hours: float, profiles: Iterable[Sequence["_Goal"]] = ()) -> float:
        """Return the completes to expect after so many hours; those of full cells come no more."""
        further = self.model.mean(self.remaining, hours) if self.model is not None else 0.0
        whole = (cells for cells in profiles if sum(cell.goal for cell in cells) >= self.goal)
        by_cells = (sum(cell.completes_within(hours) for cell in cells) for cells in whole)
        return max(self.completes, min(self.completes + further, *by_cells, math.inf))


def _profile(cell: tuple[str, _Goal]) -> str:
    return cell[0]


def _hours(since: datetime, until: datetime) -> float:
    return (until - since) / timedelta(hours=1)


def _sampled(completes: Counts, at: datetime) -> list[tuple[float, int]]:
    """Return the counts of the latest two weeks, three hours or more apart, in hours from now; the last one is at 0."""
    if at.utcoffset() is None or any(time.utcoffset() is None for time, _ in completes):
        raise ValueError("the times of a forecast need a timezone, such as UTC")
    known = sorted((_hours(at, time), count) for time, count in completes if time <= at)
    counts: list[tuple[float, int]] = []
    least = known[-1][1] if known else 0
    for hour, count in reversed([*known, *((0.0, count) for _, count in known[-1:])]):
        least = min(least, count)
        if not counts or (counts[-1][0] - hour >= _STEP_HOURS and -hour <= _MEMORY_HOURS):
            counts.append((hour, least))
    return counts[::-1]


def _is_too_early(counts: Sequence[tuple[float, int]]) -> bool:
    if not counts:
        return True
    observed, completes = -counts[0][0], counts[-1][1]
    return observed < FEWEST_HOURS or (completes < FEWEST_COMPLETES and observed < ENOUGH_HOURS)


def _goal_forecast(
    goal: _Goal, chance: Callable[[float], float], at: datetime, end: datetime | None, *, too_early: bool
) -> GoalForecast:
    known = GoalForecast(
        name=goal.name,
        status=ForecastStatus.OPEN,
        at=at.astimezone(UTC),
        completes=goal.completes,
        goal=goal.goal,
        end=None if end is None else end.astimezone(UTC),
    )
    left = None if end is None else max(0.0, _hours(at, end))
    per_hour = None if goal.model is None or too_early else goal.model.completes_per_hour
    if goal.remaining == 0:
        by_end = None if left is None else float(goal.completes)
        sure = None if left is None else 1.0
        return attrs.evolve(
            known, status=ForecastStatus.FULL, completes_per_hour=per_hour, chance_by_end=sure, completes_by_end=by_end
        )
    if too_early:
        return attrs.evolve(known, status=ForecastStatus.TOO_EARLY)
    closes = hours_until(chance, (EARLIER, 0.5, EARLIER + COVERAGE))
    earliest, expected, latest = (None if hours is None else known.at + timedelta(hours=hours) for hours in closes)
    return attrs.evolve(
        known,
        completes_per_hour=per_hour,
        earliest=earliest,
        expected=expected,
        latest=latest,
        chance_by_end=None if left is None else chance(left),
        completes_by_end=None if left is None else goal.completes_within(left),
    )


def _limiting_cell(cells: Iterable[_Goal], left: float | None) -> str | None:
    hours = HORIZON_HOURS if left is None else left
    chances = [(cell.chance(hours), cell.name) for cell in cells if cell.remaining]
    least, name = min(chances, default=(1.0, ""))
    return name if least < _UNLIKELY else None


def _projected_cost(cost: Money | None, price: Money | None, by_end: float | None, completes: int) -> Money | None:
    if cost is None or price is None or cost.value is None or price.value is None or by_end is None:
        return None
    if cost.currency_code != price.currency_code:
        return None
    value = cost.value + price.value * Decimal(by_end - completes)
    return attrs.evolve(cost, value=value.quantize(Decimal("0.01"), ROUND_HALF_UP))
