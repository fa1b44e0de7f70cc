"""The geometry of the charts of a sweep report: shares of outcomes, and the timeline of the jobs."""

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Final

import attrs

from fieldingkit.rendering.model import JobRow, SweepDocument
from fieldingkit.rendering.text import format_duration, pluralize
from fieldingkit.rendering.wording import format_counts

__all__ = ["WIDTH", "Bar", "Part", "Tick", "Timeline", "make_timeline", "share_parts"]


WIDTH: Final = 1000
"""The width of every chart; the page stretches it to its own."""
LANE_HEIGHT: Final = 10
"""The height of a lane of the timeline."""
CURVE_HEIGHT: Final = 100
"""The height of the curve."""

_MIN_SHARE: Final = 6.0
"""The smallest part of a share bar, so that every outcome is visible."""
_MIN_BAR: Final = 4.0
_GAP: Final = 2.0
"""The distance between two jobs in a lane."""
_MAX_BARS: Final = 2000
_MAX_LANES: Final = 150
"""Beyond these, single jobs are not visible, and only the curve is drawn."""
_MAX_TICKS: Final = 5
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)


@attrs.frozen
class Part:
    """A colored part of a bar."""

    outcome: str
    """The outcome that it stands for; ``none`` if there is none."""
    left: float
    """The distance from the left edge of the chart."""
    width: float
    """The width."""


@attrs.frozen
class Bar:
    """One job of the timeline."""

    label: str
    """The description."""
    lane: int
    """The number of the lane, from the top; jobs in progress at the same time are in different lanes."""
    parts: tuple[Part, ...]
    """The outcomes of its target groups."""


@attrs.frozen
class Tick:
    """A mark on the axis of time."""

    at: float
    """The distance from the left edge, in percent."""
    label: str
    """The time since the start."""


@attrs.frozen(kw_only=True)
class Timeline:
    """When the jobs of a sweep were in progress, and when their target groups were settled."""

    bars: tuple[Bar, ...]
    """The jobs; empty if there are too many to be seen."""
    lanes: int
    """The number of lanes."""
    ticks: tuple[Tick, ...]
    """The axis."""
    curve: str
    """The points of the curve of settled target groups."""
    settled: int
    """The number of target groups at the end of the curve."""
    duration: str
    """The length of the axis."""
    drawn: int
    """The number of jobs whose creation and end are known."""
    missing: int
    """The number of jobs whose creation or end is not known; they are not part of the timeline."""
    outcomes: tuple[str, ...]
    """The outcomes that occur, for the legend."""


def share_parts(counts: Mapping[str, int], *, left: float = 0.0, width: float = WIDTH) -> tuple[Part, ...]:
    """Return the outcomes as parts of one bar; every outcome that occurred is wide enough to see."""
    present = {outcome: number for outcome, number in counts.items() if number} or {"none": 1}
    total = sum(present.values())
    least = min(_MIN_SHARE, width / (2 * len(present)))
    spare = width - least * len(present)
    parts: list[Part] = []
    for outcome, number in present.items():
        part = least + spare * number / total
        parts.append(Part(outcome, round(left, 2), round(part, 2)))
        left += part
    return tuple(parts)


def make_timeline(document: SweepDocument) -> Timeline | None:
    """Return the timeline of the jobs, the earliest one first; None if no job has a known creation and end."""
    spans = sorted(
        (job.created_at, job.ended_at, job.job_id, job)
        for job in document.jobs
        if job.created_at is not None and job.ended_at is not None
    )
    if not spans:
        return None
    start = spans[0][0]
    length = max((max(end for _, end, _, _ in spans) - start).total_seconds(), 0.05)
    scale = WIDTH / length
    bars: list[Bar] = []
    lanes = _Lanes()
    for created_at, ended_at, _, job in spans:
        left = (created_at - start).total_seconds() * scale
        width = max(_MIN_BAR, (ended_at - created_at).total_seconds() * scale)
        left = min(left, WIDTH - width)
        parts = share_parts(document.by_job[job.job_id], left=left, width=width)
        bars.append(Bar(_describe(document, job), lanes.take(left, left + width + _GAP), parts))
    too_many = len(bars) > _MAX_BARS or lanes.count > _MAX_LANES
    found = {part.outcome for bar in bars for part in bar.parts}
    return Timeline(
        bars=() if too_many else tuple(bars),
        lanes=lanes.count,
        ticks=_ticks(length),
        curve=_curve(sorted((end, job.size) for _, end, _, job in spans), start, scale),
        settled=sum(job.size for *_, job in spans),
        duration=format_duration(length),
        drawn=len(spans),
        missing=len(document.jobs) - len(spans),
        outcomes=() if too_many else tuple(outcome for outcome in (*document.counts, "none") if outcome in found),
    )


class _Lanes:
    """The lanes of the timeline: each job takes the highest one that is free."""

    def __init__(self) -> None:
        self.count = 0
        self._free: list[int] = []
        self._taken: list[tuple[float, int]] = []

    def take(self, left: float, right: float) -> int:
        """Return a lane that is free at ``left``, and take it until ``right``; call it in the order of ``left``."""
        while self._taken and self._taken[0][0] <= left:
            heapq.heappush(self._free, heapq.heappop(self._taken)[1])
        if not self._free:
            heapq.heappush(self._free, self.count)
            self.count += 1
        lane = heapq.heappop(self._free)
        heapq.heappush(self._taken, (right, lane))
        return lane


def _describe(document: SweepDocument, job: JobRow) -> str:
    project = document.by_project_id.get(job.project_id)
    name = f"{project.name} ({job.project_id})" if project and project.name else job.project_id
    outcomes = format_counts(document.by_job[job.job_id]) or "sent again in another job"
    return f"{name}: {pluralize(job.size)}, {outcomes}, {format_duration(job.seconds or 0)}; job {job.job_id}"


def _ticks(length: float) -> tuple[Tick, ...]:
    """Return a few marks at round numbers of seconds, minutes or hours."""
    step = next((tick for tick in _TICKS if length / tick <= _MAX_TICKS), length / _MAX_TICKS)
    times = [number * step for number in range(int(length / step) + 1)]
    return tuple(Tick(round(100 * time / length, 2), _tick_label(time, step)) for time in times)


def _tick_label(seconds: float, step: float) -> str:
    if step >= 60:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours}:{minutes:02} h" if step >= 3600 else f"{hours * 60 + minutes} min"
    return f"{seconds:.1f} s" if step < 1 else f"{seconds:.0f} s"


def _curve(ends: Sequence[tuple[datetime, int]], start: datetime, scale: float) -> str:
    """Return the points of the staircase of settled target groups, from the ends of the jobs and their sizes."""
    total = sum(size for _, size in ends) or 1
    points, height = [(0.0, float(CURVE_HEIGHT))], float(CURVE_HEIGHT)
    for (end, _), settled in zip(ends, accumulate(size for _, size in ends), strict=True):
        x = (end - start).total_seconds() * scale
        points.append((x, height))
        height = CURVE_HEIGHT * (1 - settled / total)
        points.append((x, height))
    points.append((float(WIDTH), height))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
