"""Status conditions: whether one target group, or all target groups of a query, have a status."""

from typing import Any, NamedTuple, cast

import attrs

from fieldingkit.airflow.params import parse_query, query_fields
from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["ConditionResult", "StatusCondition", "check_condition"]


@attrs.frozen(kw_only=True)
class StatusCondition:
    """A status that one target group, or all target groups of a query, should have."""

    status: TargetGroupStatus = attrs.field(converter=TargetGroupStatus)
    """The status."""
    account_id: str | int | None = None
    """The account's number; None for the client's account."""
    project_id: str | None = None
    """The project's ULID, for a single target group."""
    target_group_id: str | None = None
    """The target group's ULID."""
    query: TargetGroupQuery | None = attrs.field(default=None, converter=attrs.converters.optional(parse_query))
    """The query, without a filter by status; a mapping of its fields is accepted as well."""

    def __attrs_post_init__(self) -> None:
        if (self.project_id is None) != (self.target_group_id is None) or (
            (self.target_group_id is None) == (self.query is None)
        ):
            raise InvalidCommandError("give either a project_id and a target_group_id, or a query", field="query")
        if not self.status.known:
            raise InvalidCommandError(f"{self.status[:40]!r} is not a status of target groups", field="status")
        if self.query is not None and self.query.status is not None:
            raise InvalidCommandError("the query of a status condition cannot filter by status", field="query")

    def to_dict(self) -> dict[str, Any]:
        """Return the condition as plain JSON, from which ``StatusCondition(**fields)`` makes it again."""
        query = None if self.query is None else query_fields(self.query)
        return {**attrs.asdict(self, recurse=False), "status": self.status.value, "query": query}


class ConditionResult(NamedTuple):
    """The result of checking a condition."""

    met: bool
    """True if all target groups have the status."""
    checked: int
    """The number of target groups checked: the first one without the status ends the check."""


async def check_condition(client: AsyncClient, condition: StatusCondition) -> ConditionResult:
    """Check a condition. A query that matches no target group does not meet it.

    Args:
        client: The client to use.
        condition: The condition.

    Raises:
        FieldingKitError: if the statuses cannot be read.
    """
    if condition.query is None:
        return await _check_one(client, condition)
    checked = 0
    for project_id in await _projects(client, condition, condition.query):
        async for group in client.iter_items(condition.query.list_target_groups(condition.account_id, project_id)):
            checked += 1
            if group.status != condition.status:
                return ConditionResult(met=False, checked=checked)
    return ConditionResult(met=checked > 0, checked=checked)


async def _check_one(client: AsyncClient, condition: StatusCondition) -> ConditionResult:
    runs = await client.send(
        ListFieldingRuns(
            account_id=condition.account_id,
            project_id=cast("str", condition.project_id),
            target_group_id=cast("str", condition.target_group_id),
        )
    )
    status = runs.data[0].status.value if runs.data else TargetGroupStatus.DRAFT
    return ConditionResult(met=status == condition.status, checked=1)


async def _projects(client: AsyncClient, condition: StatusCondition, query: TargetGroupQuery) -> list[str]:
    if query.project_ids is not None:
        found = list(query.project_ids)
    else:
        found = [project.id async for project in client.iter_items(query.list_projects(condition.account_id))]
    return [project_id for project_id in found if project_id not in (query.exclude_project_ids or ())]
