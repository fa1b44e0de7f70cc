"""Tools that list: projects, target groups and the changelog of a target group."""

import json
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from fieldingkit.client import AsyncClient
from fieldingkit.mcp.outputs import ApiText, Output, api_code, api_text
from fieldingkit.paging import Page
from fieldingkit.resources.projects import ListProjects, ProjectStatus, ProjectSummary
from fieldingkit.resources.target_group_changelog import ChangelogEntry, GetTargetGroupChangelog, TargetGroupChange
from fieldingkit.resources.target_groups import ListTargetGroups, StatusName, TargetGroupSummary
from fieldingkit.workflows.reading import send_read

__all__ = ["ChangelogPage", "Cursor", "GroupId", "GroupPage", "ListTools", "ProjectId", "ProjectPage"]

ProjectId: TypeAlias = Annotated[str, Field(description="The project's id, a ULID.")]
GroupId: TypeAlias = Annotated[str, Field(description="The target group's id, a ULID.")]
Cursor: TypeAlias = Annotated[
    str | None, Field(description="The next_cursor of the page before; leave it out for the first page.")
]
_Limit: TypeAlias = Annotated[int, Field(ge=1, le=100, description="The number of entries on the page.")]
_ShortLimit: TypeAlias = Annotated[int, Field(ge=1, le=50, description="The number of entries on the page.")]
_Search: TypeAlias = Annotated[str | None, Field(description="Only those whose name or short id matches.")]


class _ListPage(Output):
    """One page of a list."""

    next_cursor: str | None
    """The cursor of the next page; null on the last one."""
    cut: str | None
    """The entries that are not shown, and how to read them; null if nothing is left out."""
    undecoded: int
    """The number of fields that the API sent in a form that is not readable; these are null."""


class ProjectRow(Output):
    """A project."""

    project_id: str
    """Its id."""
    short_id: str | None
    """The short id that people see."""
    name: ApiText | None
    """Its name."""
    status: str | None
    """Its status."""
    target_groups: int
    """The number of its target groups."""
    completes: int
    """The completes of all its target groups."""
    goal: int
    """The completes wanted."""
    last_activity_at: datetime
    """The time of the latest activity in it, UTC."""


class ProjectPage(_ListPage):
    """One page of projects."""

    projects: list[ProjectRow]
    """The projects."""


class GroupRow(Output):
    """A target group."""

    project_id: str
    """Its project's id."""
    target_group_id: str
    """Its id."""
    short_id: str | None
    """The short id that people see."""
    name: ApiText | None
    """Its name."""
    status: str | None
    """Its status: draft, scheduled, live, paused, completed or archived."""
    completes: int
    """Its completes."""
    goal: int
    """The completes or prescreens wanted."""
    locale: str | None
    """The language and country of its respondents."""
    last_complete_at: datetime | None
    """The time of the latest complete, UTC."""


class GroupPage(_ListPage):
    """One page of the target groups of a project."""

    target_groups: list[GroupRow]
    """The target groups."""


class Change(Output):
    """One change of a setting."""

    kind: str | None
    """The setting, such as status_change."""
    old_value: ApiText | None
    """The value before."""
    new_value: ApiText | None
    """The value after."""
    reason_code: str | None
    """The API's reason if the API itself changed the status; ask explain about it."""


class ChangeEntry(Output):
    """Changes that one author made at the same time."""

    occurred_at: datetime | None
    """The time, UTC."""
    author: str | None
    """las_user for a person; system_user or system_marketplace_user for the API itself."""
    changes: list[Change]
    """The changes."""


class ChangelogPage(_ListPage):
    """One page of the changelog of a target group."""

    entries: list[ChangeEntry]
    """The entries, in the API's order."""


class ListTools:
    """The tools that list."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list_projects(
        self,
        status: Annotated[Literal["active", "inactive"] | None, Field(description="Only projects with it.")] = None,
        search: Annotated[_Search, Field(min_length=5, max_length=128)] = None,
        cursor: Cursor = None,
        limit: _Limit = 50,
    ) -> ProjectPage:
        """List the projects of the account, with their progress. Reads one page; nothing is changed."""
        wanted = None if status is None else ProjectStatus(status)
        command = ListProjects(status=wanted, search_string=search, start_after=cursor, page_size=limit)
        page = await send_read(self._client, command)
        return ProjectPage(
            projects=[_project(one) for one in page],
            next_cursor=page.next_cursor or None,
            cut=_cut(page, cursor),
            undecoded=len(page.undecoded),
        )

    async def list_target_groups(
        self,
        project_id: ProjectId,
        status: Annotated[list[StatusName] | None, Field(description="Only those with one of these.")] = None,
        search: _Search = None,
        cursor: Cursor = None,
        limit: _Limit = 50,
    ) -> GroupPage:
        """List the target groups of a project, with status and progress. Reads one page; nothing is changed."""
        command = ListTargetGroups(
            project_id=project_id,
            status=status or None,
            search_string=search,
            start_after=cursor,
            page_size=limit,
        )
        page = await send_read(self._client, command)
        return GroupPage(
            target_groups=[_group(project_id, one) for one in page],
            next_cursor=page.next_cursor or None,
            cut=_cut(page, cursor),
            undecoded=len(page.undecoded),
        )

    async def read_changelog(
        self,
        project_id: ProjectId,
        target_group_id: GroupId,
        only_status_changes: Annotated[bool, Field(description="True for changes of the status alone.")] = False,
        cursor: Cursor = None,
        limit: _ShortLimit = 20,
    ) -> ChangelogPage:
        """Read who changed which setting of a target group, and the API's own status changes. Nothing is changed."""
        command = GetTargetGroupChangelog(
            project_id=project_id,
            target_group_id=target_group_id,
            change_types=("status_change",) if only_status_changes else None,
            start_after=cursor,
            page_size=limit,
        )
        page = await send_read(self._client, command)
        return ChangelogPage(
            entries=[_entry(one) for one in page],
            next_cursor=page.next_cursor or None,
            cut=_cut(page, cursor),
            undecoded=len(page.undecoded),
        )


def _cut(page: Page[object], cursor: str | None) -> str | None:
    if page.next_cursor:
        return "There are further entries. Call the tool again with next_cursor as cursor."
    if cursor and not len(page):
        return "Nothing was read after this cursor. If no page had it as next_cursor, that says nothing of the list."
    return None


def _project(one: ProjectSummary) -> ProjectRow:
    return ProjectRow(
        project_id=one.id,
        short_id=api_code(one.human_readable_id),
        name=api_text(one.name),
        status=api_code(one.status),
        target_groups=one.target_group_count,
        completes=one.statistics.current_completes,
        goal=one.statistics.filling_goal,
        last_activity_at=one.last_activity_at,
    )


def _group(project_id: str, one: TargetGroupSummary) -> GroupRow:
    return GroupRow(
        project_id=project_id,
        target_group_id=one.id,
        short_id=api_code(one.human_readable_id),
        name=api_text(one.name),
        status=api_code(one.status),
        completes=one.statistics.progress.current_completes,
        goal=one.statistics.progress.filling_goal,
        locale=api_code(one.locale),
        last_complete_at=one.statistics.last_complete_date,
    )


def _entry(one: ChangelogEntry) -> ChangeEntry:
    return ChangeEntry(
        occurred_at=one.occurred_at,
        author=None if one.user is None else api_code(one.user.type),
        changes=[_change(change) for change in one.changes],
    )


def _change(one: TargetGroupChange) -> Change:
    return Change(
        kind=api_code(one.object),
        old_value=_value(one.old_value),
        new_value=_value(one.new_value),
        reason_code=api_code(one.reason_code),
    )


def _value(value: object) -> ApiText | None:
    return api_text(value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False))
