"""``fieldingkit groups list``: list target groups."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.selection import Status, refuse_together
from fieldingkit.resources.projects import ListProjects
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus, TargetGroupSummary

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient

__all__ = ["list_groups"]


@attrs.frozen
class _Listed:
    """A target group and its project."""

    project_id: str
    group: TargetGroupSummary


_COLUMNS: Final[dict[str, Callable[[_Listed], object]]] = {
    "Project": lambda listed: listed.project_id,
    "Target group": lambda listed: listed.group.id,
    "Status": lambda listed: listed.group.status,
    "Completes": lambda listed: _completes(listed.group),
    "Name": lambda listed: listed.group.name,
}


async def list_groups(
    *,
    project: tuple[str, ...] = (),
    all_projects: bool = False,
    status: tuple[Status, ...] = (),
    search: str | None = None,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """List target groups; in a pipe, in the format of --ids. A sweep command with --ids - reads this list.

    Args:
        project: A project id; may be repeated.
        all_projects: All projects of the account.
        status: Only target groups with this status; may be repeated.
        search: Only target groups whose name or short id matches.
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    if project:
        refuse_together("--project", ["--all-projects"] if all_projects else [])
    elif not all_projects:
        raise UsageError("no projects selected\nGive --project, once or more, or --all-projects.")
    output = Output(json=json)
    async with connection.open() as client:
        groups = _target_groups(client, project or None, tuple(map(TargetGroupStatus, status)), search)
        count = await output.print_items(_COLUMNS, groups, document=_document)
    if not count:
        output.note("No matching target groups.")
    return 0


async def _target_groups(
    client: "AsyncClient", project_ids: Sequence[str] | None, status: tuple[TargetGroupStatus, ...], search: str | None
) -> AsyncIterator[_Listed]:
    async for project_id in _project_ids(client, project_ids):
        command = ListTargetGroups(project_id=project_id, status=status or None, search_string=search, page_size=100)
        async for group in client.iter_items(command):
            yield _Listed(project_id, group)


async def _project_ids(client: "AsyncClient", given: Sequence[str] | None) -> AsyncIterator[str]:
    for project_id in dict.fromkeys(given or ()):
        yield project_id
    if given is None:
        async for project in client.iter_items(ListProjects(page_size=100)):
            yield project.id


def _document(listed: _Listed) -> dict[str, object]:
    return {"project_id": listed.project_id, **listed.group.to_dict()}


def _completes(group: TargetGroupSummary) -> str:
    progress = group.statistics.progress
    return f"{progress.current_completes} of {progress.filling_goal}"
