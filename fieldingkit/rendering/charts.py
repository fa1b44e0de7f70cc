"""The timeline of a sweep's jobs as an SVG: how many target groups were settled when, and when each job ran."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Final

import attrs

from fieldingkit.rendering.markup import Markup, tag
from fieldingkit.sweeps.report import Counts, Outcome

__all__ = ["Bar", "plot", "spoken"]


_WIDTH: Final = 960.0
_LEFT: Final = 64.0
_RIGHT: Final = 16.0
_CURVE: Final = 96.0
_GAP: Final = 26.0
_VISIBLE: Final = 3.0
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)


@attrs.frozen(kw_only=True)
class Bar:
    """One job of the timeline."""

    label: str
    """What to show of it when it is pointed at."""
    began: datetime
    """When it was created."""
    ended: datetime
    """When its end was seen."""
    size: int
    """How many target groups it was for."""
    counts: Counts
    """How its target groups came out, which are the colours of its parts."""


def plot(bars: Sequence[Bar]) -> Markup:
    """Draw the jobs of a sweep, the first one on top.

    Args:
        bars: The jobs whose times are known, at least one.
    """
    start = min(bar.began for bar in bars)
    length = max((max(bar.ended for bar in bars) - start).total_seconds(), 0.05)
    scale = (_WIDTH - _LEFT - _RIGHT) / length
    ordered = sorted(bars, key=lambda bar: (bar.began, bar.ended))
    row = min(14.0, max(2.0, 480.0 / len(ordered)))
    top = _CURVE + _GAP
    bottom = top + row * len(ordered)

    def x(at: datetime) -> float:
        return _LEFT + (at - start).total_seconds() * scale

    return tag(
        "svg",
        tag("title", f"{len(bars)} jobs over {spoken(length)}"),
        *_axis(length, scale, bottom),
        _settled(ordered, x),
        *(
            _drawn(bar, x(bar.began), top + number * row, max(2.0, x(bar.ended) - x(bar.began)), row)
            for number, bar in enumerate(ordered)
        ),
        tag("text", "jobs", x=_LEFT - 8, y=top + min(row, 12.0), text_anchor="end"),
        viewBox=f"0 0 {_WIDTH:g} {bottom + 26:.0f}",
        role="img",
        class_="plot",
        xmlns="http://www.w3.org/2000/svg",
    )


def spoken(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _drawn(bar: Bar, left: float, top: float, width: float, row: float) -> Markup:
    """A job as a bar; each outcome has its part of it, and none that occurred is too narrow to be seen."""
    present = [(outcome, number) for outcome, number in zip(Outcome, bar.counts, strict=True) if number]
    least = min(_VISIBLE, width / max(1, len(present)))
    spare = width - least * len(present)
    parts: list[Markup] = []
    for outcome, number in present:
        part = least + spare * number / bar.counts.total
        height = max(1.0, row - min(3.0, row / 4))
        parts.append(tag("rect", x=left, y=top, width=part, height=height, class_=outcome.value))
        left += part
    return tag("g", tag("title", bar.label), *parts)


def _axis(length: float, scale: float, bottom: float) -> list[Markup]:
    """Lines at round numbers of seconds, ten of them at most."""
    step = next((tick for tick in _TICKS if length / tick <= 10), length / 10)
    marks: list[Markup] = []
    for number in range(int(length / step) + 1):
        at = _LEFT + number * step * scale
        marks.append(tag("line", x1=at, x2=at, y1=4, y2=bottom + 4, class_="tick"))
        marks.append(tag("text", _tick_label(number * step, step), x=at, y=bottom + 20, text_anchor="middle"))
    return marks


def _tick_label(seconds: float, step: float) -> str:
    if step >= 60:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours}:{minutes:02} h" if step >= 3600 else f"{hours * 60 + minutes} min"
    return f"{seconds:.1f} s" if step < 1 else f"{seconds:.0f} s"


def _settled(bars: Sequence[Bar], x: Callable[[datetime], float]) -> Markup:
    """The curve of how many target groups had been settled at each moment."""
    ended = sorted(bars, key=lambda bar: bar.ended)
    total = sum(bar.size for bar in bars)
    height = _CURVE - 14
    points = [(_LEFT, _CURVE)]
    for bar, settled in zip(ended, accumulate(bar.size for bar in ended), strict=True):
        points += [(x(bar.ended), points[-1][1]), (x(bar.ended), _CURVE - height * settled / total)]
    line = " ".join(f"{left:.1f},{y:.1f}" for left, y in points)
    area = f"{line} {points[-1][0]:.1f},{_CURVE:.1f}"
    return Markup(
        tag("polygon", points=area, class_="area")
        + tag("polyline", points=line, class_="curve")
        + tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_CURVE, y2=_CURVE, class_="base")
        + tag("text", f"{total:,}", x=_LEFT - 8, y=_CURVE - height + 8, text_anchor="end")
        + tag("text", "settled", x=_LEFT - 8, y=_CURVE, text_anchor="end")
    )
