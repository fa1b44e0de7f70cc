"""The tool that finds what is in trouble, by the rules of the server."""

from typing import Final

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError
from fieldingkit.mcp.assistants import read_assistants
from fieldingkit.mcp.failures import describe_failure
from fieldingkit.mcp.findings_output import FindingsOutput, findings_output
from fieldingkit.mcp.forecaster import with_forecasts
from fieldingkit.mcp.portions import After, GroupIds, Limit, ProjectIds, read_portion
from fieldingkit.mcp.readings import EarlierReadings
from fieldingkit.monitoring.due_reader import read_due
from fieldingkit.monitoring.evaluation import evaluate
from fieldingkit.monitoring.rules import RuleName, Rules
from fieldingkit.monitoring.snapshot_reader import Reader
from fieldingkit.monitoring.snapshots import Detail
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import TargetGroupQuery
from fieldingkit.workflows.due_reconciliations import DueReconciliations

__all__ = ["TroubleTools"]

_FIRST_PORTION: Final = "It is about whole projects, and is checked with the first portion, without after."


class TroubleTools:
    """The tool that finds what is in trouble.

    Args:
        client: The client.
        rules: The rules.
    """

    def __init__(self, client: AsyncClient, rules: Rules) -> None:
        self._client = client
        self._rules = rules
        self._readings = EarlierReadings()

    async def find_trouble(
        self, project_ids: ProjectIds, target_group_ids: GroupIds = None, after: After = None, limit: Limit = 25
    ) -> FindingsOutput:
        """Find the live and paused target groups that are in trouble, and projects that must be reconciled soon.

        Each has the figures and the next step. What was not checked is named with the reason. Nothing is changed.
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
        assistants = await read_assistants(self._client, portion.snapshot.groups)
        due, unread = (None, _FIRST_PORTION) if after else await self._read_due(project_ids)
        forecasts = await with_forecasts(one for one in portion.snapshot.groups if one.status == TargetGroupStatus.LIVE)
        changed = {one.target_group_id: one for one, _ in forecasts}
        groups = tuple(changed.get(one.target_group_id, one) for one in portion.snapshot.groups)
        seen = attrs.evolve(portion.snapshot, groups=groups)
        found = evaluate(
            seen,
            self._rules if due is not None else _without_reconciliations(self._rules),
            earlier=self._readings.before(seen),
            forecasts={one.target_group_id: made for one, made in forecasts},
            assistants=assistants.found,
            due=due,
        )
        self._readings.add(seen, found)
        reasons = {
            RuleName.RECONCILIATION_DUE: unread,
            RuleName.CELL_STUCK: self._readings.too_early(groups, self._rules.cell_stuck.hours),
        }
        return findings_output(
            portion.info(),
            len(groups),
            attrs.evolve(found, unknown=(*found.unknown, *assistants.unknown)),
            {name: why for name, why in reasons.items() if why is not None and self._rules[name].enabled},
        )

    async def _read_due(self, project_ids: list[str]) -> tuple[DueReconciliations | None, str | None]:
        """Return what must be reconciled of projects, or else the reason why it is not known."""
        if not self._rules.reconciliation_due.enabled:
            return None, None
        query = TargetGroupQuery(project_ids=tuple(dict.fromkeys(project_ids)))
        try:
            return await read_due(Reader(self._client, None), query), None
        except FieldingKitError as exc:
            return None, f"What must be reconciled could not be read. {describe_failure(exc)}"


def _without_reconciliations(rules: Rules) -> Rules:
    return attrs.evolve(rules, reconciliation_due=attrs.evolve(rules.reconciliation_due, enabled=False))
