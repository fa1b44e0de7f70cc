"""Projects: the containers of target groups."""

from datetime import datetime
from typing import ClassVar, Literal

import attrs

from fieldingkit.commands import AccountCommand, Endpoint, OpenEnum, ProjectCommand
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.results import Result
from fieldingkit.validators import etag, idempotency_key, length, reference, uuid

__all__ = [
    "CreateProject",
    "GetProject",
    "GetProjectOverview",
    "ListProjects",
    "Project",
    "ProjectList",
    "ProjectOverview",
    "ProjectReference",
    "ProjectStatistics",
    "ProjectStatus",
    "ProjectSummary",
    "UpdateProject",
]

_PROJECTS = "/demand/accounts/{account_id}/projects"


class ProjectStatus(OpenEnum):
    """The status of a project."""

    ACTIVE = "active"
    """A target group of it is neither completed nor archived."""
    INACTIVE = "inactive"
    """All of its target groups are completed or archived."""


def _status(value: ProjectStatus | Literal["active", "inactive"] | None) -> ProjectStatus | None:
    return None if value is None else ProjectStatus(value)


@attrs.frozen(kw_only=True)
class ProjectStatistics(Result):
    """Statistics of all target groups of a project together."""

    filling_goal: int
    """The number of completes wanted."""
    current_completes: int
    """The number of completes so far."""
    current_prescreens: int
    """The number of prescreens so far."""
    incidence_rate_median: float
    """The median of the incidence rates, from 0 to 1."""
    length_of_interview_median_seconds: int
    """The median length of an interview, in seconds."""
    conversion_rate_average: float
    """The mean of the conversion rates, from 0 to 1."""
    drop_off_rate_average: float
    """The mean of the drop-off rates, from 0 to 1."""


@attrs.frozen(kw_only=True)
class ProjectSummary(Result):
    """A project as an entry of a list."""

    id: str
    """The project's ULID."""
    account_id: int
    """The number of the account that owns it."""
    name: str
    """The project's name."""
    status: ProjectStatus
    """The project's status."""
    target_group_count: int
    """The number of its target groups."""
    last_activity_at: datetime
    """The time of the latest activity in it, UTC."""
    statistics: ProjectStatistics
    """Statistics of its target groups."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    project_customer_reference_number: str | None = None
    """The account's own reference."""
    target_group_human_readable_ids: tuple[str, ...] = ()
    """The short ids of its target groups that matched ``search_string``."""
    target_group_customer_reference_numbers: tuple[str, ...] = ()
    """The references of its target groups that matched ``search_string``."""


@attrs.frozen(kw_only=True, repr=False)
class ProjectList(Page[ProjectSummary]):
    """One page of an account's projects."""

    projects: tuple[ProjectSummary, ...]
    """The projects of this page."""
    has_more: bool = False
    """True if the API has more projects; to read on, use ``next_cursor`` alone."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class Project(Result):
    """A project at the time it was read."""

    id: str
    """The project's ULID."""
    name: str
    """The project's name."""
    project_manager_id: str
    """The id of the user who manages it."""
    account_id: int
    """The number of the account that owns it."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    project_customer_reference_number: str | None = None
    """The account's own reference."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The project's ETag, byte for byte; it changes whenever the project does."""


@attrs.frozen(kw_only=True)
class ProjectOverview(Result):
    """A project with statistics of its target groups."""

    id: str
    """The project's ULID."""
    human_readable_id: str
    """The short id that people see; unique within the account."""
    account_id: int
    """The number of the account that owns it."""
    status: ProjectStatus
    """The project's status."""
    statistics: ProjectStatistics
    """Statistics of its target groups."""
    project_manager_id: str
    """The id of the user who manages it."""
    created_at: datetime
    """The time it was created, UTC."""
    name: str | None = None
    """The project's name."""
    project_customer_reference_number: str | None = None
    """The account's own reference."""


@attrs.frozen(kw_only=True)
class ListProjects(PagedCommand[ProjectList]):
    """List an account's projects, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PROJECTS, operation_id="list_account_projects")
    project_manager_id: str | None = attrs.field(default=None, validator=uuid)
    """Only projects that this user manages; a UUID."""
    status: ProjectStatus | None = attrs.field(default=None, converter=_status)
    """Only projects in this status."""
    search_string: str | None = attrs.field(default=None, validator=length(5, 128))
    """Only projects whose name, short id or target groups' short ids match; 5 to 128 characters."""


@attrs.frozen(kw_only=True)
class GetProject(ProjectCommand[Project]):
    """Read a project and its ETag."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _PROJECTS + "/{project_id}", operation_id="get_project_by_id")


@attrs.frozen(kw_only=True)
class GetProjectOverview(ProjectCommand[ProjectOverview]):
    """Read a project with statistics of its target groups."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _PROJECTS + "/{project_id}/overview", operation_id="project_overview"
    )


@attrs.frozen(kw_only=True)
class ProjectReference(Result):
    """A project that was created or changed."""

    id: str
    """The project's ULID."""
    human_readable_id: str | None = None
    """The short id that people see; None after ``CreateProject``."""
    etag: str = attrs.field(default="", metadata={"header": "etag"})
    """The new project's ETag, byte for byte; empty after ``UpdateProject``: read the project for the next change."""


@attrs.frozen(kw_only=True)
class CreateProject(AccountCommand[ProjectReference]):
    """Create a project. Its id is returned at once; until it can be read, a moment later, reads raise NotFoundError."""

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _PROJECTS, operation_id="create_project")
    name: str = attrs.field(validator=length(5, 128))
    """The project's name, 5 to 128 characters; the API removes spaces around it."""
    project_manager_id: str = attrs.field(validator=uuid)
    """The id of the user who manages it, a UUID."""
    project_customer_reference_number: str | None = attrs.field(default=None, validator=reference)
    """The account's own reference: 3 to 128 letters, digits, spaces, ``-`` and ``_``."""
    idempotency_key: str | None = attrs.field(default=None, validator=idempotency_key)
    """A key of your own, 1 to 255 visible ASCII characters; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class UpdateProject(ProjectCommand[ProjectReference]):
    """Change the name, manager and reference of a project; all three are replaced."""

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _PROJECTS + "/{project_id}", operation_id="update_project")
    name: str = attrs.field(validator=length(5, 128))
    """The project's name, 5 to 128 characters."""
    project_manager_id: str = attrs.field(validator=uuid)
    """The id of the user who manages it, a UUID."""
    project_customer_reference_number: str | None = attrs.field(
        validator=attrs.validators.optional(reference), metadata={"null": True}
    )
    """The account's own reference: 3 to 128 letters, digits, spaces, ``-`` and ``_``. None deletes it permanently."""
    if_match: str = attrs.field(validator=etag)
    """The project's current ETag, byte for byte as the API sent it."""
    idempotency_key: str | None = attrs.field(default=None, validator=idempotency_key)
    """A key of your own, 1 to 255 visible ASCII characters; by default one is made for each call."""
