"""Whether target groups have reached a status."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import attrs

from fieldingkit.airflow.query import as_mapping, fleet_query
from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.workflows.plan import FleetQuery

__all__ = ["Goal", "Look", "look"]


@attrs.frozen(kw_only=True)
class Goal:
    """Which target groups are to reach which status: one target group, or all of a query."""

    status: TargetGroupStatus = attrs.field(converter=TargetGroupStatus)
    """The status."""
    account_id: str | int | None = None
    """The account's number; the client's own if left out."""
    project_id: str | None = None
    """The project's ULID, if it is one target group."""
    target_group_id: str | None = None
    """The target group's ULID, if it is one."""
    query: Mapping[str, Any] | None = None
    """The fields of a ``FleetQuery``, if it is a query; not its ``status``, which is what is waited for."""

    def __attrs_post_init__(self) -> None:
        if (self.project_id is None) != (self.target_group_id is None) or (
            (self.target_group_id is None) == (self.query is None)
        ):
            raise InvalidCommandError("give a project_id and a target_group_id, or a query", field="query")
        if not self.status.known:
            raise InvalidCommandError(f"there is no status {self.status[:40]!r}", field="status")
        if self.query is not None:
            if "status" in as_mapping("query", self.query):
                raise InvalidCommandError("a query for all of its target groups cannot choose by status", field="query")
            fleet_query(self.query)

    def fields(self) -> dict[str, Any]:
        """The goal as plain JSON."""
        return {**attrs.asdict(self), "status": self.status.value}


class Look(NamedTuple):
    """What a look showed."""

    reached: bool
    """Whether all are there."""
    seen: int
    """How many were looked at: one that is not there yet ends the look."""


async def look(client: AsyncClient, goal: Goal) -> Look:
    """Look whether a goal is reached. A query that finds nothing has reached nothing.

    Args:
        client: The client to use.
        goal: What is to be reached.

    Raises:
        FieldingKitError: if it cannot be read.
    """
    if goal.query is None:
        return await _look_at_one(client, goal)
    query = fleet_query(goal.query)
    seen = 0
    for project_id in await _projects(client, goal, query):
        async for group in client.pages(query.target_groups(goal.account_id, project_id)):
            seen += 1
            if group.status != goal.status:
                return Look(reached=False, seen=seen)
    return Look(reached=seen > 0, seen=seen)


async def _look_at_one(client: AsyncClient, goal: Goal) -> Look:
    runs = await client.send(
        ListFieldingRuns(
            account_id=goal.account_id,
            project_id=cast("str", goal.project_id),
            target_group_id=cast("str", goal.target_group_id),
        )
    )
    status = runs.data[0].status.value if runs.data else TargetGroupStatus.DRAFT
    return Look(reached=status == goal.status, seen=1)


async def _projects(client: AsyncClient, goal: Goal, query: FleetQuery) -> list[str]:
    if query.project_ids is not None:
        return list(query.project_ids)
    return [project.id async for project in client.pages(query.projects(goal.account_id))]
