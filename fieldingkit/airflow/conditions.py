"""Conditions that sensors and triggers wait for: the selection of target groups, and their status."""

import abc
from typing import Any, NamedTuple, cast

import attrs

from fieldingkit.airflow.params import parse_query, plain_fields
from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["Condition", "ConditionResult", "GroupCondition", "StatusCondition"]


class ConditionResult(NamedTuple):
    """The result of reading a condition."""

    met: bool
    """True if the condition is met."""
    value: dict[str, Any]
    """The figures that were seen, as plain JSON."""
    never: str = ""
    """The reason why it can no longer be met; empty if it can."""


@attrs.frozen(kw_only=True)
class Condition(abc.ABC):
    """A condition at the API."""

    @abc.abstractmethod
    async def read(self, client: AsyncClient) -> ConditionResult:
        """Read once whether it is met.

        Args:
            client: The client to use.

        Raises:
            FieldingKitError: if something cannot be read that it depends on.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return its fields that are set as plain JSON, from which its class makes it again."""
        return plain_fields(self)


@attrs.frozen(kw_only=True)
class GroupCondition(Condition):
    """A condition of one target group, or of all target groups of a query."""

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
        if self.query is not None and self.query.status is not None:
            raise InvalidCommandError("the query of a condition cannot filter by status", field="query")

    def to_dict(self) -> dict[str, Any]:
        """Return its fields that are set as plain JSON, from which its class makes it again."""
        query = {} if self.query is None else {"query": plain_fields(self.query)}
        return {**super().to_dict(), **query}


@attrs.frozen(kw_only=True)
class StatusCondition(GroupCondition):
    """A status that one target group, or all target groups of a query, should have."""

    status: TargetGroupStatus = attrs.field(converter=TargetGroupStatus)
    """The status."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.status.known:
            raise InvalidCommandError(f"{self.status[:40]!r} is not a status of target groups", field="status")

    async def read(self, client: AsyncClient) -> ConditionResult:
        """Read once whether it is met; the first target group without the status ends the read.

        A query that matches no target group does not meet it.

        Args:
            client: The client to use.

        Raises:
            FieldingKitError: if the statuses cannot be read.
        """
        if self.query is None:
            return self._result(await self._status(client) == self.status, 1)
        checked = 0
        for project_id in await _projects(client, self.account_id, self.query):
            async for group in client.iter_items(self.query.list_target_groups(self.account_id, project_id)):
                checked += 1
                if group.status != self.status:
                    return self._result(False, checked)
        return self._result(checked > 0, checked)

    def _result(self, met: bool, checked: int) -> ConditionResult:
        return ConditionResult(met, {"status": self.status.value, "target_groups": checked})

    async def _status(self, client: AsyncClient) -> str:
        runs = await client.send(
            ListFieldingRuns(
                account_id=self.account_id,
                project_id=cast("str", self.project_id),
                target_group_id=cast("str", self.target_group_id),
            )
        )
        return runs.data[0].status.value if runs.data else TargetGroupStatus.DRAFT


async def _projects(client: AsyncClient, account_id: str | int | None, query: TargetGroupQuery) -> list[str]:
    if query.project_ids is not None:
        found = list(query.project_ids)
    else:
        found = [project.id async for project in client.iter_items(query.list_projects(account_id))]
    return [project_id for project_id in found if project_id not in (query.exclude_project_ids or ())]
