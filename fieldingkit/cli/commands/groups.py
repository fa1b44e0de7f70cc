"""``fieldingkit groups list``: list target groups."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.output import Output
from fieldingkit.cli.selection import NO_FILTERS, Filters

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient
    from fieldingkit.resources.target_groups import TargetGroupSummary
    from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["list_groups"]


@attrs.frozen
class _Listed:
    """A target group and its project."""

    project_id: str
    group: "TargetGroupSummary"


_COLUMNS: Final[dict[str, Callable[[_Listed], object]]] = {
    "Project": lambda listed: listed.project_id,
    "Target group": lambda listed: listed.group.id,
    "Status": lambda listed: listed.group.status,
    "Completes": lambda listed: _completes(listed.group),
    "Name": lambda listed: listed.group.name,
}


async def list_groups(
    *, filters: Filters = NO_FILTERS, json: bool = False, connection: Connection = DEFAULT_CONNECTION
) -> int:
    """List target groups; in a pipe, in the format of --ids. A sweep command with --ids - reads this list.

    Args:
        filters: The target groups.
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    query = filters.query()
    output = Output(json=json)
    async with connection.open() as client:
        count = await output.print_items(_COLUMNS, _target_groups(client, query), document=_document)
    if not count:
        output.note("No matching target groups.")
    return 0


async def _target_groups(client: "AsyncClient", query: "TargetGroupQuery") -> AsyncIterator[_Listed]:
    async for project_id in _project_ids(client, query):
        async for group in client.iter_items(query.list_target_groups(None, project_id)):
            yield _Listed(project_id, group)


async def _project_ids(client: "AsyncClient", query: "TargetGroupQuery") -> AsyncIterator[str]:
    for project_id in dict.fromkeys(query.project_ids or ()):
        yield project_id
    if query.project_ids is None:
        async for project in client.iter_items(query.list_projects(None)):
            if project.id not in (query.exclude_project_ids or ()):
                yield project.id


def _document(listed: _Listed) -> dict[str, object]:
    return {"project_id": listed.project_id, **listed.group.to_dict()}


def _completes(group: "TargetGroupSummary") -> str:
    progress = group.statistics.progress
    return f"{progress.current_completes} of {progress.filling_goal}"
