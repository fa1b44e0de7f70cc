"""Reading where target groups stand, with as few requests as will do."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, FieldingKitError, NotFoundError, TransportError
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus
from fieldingkit.sweeps.chunks import Chunk, split_into_chunks
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.report import Outcome
from fieldingkit.sweeps.state import FoundGroup, judge_status

__all__ = ["SweepPreview", "find_groups", "preview", "read_statuses"]


_FEW = 2
_PAGE = 100


async def read_statuses(
    client: AsyncClient, account_id: str | int | None, project_id: str, ids: Sequence[str]
) -> Mapping[str, TargetGroupStatus]:
    """The status of target groups of one project; those that cannot be read are left out.

    A project's list shows a hundred at once, but may be long; so after as many pages as there are target groups left,
    the rest are read one by one. That is never more than twice the requests of the better way.

    Args:
        client: The client to use.
        account_id: The account; None for the client's own.
        project_id: The project's ULID.
        ids: The target groups' ULIDs.

    Raises:
        ApiError: if the API does not let us read, whatever the target group.
    """
    wanted = set(ids)
    found: dict[str, TargetGroupStatus] = {}
    command: ListTargetGroups | None = None
    if len(wanted) > _FEW:
        command = ListTargetGroups(account_id=account_id, project_id=project_id, page_size=_PAGE)
    pages = 0
    while command is not None and pages < len(wanted) - len(found):
        await wait_for_capacity(client)
        try:
            page = await client.send(command)
        except FieldingKitError as exc:
            if isinstance(exc, NotFoundError):
                return found  # there is no such project, or nothing in it that this account may see
            _raise_unless_passing(exc)
            break
        pages += 1
        found.update((summary.id, summary.status) for summary in page.target_groups if summary.id in wanted)
        command = command.after(page)
        if command is None:
            return found  # the whole list was seen: what is not in it, is not in the project
    for target_group_id in ids:
        if target_group_id not in found:
            status = await _read_one(client, account_id, project_id, target_group_id)
            if status is not None:
                found[target_group_id] = status
    return found


async def _read_one(
    client: AsyncClient, account_id: str | int | None, project_id: str, target_group_id: str
) -> TargetGroupStatus | None:
    """The status of one target group, by its run: a draft has none. It answers for drafts and launched ones alike."""
    await wait_for_capacity(client)
    try:
        runs = await client.send(
            ListFieldingRuns(account_id=account_id, project_id=project_id, target_group_id=target_group_id)
        )
    except NotFoundError:
        return None
    except FieldingKitError as exc:
        _raise_unless_passing(exc)
        return None
    return TargetGroupStatus(runs.data[0].status) if runs.data else TargetGroupStatus.DRAFT


def _raise_unless_passing(exc: FieldingKitError) -> None:
    """Let an error through that would meet every other request as well."""
    if not (isinstance(exc, TransportError | DecodeError) or (isinstance(exc, ApiError) and exc.retryable)):
        raise exc


_AT_ONCE = 16


@attrs.frozen(kw_only=True)
class SweepPreview:
    """What a sweep would do if it were started now."""

    plan: SweepPlan
    """The plan."""
    groups: tuple[FoundGroup, ...]
    """Every target group of the plan with its status, in the order in which they would be sent."""

    @property
    def unchanged(self) -> tuple[FoundGroup, ...]:
        """Those that are where the action leads, and would be left alone."""
        return self._judged(Outcome.UNCHANGED)

    @property
    def skipped(self) -> tuple[FoundGroup, ...]:
        """Those whose status does not allow the action, and that would be left alone."""
        return self._judged(Outcome.SKIPPED)

    @property
    def to_send(self) -> tuple[FoundGroup, ...]:
        """Those that would be sent."""
        return self._judged(None)

    @property
    def jobs(self) -> int:
        """How many jobs that would take."""
        return len(self.chunks())

    @property
    def requests(self) -> int:
        """How many requests the sweep needs at least: one to create each job, one to see that it has ended."""
        return 2 * self.jobs

    def seconds(self, rate: float) -> float:
        """How long it would take at least if so many requests may leave in a second."""
        return max(0, self.requests - 1) / rate

    def chunks(self) -> list[Chunk]:
        """The jobs that would be created."""
        pairs = [(group.project_id, group.target_group_id) for group in self.to_send]
        return split_into_chunks(self.plan.run_id, self.plan.action, pairs, size=self.plan.chunk_size)

    def _judged(self, wanted: Outcome | None) -> tuple[FoundGroup, ...]:
        verdicts = ((group, judge_status(self.plan.action, group.status)) for group in self.groups)
        return tuple(group for group, verdict in verdicts if (verdict and verdict[0]) == wanted)


async def preview(client: AsyncClient, plan: SweepPlan) -> SweepPreview:
    """Look up the target groups of a plan, and show what a sweep would do to them. Changes nothing.

    Args:
        client: The client to use; with a blocking one, ``client.call(preview, plan)``.
        plan: What is to be done.

    Raises:
        FieldingKitError: if the target groups cannot be looked up.
    """
    return SweepPreview(plan=plan, groups=await find_groups(client, plan))


async def find_groups(
    client: AsyncClient, plan: SweepPlan, tell: Callable[[int], object] = lambda _: None
) -> tuple[FoundGroup, ...]:
    """The target groups of a plan, with their status where it is read, project by project.

    Args:
        client: The client to use.
        plan: The plan.
        tell: Is called with the number of target groups that are known so far.

    Raises:
        FieldingKitError: if a query cannot be answered, or the API does not let us read.
    """
    found: dict[str, tuple[FoundGroup, ...]] = {}
    known = 0

    def note(project_id: str, groups: Sequence[FoundGroup]) -> None:
        nonlocal known
        found[project_id] = tuple(groups)
        known += len(groups)
        tell(known)

    async def look_up(project_id: str) -> None:
        members = named[project_id]
        to_read = members if plan.check_status_first else ()
        statuses = await read_statuses(client, plan.account_id, project_id, to_read)
        note(project_id, [FoundGroup(id_, project_id, statuses.get(id_)) for id_ in members])

    async def query(project_id: str) -> None:
        note(project_id, await _query_project(client, plan, asked, project_id))

    asked = plan.query or TargetGroupQuery()
    named = plan.target_groups or {}
    if plan.query is None:
        projects = list(named)
        await run_limited(projects, look_up, at_once=_AT_ONCE)
    else:
        projects = await _projects(client, plan, asked)
        await run_limited(projects, query, at_once=_AT_ONCE)
    return tuple(group for project_id in projects for group in found[project_id])


async def _projects(client: AsyncClient, plan: SweepPlan, asked: TargetGroupQuery) -> list[str]:
    if asked.project_ids is not None:
        return list(asked.project_ids)
    listed = [item async for item in client.iter_items(asked.projects(plan.account_id))]
    return list(dict.fromkeys(project.id for project in listed if project.target_group_count))


async def _query_project(
    client: AsyncClient, plan: SweepPlan, asked: TargetGroupQuery, project_id: str
) -> list[FoundGroup]:
    await wait_for_capacity(client)
    listed = [item async for item in client.iter_items(asked.target_groups(plan.account_id, project_id))]
    # The list may change while it is read: what moved to a later page comes twice.
    return list({summary.id: FoundGroup(summary.id, project_id, summary.status) for summary in listed}.values())
