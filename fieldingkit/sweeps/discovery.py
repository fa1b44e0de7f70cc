"""Discovery: find the target groups of a plan and read their statuses with few requests."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command
from fieldingkit.errors import (
    ApiError,
    DecodeError,
    FieldingKitError,
    NotFoundError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.paging import iter_items
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus, TargetGroupSummary
from fieldingkit.results import Serializable, to_row
from fieldingkit.sweeps.chunks import split_into_jobs
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.report import Outcome, SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup

__all__ = [
    "FoundGroups",
    "SweepPreview",
    "find_groups",
    "preview",
    "read_groups",
    "read_statuses",
    "refresh",
    "send_read",
]

R = TypeVar("R")


_MAX_READ_ALONE = 2
"""The largest number of target groups that are read one by one without listing their project first."""
_MAX_READS = 3
"""The largest number of reads of a page whose response cannot be decoded."""
_PAGE_SIZE = 100
_MAX_PREVIEW_AGE = 30.0
"""The largest age of a preview in seconds; the statuses of an older one are read again before anything is sent."""
_PROJECTS_AT_ONCE = 16


async def read_statuses(
    client: AsyncClient, account_id: str | int | None, project_id: str, ids: Sequence[str]
) -> Mapping[str, TargetGroupStatus]:
    """Return the statuses of target groups of one project; see ``read_groups``.

    Raises:
        ApiError: if the API rejects every read, such as for a missing permission.
    """
    read = await read_groups(client, account_id, project_id, ids)
    return {id_: group.status for id_, group in read.items() if group.status is not None}


async def read_groups(
    client: AsyncClient, account_id: str | int | None, project_id: str, ids: Sequence[str]
) -> Mapping[str, FoundGroup]:
    """Return target groups of one project with their statuses; those that cannot be read are left out.

    The project is listed, a hundred target groups a page. If the list takes more pages than there are target groups
    left to find, those are read one by one. This takes at most twice the requests of the better of the two.

    Args:
        client: The client to use.
        account_id: The account's number; None for the client's account.
        project_id: The project's ULID.
        ids: The target groups' ULIDs.

    Raises:
        ApiError: if the API rejects every read, such as for a missing permission.
    """
    wanted = set(ids)
    found: dict[str, FoundGroup] = {}
    command: ListTargetGroups | None = None
    if len(wanted) > _MAX_READ_ALONE:
        command = ListTargetGroups(account_id=account_id, project_id=project_id, page_size=_PAGE_SIZE)
    pages = 0
    while command is not None and pages < len(wanted) - len(found):
        await wait_for_capacity(client)
        try:
            page = await send_read(client, command)
            found.update(
                (summary.id, _found(summary, project_id)) for summary in page.target_groups if summary.id in wanted
            )
            command = command.after(page)
        except FieldingKitError as exc:
            if isinstance(exc, NotFoundError):
                return found  # the project does not exist, or this account cannot see it
            _raise_unless_transient(exc)
            break
        pages += 1
        if command is None:
            return found  # the list was complete, so the missing target groups are not in the project
    for target_group_id in ids:
        if target_group_id not in found:
            status = await _read_one(client, account_id, project_id, target_group_id)
            if status is not None:
                found[target_group_id] = FoundGroup(target_group_id, project_id, status)
    return found


def _found(summary: TargetGroupSummary, project_id: str) -> FoundGroup:
    return FoundGroup(summary.id, project_id, summary.status, name=summary.name, short_id=summary.human_readable_id)


async def _read_one(
    client: AsyncClient, account_id: str | int | None, project_id: str, target_group_id: str
) -> TargetGroupStatus | None:
    """Return the status of a target group, which is the status of its run; a draft has no run."""
    await wait_for_capacity(client)
    try:
        runs = await send_read(
            client, ListFieldingRuns(account_id=account_id, project_id=project_id, target_group_id=target_group_id)
        )
    except NotFoundError:
        return None
    except FieldingKitError as exc:
        _raise_unless_transient(exc)
        return None
    return TargetGroupStatus(runs.data[0].status) if runs.data else TargetGroupStatus.DRAFT


async def send_read(client: AsyncClient, command: Command[R]) -> R:
    """Send a command that only reads; read again if the response was truncated or is unreadable for another reason."""
    for number in range(_MAX_READS - 1):
        try:
            return await client.send(command)
        except DecodeError:
            await client.clock.sleep(0.5 * 2**number)
    return await client.send(command)


def _raise_unless_transient(exc: FieldingKitError) -> None:
    """Raise an error that would occur for every other request as well."""
    if not (isinstance(exc, TransportError | DecodeError) or (isinstance(exc, ApiError) and exc.retryable)):
        raise exc


@attrs.frozen(kw_only=True, repr=False)
class SweepPreview(Serializable):
    """The target groups of a plan with their statuses, before anything is sent."""

    plan: SweepPlan
    """The plan."""
    groups: tuple[FoundGroup, ...]
    """Every target group of the plan with its status, in the order in which they are sent."""
    unlisted: tuple[UnlistedProject, ...] = ()
    """The projects that could not be listed. Their target groups are not sent."""
    projects: tuple[SweepProject, ...] = ()
    """The projects whose names were read; none are read for their own sake."""
    identity: RunIdentity | None = None
    """The API, the account and the run that it was read for; None if that is not known."""
    read_at: float = float("-inf")
    """When the statuses were read, by the client's clock; a sweep reads them again if that was over 30 seconds ago."""

    @property
    def unchanged(self) -> tuple[FoundGroup, ...]:
        """The target groups that have the target status already, and are not sent."""
        return self._with_outcome(Outcome.UNCHANGED)

    @property
    def skipped(self) -> tuple[FoundGroup, ...]:
        """The target groups whose status does not allow the action, and that are not sent."""
        return self._with_outcome(Outcome.SKIPPED)

    @property
    def to_send(self) -> tuple[FoundGroup, ...]:
        """The target groups that are sent."""
        return self._with_outcome(None)

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        pairs = ((group.project_id, group.target_group_id) for group in self.to_send)
        return len(split_into_jobs(pairs, size=self.plan.chunk_size))

    @property
    def requests(self) -> int:
        """The smallest number of requests: one to create each job, and one to poll it."""
        return 2 * self.jobs

    def seconds(self, rate: float) -> float:
        """Return the shortest duration in seconds at a rate in requests per second."""
        return max(0, self.requests - 1) / rate

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per target group, for ``pandas.DataFrame(preview.rows())`` and the like."""
        return [to_row(group) for group in self.groups]

    def __repr__(self) -> str:
        counts = {"to send": self.to_send, "unchanged": self.unchanged, "skipped": self.skipped}
        return short_repr("SweepPreview", self.plan.action, *(f"{len(of)} {name}" for name, of in counts.items() if of))

    def _repr_html_(self) -> str:
        rows = ((group.target_group_id, group.project_id, group.status) for group in self.groups)
        return html_table(repr(self)[1:-1], ("target group", "project", "status"), rows, len(self.groups))

    def _with_outcome(self, outcome: Outcome | None) -> tuple[FoundGroup, ...]:
        settled = ((group, group.settled(self.plan.action)) for group in self.groups)
        return tuple(group for group, result in settled if (result and result[0]) == outcome)


async def preview(client: AsyncClient, plan: SweepPlan) -> SweepPreview:
    """Find the target groups of a plan and read their statuses. Nothing is changed.

    Args:
        client: The client to use; with a blocking one, ``client.call(preview, plan)``.
        plan: The action and the target groups.

    Raises:
        FieldingKitError: if no project can be read, or one of a strict plan.
    """
    found = await find_groups(client, plan)
    return SweepPreview(
        plan=plan,
        groups=found.groups,
        unlisted=found.unlisted,
        projects=found.projects,
        identity=RunIdentity.of(client, plan),
        read_at=client.clock.now(),
    )


async def refresh(
    client: AsyncClient, preview: SweepPreview, on_found: Callable[[int], object] = lambda _: None
) -> "FoundGroups":
    """Return the target groups of a preview with statuses that are at most 30 seconds old; read them if necessary.

    Target groups that match the query of the plan only now are left out, because the preview did not show them.

    Args:
        client: The client to use.
        preview: The preview.
        on_found: Called with the number of target groups read so far.

    Raises:
        FieldingKitError: if no project can be read, or one of a strict plan.
    """
    if client.clock.now() - preview.read_at <= _MAX_PREVIEW_AGE:
        return FoundGroups(preview.groups, preview.unlisted, preview.projects)
    plan = preview.plan
    if plan.query is not None:
        shown: dict[str, list[str]] = {}
        for group in preview.groups:
            shown.setdefault(group.project_id, []).append(group.target_group_id)
        plan = attrs.evolve(plan, query=None, target_groups=shown, check_status_first=True)
    found = await find_groups(client, plan, on_found)
    settled = {group.target_group_id: group for group in preview.groups if group.outcome is not None}
    groups = tuple(settled.get(group.target_group_id, group) for group in found.groups)
    return FoundGroups(groups, preview.unlisted, preview.projects)


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
            found[project_id] = [FoundGroup(id_, project_id) for id_ in named.get(project_id, ())]
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
    return [read.get(id_) or FoundGroup(id_, project_id) for id_ in ids]


async def _query_projects(client: AsyncClient, plan: SweepPlan, query: TargetGroupQuery) -> tuple[SweepProject, ...]:
    listed = [item async for item in iter_items(partial(send_read, client), query.list_projects(plan.account_id))]
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
    command = query.list_target_groups(plan.account_id, project_id)
    listed = [item async for item in iter_items(partial(send_read, client), command)]
    # The list may change while it is read: a target group that moves to a later page is listed twice.
    return list({summary.id: _found(summary, project_id) for summary in listed}.values())
