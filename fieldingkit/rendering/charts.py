"""SVG charts of a sweep report: the bar of outcomes, and the timeline of the jobs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Final

import attrs

from fieldingkit.rendering.markup import Markup, tag
from fieldingkit.rendering.model import SweepDocument
from fieldingkit.rendering.text import format_duration
from fieldingkit.rendering.wording import format_counts

__all__ = ["Bar", "job_bars", "share_bar", "timeline"]


_WIDTH: Final = 960.0
_LEFT: Final = 64.0
_RIGHT: Final = 16.0
_CURVE: Final = 96.0
_GAP: Final = 26.0
_MIN_PART_WIDTH: Final = 3.0
_MIN_SHARE: Final = 6
"""The smallest part of a share bar, in thousandths of its width."""
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)


@attrs.frozen(kw_only=True)
class Bar:
    """One job of the timeline."""

    label: str
    """The tooltip."""
    created_at: datetime
    """When the job was created."""
    ended_at: datetime
    """When its end was seen."""
    size: int
    """The number of target groups in the job."""
    counts: Mapping[str, int]
    """The outcomes of its target groups, which color its parts."""


def share_bar(counts: Mapping[str, int], *, small: bool = False) -> Markup:
    """Draw the outcomes as parts of one bar; every outcome that occurred is wide enough to see."""
    present = {outcome: number for outcome, number in counts.items() if number}
    spare = 1000 - _MIN_SHARE * len(present)
    parts: list[Markup] = []
    left = 0.0
    for outcome, number in present.items():
        width = _MIN_SHARE + spare * number / sum(present.values())
        parts.append(tag("rect", x=left, y=0, width=width, height=10, class_=outcome))
        left += width
    return tag(
        "svg",
        tag("title", format_counts(counts) or "nothing"),
        *parts,
        viewBox="0 0 1000 10",
        preserveAspectRatio="none",
        role="img",
        class_="share small" if small else "share",
    )


def job_bars(document: SweepDocument) -> list[Bar]:
    """Return the bars of the timeline: the jobs whose creation and end are known."""
    bars: list[Bar] = []
    for job in document.jobs:
        if job.created_at is None or job.ended_at is None or job.seconds is None:
            continue
        counts = document.by_job[job.job_id]
        outcomes = format_counts(counts) or "sent again"
        label = f"job {job.job_id} of project {job.project_id}: {outcomes}, {format_duration(job.seconds)}"
        bars.append(Bar(label=label, created_at=job.created_at, ended_at=job.ended_at, size=job.size, counts=counts))
    return bars


def timeline(bars: Sequence[Bar]) -> Markup:
    """Draw the jobs of a sweep, the earliest one on top, below a curve of the target groups settled so far.

    Args:
        bars: At least one job.
    """
    start = min(bar.created_at for bar in bars)
    length = max((max(bar.ended_at for bar in bars) - start).total_seconds(), 0.05)
    scale = (_WIDTH - _LEFT - _RIGHT) / length
    ordered = sorted(bars, key=lambda bar: (bar.created_at, bar.ended_at))
    row = min(14.0, max(2.0, 480.0 / len(ordered)))
    top = _CURVE + _GAP
    bottom = top + row * len(ordered)

    def x(at: datetime) -> float:
        return _LEFT + (at - start).total_seconds() * scale

    return tag(
        "svg",
        tag("title", f"{len(bars)} jobs over {format_duration(length)}"),
        *_axis(length, scale, bottom),
        _settled_curve(ordered, x),
        *(
            _job(bar, x(bar.created_at), top + number * row, max(2.0, x(bar.ended_at) - x(bar.created_at)), row)
            for number, bar in enumerate(ordered)
        ),
        tag("text", "jobs", x=_LEFT - 8, y=top + min(row, 12.0), text_anchor="end"),
        viewBox=f"0 0 {_WIDTH:g} {bottom + 26:.0f}",
        role="img",
        class_="plot",
        xmlns="http://www.w3.org/2000/svg",
    )


def _job(bar: Bar, left: float, top: float, width: float, row: float) -> Markup:
    """Draw a job as a bar with a part for each outcome; every part is wide enough to see."""
    present = {outcome: number for outcome, number in bar.counts.items() if number}
    least = min(_MIN_PART_WIDTH, width / max(1, len(present)))
    spare = width - least * len(present)
    parts: list[Markup] = []
    for outcome, number in present.items():
        part = least + spare * number / sum(present.values())
        height = max(1.0, row - min(3.0, row / 4))
        parts.append(tag("rect", x=left, y=top, width=part, height=height, class_=outcome))
        left += part
    return tag("g", tag("title", bar.label), *parts)


def _axis(length: float, scale: float, bottom: float) -> list[Markup]:
    """Draw at most ten vertical lines at round numbers of seconds."""
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


def _settled_curve(bars: Sequence[Bar], x: Callable[[datetime], float]) -> Markup:
    """Draw the number of target groups settled over time."""
    ended = sorted(bars, key=lambda bar: bar.ended_at)
    total = sum(bar.size for bar in bars)
    height = _CURVE - 14
    points = [(_LEFT, _CURVE)]
    for bar, settled in zip(ended, accumulate(bar.size for bar in ended), strict=True):
        points += [(x(bar.ended_at), points[-1][1]), (x(bar.ended_at), _CURVE - height * settled / total)]
    line = " ".join(f"{left:.1f},{y:.1f}" for left, y in points)
    area = f"{line} {points[-1][0]:.1f},{_CURVE:.1f}"
    return Markup(
        tag("polygon", points=area, class_="area")
        + tag("polyline", points=line, class_="curve")
        + tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_CURVE, y2=_CURVE, class_="base")
        + tag("text", f"{total:,}", x=_LEFT - 8, y=_CURVE - height + 8, text_anchor="end")
        + tag("text", "settled", x=_LEFT - 8, y=_CURVE, text_anchor="end")
    )
