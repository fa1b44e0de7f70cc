"""Projects: what target groups are gathered in."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.paging import PagedCommand
from fieldingkit.validators import account, ulid

__all__ = [
    "GetProject",
    "GetProjectOverview",
    "ListProjects",
    "Project",
    "ProjectList",
    "ProjectOverview",
    "ProjectStatistics",
    "ProjectStatus",
    "ProjectSummary",
]

_PROJECTS = "/demand/accounts/{account_id}/projects"


class ProjectStatus(OpenEnum):
    """Whether there is work going on in a project."""

    ACTIVE = "active"
    INACTIVE = "inactive"


@attrs.frozen(kw_only=True)
class ProjectStatistics:
    """How the target groups of a project are doing, all together."""

    filling_goal: int
    """How many completes are wanted."""
    current_completes: int
    """How many completes there are."""
    current_prescreens: int
    """How many prescreens there are."""
    incidence_rate_median: float
    """The median of their incidence rates, from 0 to 1."""
    length_of_interview_median_seconds: int
    """The median length of an interview, in seconds."""
    conversion_rate_average: float
    """The mean of their conversion rates, from 0 to 1."""
    drop_off_rate_average: float
    """The mean of their drop-off rates, from 0 to 1."""


@attrs.frozen(kw_only=True)
class ProjectSummary:
    """A project as a list shows it."""

    id: str
    """The project's ULID."""
    account_id: int
    """The account that it belongs to."""
    name: str
    """What it is called."""
    status: ProjectStatus
    """Whether it is active."""
    target_group_count: int
    """How many target groups it has."""
    last_activity_at: datetime
    """When something last happened in it, UTC."""
    statistics: ProjectStatistics
    """How its target groups are doing."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    project_customer_reference_number: str | None = None
    """The account's own reference."""
    target_group_human_readable_ids: tuple[str, ...] = ()
    """The short ids of its target groups that matched ``search_string``."""
    target_group_customer_reference_numbers: tuple[str, ...] = ()
    """The references of its target groups that matched ``search_string``."""


@attrs.frozen(kw_only=True)
class ProjectList:
    """One page of an account's projects."""

    projects: tuple[ProjectSummary, ...]
    """The projects of this page."""
    has_more: bool = False
    """Whether the API has more of them; what to read next is told by ``next_cursor`` alone."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class Project:
    """A project as it was when it was read."""

    id: str
    """The project's ULID."""
    name: str
    """What it is called."""
    project_manager_id: str
    """The id of the user who manages it."""
    account_id: int
    """The account that it belongs to."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    project_customer_reference_number: str | None = None
    """The account's own reference."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The project's tag, byte for byte; it changes whenever the project does."""


@attrs.frozen(kw_only=True)
class ProjectOverview:
    """A project and how its target groups are doing."""

    id: str
    """The project's ULID."""
    human_readable_id: str
    """The short id that people see; unique within the account."""
    account_id: int
    """The account that it belongs to."""
    status: ProjectStatus
    """Whether it is active."""
    statistics: ProjectStatistics
    """How its target groups are doing."""
    project_manager_id: str
    """The id of the user who manages it."""
    created_at: datetime
    """When it was created, UTC."""
    name: str | None = None
    """What it is called."""
    project_customer_reference_number: str | None = None
    """The account's own reference."""


@attrs.frozen(kw_only=True)
class ListProjects(PagedCommand[ProjectList, ProjectSummary]):
    """List an account's projects, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PROJECTS, operation_id="list_account_projects")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_manager_id: str | None = None
    """Only those that this user manages."""
    status: ProjectStatus | None = None
    """Only those in this state."""
    search_string: str | None = None
    """Only those whose name, short id or target groups' short ids match; 5 to 128 characters."""

    def items_of(self, page: ProjectList) -> Sequence[ProjectSummary]:
        """The projects of a page."""
        return page.projects


@attrs.frozen(kw_only=True)
class GetProject(Command[Project]):
    """Read a project and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PROJECTS + "/{project_id}", operation_id="get_project_by_id")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""


@attrs.frozen(kw_only=True)
class GetProjectOverview(Command[ProjectOverview]):
    """Read how the target groups of a project are doing, all together."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _PROJECTS + "/{project_id}/overview", operation_id="project_overview"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
