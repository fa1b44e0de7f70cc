"""``fieldingkit projects list``: list projects."""

from collections.abc import Callable
from typing import Final, Literal

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.output import Output
from fieldingkit.resources.projects import ListProjects, ProjectStatus, ProjectSummary

__all__ = ["list_projects"]


_COLUMNS: Final[dict[str, Callable[[ProjectSummary], object]]] = {
    "Project": lambda project: project.id,
    "Status": lambda project: project.status,
    "Groups": lambda project: project.target_group_count,
    "Last activity": lambda project: project.last_activity_at,
    "Name": lambda project: project.name,
}


async def list_projects(
    *,
    status: Literal["active", "inactive"] | None = None,
    search: str | None = None,
    manager: str | None = None,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """List the account's projects.

    Args:
        status: Only projects with this status.
        search: Only projects whose name or short id matches; at least 5 characters.
        manager: Only projects of the project manager with this user id.
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    command = ListProjects(
        status=None if status is None else ProjectStatus(status),
        search_string=search,
        project_manager_id=manager,
        page_size=100,
    )
    async with connection.open() as client:
        count = await output.print_items(_COLUMNS, client.iter_items(command))
    if not count:
        output.note("No matching projects.")
    return 0
