"""Discovery: find the target groups of a plan and read their statuses with few requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    ApiError,
    DecodeError,
    FieldingKitError,
    NotFoundError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.paging import PagedCommand
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.listing import ListedTargetGroups, statuses_only
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.report import SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup
from fieldingkit.workflows.reading import list_all, send_read

__all__ = [
    "FoundGroups",
    "GroupsRead",
    "find_groups",
    "read_groups",
    "read_statuses",
]


_MAX_READ_ALONE = 2
"""The largest number of target groups that are read one by one without listing their project first."""
_MAX_CONSECUTIVE_FAILURES = 3
"""The number of consecutive target groups without a response after which no other one of their project is read."""
_PAGE_SIZE = 100
_PROJECTS_AT_ONCE = 16


async def read_statuses(
    client: AsyncClient, account_id: str | int | None, project_id: str, ids: Sequence[str]
) -> Mapping[str, TargetGroupStatus]:
    """Return the statuses of target groups of one project; see ``read_groups``.

    Raises:
        ApiError: if the API rejects every read, such as for a missing permission.
    """
    read = await read_groups(client, account_id, project_id, ids)
    return {id_: group.status for id_, group in read.found.items() if group.status is not None}


class GroupsRead(NamedTuple):
    """Target groups that were to be read."""

    found: Mapping[str, FoundGroup]
    """The target groups with their statuses, by id."""
    unread: Mapping[str, str]
    """The reasons why others could not be read, by id. Those in neither do not exist, or have another status."""


async def read_groups(
    client: AsyncClient,
    account_id: str | int | None,
    project_id: str,
    ids: Sequence[str],
    *,
    statuses: Iterable[TargetGroupStatus] | None = None,
) -> GroupsRead:
    """Return target groups of one project with their statuses.

    The project is listed, a hundred target groups a page. If the list takes more pages than there are target groups
    left to find, those are read one by one. This takes at most twice the requests of the better of the two. If three
    target groups in a row cannot be read, the others of the project are not tried.

    Args:
        client: The client to use.
        account_id: The account's number; None for the client's account.
        project_id: The project's ULID.
        ids: The target groups' ULIDs.
        statuses: The statuses to list; None for all. Those that are read one by one are returned with any status.

    Raises:
        ApiError: if the API rejects every read, such as for a missing permission.
    """
    wanted = set(ids)
    found: dict[str, FoundGroup] = {}
    unread: dict[str, str] = {}
    command: PagedCommand[ListedTargetGroups] | None = None
    if len(wanted) > _MAX_READ_ALONE:
        command = statuses_only(
            ListTargetGroups(
                account_id=account_id,
                project_id=project_id,
                status=None if statuses is None else sorted(statuses),
                page_size=_PAGE_SIZE,
            )
        )
    pages = 0
    while command is not None and pages < len(wanted) - len(found):
        await wait_for_capacity(client)
        try:
            page = await send_read(client, command)
            found.update((group.id, group.found_in(project_id)) for group in page if group.id in wanted)
            command = command.after(page)
        except FieldingKitError as exc:
            if isinstance(exc, NotFoundError):
                return GroupsRead(found, {})  # the project does not exist, or this account cannot see it
            _raise_unless_transient(exc)
            break
        pages += 1
        if command is None:
            return GroupsRead(found, {})  # the list was complete: the missing target groups are not in it
    failures: list[str] = []
    for target_group_id in [id_ for id_ in ids if id_ not in found]:
        if len(failures) == _MAX_CONSECUTIVE_FAILURES:
            unread[target_group_id] = f"not read, because others could not be read: {failures[-1]}"
            continue
        try:
            status = await _read_one(client, account_id, project_id, target_group_id)
        except FieldingKitError as exc:
            _raise_unless_transient(exc)
            unread[target_group_id] = exc.message
            failures.append(exc.message)
            continue
        failures.clear()
        if status is not None:
            found[target_group_id] = FoundGroup(target_group_id, project_id, status)
    return GroupsRead(found, unread)


async def _read_one(
    client: AsyncClient, account_id: str | int | None, project_id: str, target_group_id: str
) -> TargetGroupStatus | None:
    """Return the status of a target group, which is the status of its run; None if there is no such target group."""
    await wait_for_capacity(client)
    try:
        runs = await send_read(
            client, ListFieldingRuns(account_id=account_id, project_id=project_id, target_group_id=target_group_id)
        )
    except NotFoundError:
        return None
    return TargetGroupStatus(runs.data[0].status) if runs.data else TargetGroupStatus.DRAFT  # a draft has no run


def _raise_unless_transient(exc: FieldingKitError) -> None:
    """Raise an error that would occur for every other request as well."""
    if not (isinstance(exc, TransportError | DecodeError) or (isinstance(exc, ApiError) and exc.retryable)):
        raise exc


class FoundGroups(NamedTuple):
    """The target groups of a plan, and the projects that could not be listed."""

    groups: tuple[FoundGroup, ...]
    """The target groups, project by project."""
    unlisted: tuple[UnlistedProject, ...]
    """The projects of a query that could not be listed."""
    projects: tuple[SweepProject, ...] = ()
    """The projects whose names were read."""


async def find_groups(
    client: AsyncClient, plan: SweepPlan, on_found: Callable[[int], object] = lambda _: None
) -> FoundGroups:
    """Return the target groups of a plan with the statuses that were read, project by project.

    A project that cannot be read does not affect the others: if it was named with its target groups, they are returned
    without a status; if it was to be listed by a query, it is returned as unlisted.

    Args:
        client: The client to use.
        plan: The plan.
        on_found: Called with the number of target groups found so far.

    Raises:
        FieldingKitError: if the projects cannot be listed, no project can be read, or one of a strict plan cannot.
    """
    found: dict[str, Sequence[FoundGroup]] = {}
    failures: dict[str, FieldingKitError] = {}
    total = 0

    async def find(project_id: str) -> None:
        nonlocal total
        try:
            if plan.query is None:
                found[project_id] = await _read_named(client, plan, project_id, named[project_id])
            else:
                found[project_id] = await _query_project(client, plan, plan.query, project_id)
        except FieldingKitError as exc:
            if plan.strict or not _concerns_one_project(exc):
                raise
            failures[project_id] = exc
            found[project_id] = [FoundGroup(id_, project_id, reason=exc.message) for id_ in named.get(project_id, ())]
        total += len(found[project_id])
        on_found(total)

    named = plan.target_groups or {}
    listed: tuple[SweepProject, ...] = ()
    if plan.query is None:
        projects = list(named)
    elif plan.query.project_ids is not None:
        excluded = plan.query.exclude_project_ids or ()
        projects = [project_id for project_id in plan.query.project_ids if project_id not in excluded]
    else:
        listed = await _query_projects(client, plan, plan.query)
        projects = [project.project_id for project in listed]
    await run_limited(projects, find, limit=_PROJECTS_AT_ONCE)
    if failures and len(failures) == len(projects):
        raise failures[projects[0]]
    unlisted = [project_id for project_id in projects if project_id in failures and project_id not in named]
    return FoundGroups(
        groups=tuple(group for project_id in projects for group in found[project_id]),
        unlisted=tuple(UnlistedProject(project_id, failures[project_id].message) for project_id in unlisted),
        projects=listed,
    )


def _concerns_one_project(exc: FieldingKitError) -> bool:
    """Return whether a read may fail for one project and succeed for others."""
    return isinstance(exc, ApiError | TransportError | DecodeError) and not isinstance(exc, UnauthorizedError)


async def _read_named(
    client: AsyncClient, plan: SweepPlan, project_id: str, ids: Sequence[str]
) -> Sequence[FoundGroup]:
    to_read = ids if plan.check_status_first else ()
    read = await read_groups(client, plan.account_id, project_id, to_read)
    return [read.found.get(id_) or FoundGroup(id_, project_id, reason=read.unread.get(id_)) for id_ in ids]


async def _query_projects(client: AsyncClient, plan: SweepPlan, query: TargetGroupQuery) -> tuple[SweepProject, ...]:
    listed = await list_all(client, query.list_projects(plan.account_id))
    projects = {
        project.id: SweepProject(project.id, project.name, project.human_readable_id)
        for project in listed
        if project.target_group_count and project.id not in (query.exclude_project_ids or ())
    }
    return tuple(projects.values())


async def _query_project(
    client: AsyncClient, plan: SweepPlan, query: TargetGroupQuery, project_id: str
) -> Sequence[FoundGroup]:
    await wait_for_capacity(client)
    command = statuses_only(query.list_target_groups(plan.account_id, project_id))
    listed = await list_all(client, command)
    # The list may change while it is read: a target group that moves to a later page is listed twice.
    return list({group.id: group.found_in(project_id) for group in listed}.values())
