"""Tools of the figures of target groups: their state, their forecast and their troubles."""

from typing import Annotated, Final

import attrs
from pydantic import Field

from fieldingkit.client import AsyncClient
from fieldingkit.mcp.assistants import read_assistants
from fieldingkit.mcp.findings_output import FindingsOutput, findings_output
from fieldingkit.mcp.forecast_output import ForecastsOutput, forecast_of
from fieldingkit.mcp.portions import After, GroupIds, Limit, ProjectIds, Statuses, read_portion
from fieldingkit.mcp.snapshot_output import SnapshotOutput, figures_of
from fieldingkit.monitoring.evaluation import evaluate
from fieldingkit.monitoring.group_forecasts import forecast_group
from fieldingkit.monitoring.rules import Rules
from fieldingkit.monitoring.snapshots import Detail, DetailName
from fieldingkit.resources.target_groups import TargetGroupStatus

__all__ = ["FigureTools"]

_FORECAST: Final = (Detail.PERIOD, Detail.COMPLETES, Detail.CELLS, Detail.PRICE)


class FigureTools:
    """The tools of the figures of target groups."""

    def __init__(self, client: AsyncClient, rules: Rules) -> None:
        self._client = client
        # These need more than one snapshot, or reads of other resources: `fieldingkit watch` has them.
        self._rules: Rules = attrs.evolve(
            rules,
            cell_stuck=attrs.evolve(rules.cell_stuck, enabled=False),
            reconciliation_due=attrs.evolve(rules.reconciliation_due, enabled=False),
        )

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
        forecasts = [forecast_of(one, forecast_group([one])) for one in portion.snapshot.groups]
        return ForecastsOutput(portion=portion.info(), forecasts=forecasts)

    async def find_trouble(
        self, project_ids: ProjectIds, target_group_ids: GroupIds = None, after: After = None, limit: Limit = 25
    ) -> FindingsOutput:
        """Find the live and paused target groups that are in trouble, with the figures and the next step.

        Nothing is changed.
        """
        portion = await read_portion(
            self._client,
            project_ids,
            target_group_ids=target_group_ids,
            status=None,
            after=after,
            limit=limit,
            details=Detail,
        )
        live = [one for one in portion.snapshot.groups if one.status == TargetGroupStatus.LIVE]
        assistants = await read_assistants(self._client, portion.snapshot.groups)
        found = evaluate(
            portion.snapshot,
            self._rules,
            forecasts={one.target_group_id: forecast_group([one]) for one in live},
            assistants=assistants.found,
        )
        found = attrs.evolve(found, unknown=(*found.unknown, *assistants.unknown))
        return findings_output(portion.info(), len(portion.snapshot.groups), found)
