"""Monitoring: the state of target groups, and what it will come to.

The functions that read are ``async def``s that take the client first, or with a blocking client
``client.call(snapshot, ...)``. Names are loaded on first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldingkit.monitoring.forecasts import CellCompletes as CellCompletes
    from fieldingkit.monitoring.forecasts import Forecast as Forecast
    from fieldingkit.monitoring.forecasts import ForecastStatus as ForecastStatus
    from fieldingkit.monitoring.forecasts import GoalForecast as GoalForecast
    from fieldingkit.monitoring.forecasts import forecast as forecast
    from fieldingkit.monitoring.group_forecasts import forecast_group as forecast_group
    from fieldingkit.monitoring.history import SnapshotHistory as SnapshotHistory
    from fieldingkit.monitoring.snapshot_reader import snapshot as snapshot
    from fieldingkit.monitoring.snapshots import CellSnapshot as CellSnapshot
    from fieldingkit.monitoring.snapshots import Detail as Detail
    from fieldingkit.monitoring.snapshots import GroupSnapshot as GroupSnapshot
    from fieldingkit.monitoring.snapshots import Snapshot as Snapshot
    from fieldingkit.monitoring.snapshots import UnreadDetail as UnreadDetail
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit.monitoring.forecasts": "CellCompletes Forecast ForecastStatus GoalForecast forecast",
            "fieldingkit.monitoring.group_forecasts": "forecast_group",
            "fieldingkit.monitoring.history": "SnapshotHistory",
            "fieldingkit.monitoring.snapshot_reader": "snapshot",
            "fieldingkit.monitoring.snapshots": "CellSnapshot Detail GroupSnapshot Snapshot UnreadDetail",
        },
    )
