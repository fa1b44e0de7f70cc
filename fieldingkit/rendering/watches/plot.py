"""The geometry of a forecast's plot: the completes so far, the range of the close, and the end of fielding."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from fieldingkit.rendering.watches.model import ForecastView, GroupView

__all__ = ["ForecastPlot", "Mark", "make_plot", "sparkline"]

_WIDTH: Final = 1000.0
_HEIGHT: Final = 100.0
_HEADROOM: Final = 1.08
_MAX_POINTS: Final = 120
_AHEAD: Final = 3.0
"""The longest part of the axis that is ahead, in times of the part that is past."""
_LEAST_PAST: Final = timedelta(hours=6)
_STEPS: Final = tuple(
    timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 96, 168, 336, 672, 1344, 2688, 5376, 10_752)
)
_MAX_MARKS: Final = 5
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


@attrs.frozen
class Mark:
    """A mark on the axis of time."""

    at: float
    """The distance from the left edge, in percent."""
    label: str
    """The time."""


@attrs.frozen(kw_only=True)
class ForecastPlot:
    """A plot in a box of 1000 by 100 units, whose y axis points down."""

    past: str
    """The points of the line of completes so far."""
    area: str
    """The points of the area below it."""
    fan: str
    """The points of the area that holds the forecast; empty if there is none."""
    expected: str
    """The points of the line of the expected course; empty if there is none."""
    goal_y: float
    """The height of the goal."""
    now_x: float
    """The time of the figures."""
    end_x: float | None
    """The end of fielding; None if it is not on the plot."""
    marks: tuple[Mark, ...]
    """The axis of time."""


def make_plot(group: GroupView) -> ForecastPlot | None:
    """Return the plot of a target group; None if fewer than two counts are known, or there is no goal."""
    counts = _thin(group.counts)
    if len(counts) < 2 or group.goal <= 0:
        return None
    start, (now, completes) = counts[0][0], counts[-1]
    right = _right(group, start, now)
    top = max(group.goal, completes) * _HEADROOM

    def x(at: datetime) -> float:
        return round(_WIDTH * ((at - start) / (right - start)), 1)

    def y(number: float) -> float:
        return round(_HEIGHT * (1 - number / top), 1)

    points = [(x(at), y(number)) for at, number in counts]
    here = points[-1]
    goal_y = y(group.goal)
    fan, expected = _ahead(group.forecast, here, goal_y, x)
    end = group.ends_at if group.ends_at is not None and start < group.ends_at <= right else None
    return ForecastPlot(
        past=_points(points),
        area=_points([(points[0][0], _HEIGHT), *points, (here[0], _HEIGHT)]),
        fan=_points(fan),
        expected=_points(expected),
        goal_y=goal_y,
        now_x=here[0],
        end_x=None if end is None else x(end),
        marks=_marks(start, right),
    )


def sparkline(numbers: Sequence[int]) -> str:
    """Return numbers as blocks whose height is their part of the largest one."""
    highest = max(numbers, default=0)
    if not highest:
        return _BLOCKS[0] * len(numbers)
    return "".join(_BLOCKS[-(-number * (len(_BLOCKS) - 1) // highest)] for number in numbers)


def _thin(counts: Sequence[tuple[datetime, int]]) -> Sequence[tuple[datetime, int]]:
    """Return at most so many counts as can be distinguished, with the first and the last one."""
    step = -(-len(counts) // _MAX_POINTS) or 1
    return [*counts[:-1:step], *counts[-1:]]


def _right(group: GroupView, start: datetime, now: datetime) -> datetime:
    """Return the right edge: it shows the close and the end of fielding, unless they are too far ahead."""
    past = max(now - start, _LEAST_PAST)
    made = group.forecast
    times = [group.ends_at] if made is None else [group.ends_at, made.expected, made.latest]
    wanted = max([now + past / 10, *(at for at in times if at is not None)])
    return min(wanted + (wanted - start) / 25, now + _AHEAD * past)


def _ahead(
    made: ForecastView | None, here: tuple[float, float], goal_y: float, x: Callable[[datetime], float]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return the area of the forecast, and its expected course."""
    if made is None or made.earliest is None:
        return [], []
    # Without a latest time it may never close: then the area reaches to the right edge at the height of now.
    last = (_WIDTH, here[1]) if made.latest is None else (x(made.latest), goal_y)
    corner = [(_WIDTH, goal_y)] if made.latest is None else []
    fan = [here, (x(made.earliest), goal_y), *corner, last]
    return fan, [] if made.expected is None else [here, (x(made.expected), goal_y)]


def _marks(start: datetime, right: datetime) -> tuple[Mark, ...]:
    """Return a few marks at full hours or at midnight, UTC."""
    length = right - start
    step = next((step for step in _STEPS if length / step <= _MAX_MARKS), length / _MAX_MARKS)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    times = (midnight + number * step for number in range(int((right - midnight) / step) + 1))
    return tuple(
        Mark(round(100 * ((at - start) / length), 2), f"{at:%H:%M}" if at.hour else f"{at.day} {at:%b}")
        for at in times
        if start <= at <= right
    )


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
