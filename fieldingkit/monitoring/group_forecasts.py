"""The forecast of a target group from its snapshots."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import attrs

from fieldingkit.monitoring.forecasts import CellCompletes, Forecast, ForecastStatus, GoalForecast, forecast
from fieldingkit.monitoring.snapshots import GroupSnapshot
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus

__all__ = ["forecast_group"]


def forecast_group(snapshots: Sequence[GroupSnapshot]) -> Forecast:
    """Return the forecast of a target group from its snapshots, at the time of the latest one.

    One snapshot with the details ``period`` and ``completes`` is enough for the target group, because the API has its
    completes by hour. The API has no such history of quota cells: earlier snapshots with the detail ``cells`` show
    how they filled. Of one snapshot only their mean rate since the start is known.

    Only the time since the latest snapshot that was not live counts, since no completes arrive during a pause. So a
    target group that is not live has no forecast (``too_early``). Without the detail ``period`` nothing is known of the
    time before the first snapshot: a forecast for which the snapshots are not enough is ``unknown``, not too early.

    Args:
        snapshots: The snapshots of one target group in any order, at least one.

    Raises:
        ValueError: If there is no snapshot, or they are of several target groups.
    """
    if len({one.target_group_id for one in snapshots}) != 1:
        raise ValueError("a forecast needs one or more snapshots of one target group")
    ordered = sorted(snapshots, key=lambda one: one.read_at)
    latest = ordered[-1]
    idle = [place for place, one in enumerate(ordered) if one.status is not TargetGroupStatus.LIVE]
    since = ordered[idle[-1] :] if idle else ordered
    start = since[0].read_at if idle else latest.starts_at
    by_completes = latest.filling_strategy is not FillingStrategy.PRESCREENS
    counts = [(one.read_at, one.completes if by_completes else one.prescreens) for one in since]
    if start is not None and not idle:
        counts.insert(0, (start, 0))
    if start is not None and by_completes:
        counts += [(one.timestamp, one.count) for one in latest.intervals or () if start < one.timestamp]
    made = forecast(
        counts,
        goal=latest.goal,
        at=latest.read_at,
        end=latest.ends_at,
        cells=_cells(since, None if idle else start) if by_completes else (),
        cost=latest.cost if by_completes else None,
        price=latest.price if by_completes else None,
    )
    return made if start is not None else attrs.evolve(_unknown(made), cells=tuple(map(_unknown, made.cells)))


_Made = TypeVar("_Made", bound=GoalForecast)


def _unknown(made: _Made) -> _Made:
    """Return a forecast without a known start, which cannot be said to be too early."""
    return attrs.evolve(made, status=ForecastStatus.UNKNOWN) if made.status is ForecastStatus.TOO_EARLY else made


def _cells(snapshots: Sequence[GroupSnapshot], start: datetime | None) -> Iterator[CellCompletes]:
    """Yield the cells of the latest snapshot, with their completes in each.

    Cells are the same if the names of the cell and its profile are: the API gives new ids to replaced profiles.
    """
    for latest in snapshots[-1].cells or ():
        if latest.goal is None:
            continue
        counts = [(start, 0)] if start is not None else []
        counts += [
            (one.read_at, cell.completes)
            for one in snapshots
            for cell in one.cells or ()
            if (cell.profile, cell.name) == (latest.profile, latest.name) and cell.completes is not None
        ]
        yield CellCompletes(name=latest.name, profile=latest.profile, completes=counts, goal=latest.goal)
