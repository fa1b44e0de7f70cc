"""The forecasts of the target groups of a call."""

import asyncio
from collections.abc import Iterable

import attrs

from fieldingkit.monitoring.forecasts import Forecast, ForecastStatus
from fieldingkit.monitoring.group_forecasts import forecast_group
from fieldingkit.monitoring.group_rules import FORECAST
from fieldingkit.monitoring.snapshots import GroupSnapshot, UnreadDetail

__all__ = ["with_forecasts"]


async def with_forecasts(groups: Iterable[GroupSnapshot]) -> list[tuple[GroupSnapshot, Forecast]]:
    """Return target groups with their forecasts.

    A forecast that cannot be made is unknown, and the target group names the reason among what could not be read. Each
    takes some hundredths of a second, so they are made on a thread: other calls and their progress continue.
    """
    return await asyncio.to_thread(lambda: [_with_forecast(one) for one in groups])


def _with_forecast(group: GroupSnapshot) -> tuple[GroupSnapshot, Forecast]:
    try:
        return group, forecast_group([group])
    except (ValueError, ArithmeticError) as exc:  # of figures that make no sense, such as a negative goal
        reason = UnreadDetail(detail=FORECAST, reason=f"none can be made: {exc}")
        unknown = Forecast(
            name="",
            status=ForecastStatus.UNKNOWN,
            at=group.read_at,
            completes=group.completes,
            goal=group.goal,
            end=group.ends_at,
        )
        return attrs.evolve(group, unread=(*group.unread, reason)), unknown
