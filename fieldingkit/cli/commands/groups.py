"""``fieldingkit groups list``: what target groups there are."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Literal

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.output import Output, as_json
from fieldingkit.client import AsyncClient
from fieldingkit.resources.projects import ListProjects
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus, TargetGroupSummary

__all__ = ["list_groups"]


_Status = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]


@attrs.frozen
class _Listed:
    """A target group with the project it was found in."""

    project_id: str
    group: TargetGroupSummary


_COLUMNS: Final[dict[str, Callable[[_Listed], object]]] = {
    "Project": lambda listed: listed.project_id,
    "Target group": lambda listed: listed.group.id,
    "Status": lambda listed: listed.group.status,
    "Completes": lambda listed: _filled(listed.group),
    "Name": lambda listed: listed.group.name,
}


async def list_groups(
    *,
    project: tuple[str, ...] = (),
    all_projects: bool = False,
    status: tuple[_Status, ...] = (),
    search: str | None = None,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """List target groups; in a pipe, the first two columns are what `--ids -` takes.

    Args:
        project: The id of a project; may be repeated.
        all_projects: Look through all projects of the account.
        status: Only those that stand here; may be repeated.
        search: Only those whose name or short id matches.
        json: One JSON document a line.
        connection: How to reach the API.
    """
    if bool(project) == all_projects:
        raise UsageError("say which projects\nGive --project, once or several times, or --all-projects.")
    output = Output(json=json)
    async with connection.open() as client:
        found = _find(client, project or None, tuple(map(TargetGroupStatus, status)), search)
        count = await output.table(_COLUMNS, found, document=_document)
    if not count:
        output.note("There are no such target groups.")
    return 0


async def _find(
    client: AsyncClient, project_ids: Sequence[str] | None, status: tuple[TargetGroupStatus, ...], search: str | None
) -> AsyncIterator[_Listed]:
    async for project_id in _project_ids(client, project_ids):
        command = ListTargetGroups(project_id=project_id, status=status or None, search_string=search, page_size=100)
        async for group in client.iter_items(command):
            yield _Listed(project_id, group)


async def _project_ids(client: AsyncClient, given: Sequence[str] | None) -> AsyncIterator[str]:
    for project_id in dict.fromkeys(given or ()):
        yield project_id
    if given is None:
        async for project in client.iter_items(ListProjects(page_size=100)):
            yield project.id


def _document(listed: _Listed) -> dict[str, object]:
    return {"project_id": listed.project_id, **as_json(listed.group)}


def _filled(group: TargetGroupSummary) -> str:
    progress = group.statistics.progress
    return f"{progress.current_completes} of {progress.filling_goal}"
