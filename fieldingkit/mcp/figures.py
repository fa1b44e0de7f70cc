"""Tools of the figures of target groups: their state and their forecast."""

from typing import Annotated, Final

from pydantic import Field

from fieldingkit.client import AsyncClient
from fieldingkit.mcp.forecast_output import ForecastsOutput, forecast_of
from fieldingkit.mcp.forecaster import with_forecasts
from fieldingkit.mcp.portions import After, GroupIds, Limit, ProjectIds, Statuses, read_portion
from fieldingkit.mcp.snapshot_output import SnapshotOutput, figures_of
from fieldingkit.monitoring.snapshots import Detail, DetailName

__all__ = ["FigureTools"]

_FORECAST: Final = (Detail.PERIOD, Detail.COMPLETES, Detail.CELLS, Detail.PRICE)


class FigureTools:
    """The tools of the figures of target groups."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def read_snapshot(
        self,
        *,
        project_ids: ProjectIds,
        target_group_ids: GroupIds = None,
        status: Statuses = None,
        details: Annotated[
            list[DetailName] | None,
            Field(description="The details to read, one request for each target group; price and period if left out."),
        ] = None,
        after: After = None,
        limit: Limit = 25,
    ) -> SnapshotOutput:
        """Read the state of target groups: progress, rates, price, cost, end, quota cells. Nothing is changed."""
        portion = await read_portion(
            self._client,
            project_ids,
            target_group_ids=target_group_ids,
            status=status,
            after=after,
            limit=limit,
            details=(Detail.PRICE, Detail.PERIOD) if details is None else map(Detail, details),
        )
        return SnapshotOutput(
            portion=portion.info(), target_groups=[figures_of(one) for one in portion.snapshot.groups]
        )

    async def forecast(
        self, project_ids: ProjectIds, target_group_ids: GroupIds = None, after: After = None, limit: Limit = 25
    ) -> ForecastsOutput:
        """Forecast when live target groups will close, whether they fill before their end, and their cost.

        The forecasts are estimates from the completes by hour. Nothing is changed.
        """
        portion = await read_portion(
            self._client,
            project_ids,
            target_group_ids=target_group_ids,
            status=["live"],
            after=after,
            limit=limit,
            details=_FORECAST,
        )
        forecasts = [forecast_of(one, made) for one, made in await with_forecasts(portion.snapshot.groups)]
        return ForecastsOutput(portion=portion.info(), forecasts=forecasts)
