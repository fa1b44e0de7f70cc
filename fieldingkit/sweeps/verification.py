"""Verification: read the statuses again after the last job, and report what does not have the target status."""

from collections.abc import Sequence

from fieldingkit.errors import ClientClosedError, FieldingKitError, TransportError, UnauthorizedError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.discovery import GroupsRead, read_groups
from fieldingkit.sweeps.listing import statuses_only
from fieldingkit.sweeps.report import GroupOutcome, Outcome, Straggler, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup
from fieldingkit.workflows.reading import list_all

__all__ = ["verify"]

_PROJECTS_AT_ONCE = 16
_MAX_CONSECUTIVE_FAILURES = 3
"""The number of consecutive projects without a response after which no other one is read."""
_CLAIMED = frozenset({Outcome.UPDATED, Outcome.UNCHANGED})


async def verify(context: SweepContext) -> None:
    """List the target groups again in the statuses that the action starts from; record the stragglers in the state.

    This takes one filtered list for each project and page. Outcomes that an earlier process recorded are read as well,
    so that the report claims nothing that this process has not seen. A project that cannot be read is recorded as
    unverified; this step raises no error of the API.

    Args:
        context: The sweep, whose jobs have ended.

    Raises:
        ClientClosedError: if the client was closed meanwhile.
        JournalError: if the result cannot be saved.
    """
    state = context.state
    pass_ = _Pass(context)
    state.verifying = True
    context.notify()
    try:
        await run_limited(pass_.projects(), pass_.verify_project, limit=_PROJECTS_AT_ONCE)
    finally:
        state.verifying = False
    pass_.record()
    await context.checkpoint.verified(state)
    context.notify()


class _Pass:
    """One pass over the projects of a sweep, and of the runs that it continues.

    Args:
        context: The sweep.
    """

    def __init__(self, context: SweepContext) -> None:
        self._context = context
        self._runs = (*context.continued, context)
        self._plan = self._runs[0].plan  # the later runs may be limited to stragglers
        self._action = self._plan.action
        self._rows: dict[str, list[GroupOutcome]] = {}
        for row in context.report().groups:
            self._rows.setdefault(row.project_id, []).append(row)
        self._stragglers: dict[str, list[Straggler]] = {}
        self._unverified: dict[str, str] = {}
        self._failures = 0
        self._stop_reason: str | None = None

    def projects(self) -> list[str]:
        """Return the projects to list: those that discovery listed, and those of the target groups."""
        query, state = self._plan.query, self._context.state
        queried: list[str] = []
        if query is not None:
            queried = list(query.project_ids or [project.project_id for project in state.projects])
        unlisted = {project.project_id for project in state.unlisted}
        return [project_id for project_id in dict.fromkeys([*queried, *self._rows]) if project_id not in unlisted]

    async def verify_project(self, project_id: str) -> None:
        """Read the statuses of one project, and note its stragglers."""
        if self._stop_reason is not None:
            self._unverified[project_id] = self._stop_reason
            return
        try:
            read = await self._read(project_id)
        except ClientClosedError:
            raise
        except FieldingKitError as exc:
            self._unverified[project_id] = exc.message
            self._failures += isinstance(exc, TransportError)
            if isinstance(exc, UnauthorizedError) or self._failures >= _MAX_CONSECUTIVE_FAILURES:
                self._stop_reason = f"not read, because another project could not be read: {exc.message}"
            return
        self._failures = 0
        if read.unread:
            self._unverified[project_id] = next(iter(read.unread.values()))
        self._stragglers[project_id] = [
            *(straggler for row in self._rows.get(project_id, ()) if (straggler := self._swept(row, read))),
            *self._new(project_id, read),
        ]

    def record(self) -> None:
        """Record the result in the state of the sweep."""
        state, projects = self._context.state, self.projects()
        if len(self._unverified) < len(projects) or not projects:
            state.verified_at = self._context.client.clock.wall()
        state.stragglers = tuple(item for project_id in projects for item in self._stragglers.get(project_id, ()))
        state.unverified = tuple(
            UnlistedProject(project_id, self._unverified[project_id])
            for project_id in projects
            if project_id in self._unverified
        )

    async def _read(self, project_id: str) -> GroupsRead:
        """Return the target groups of a project that have a status to list; named ones may have any status."""
        client, plan = self._context.client, self._plan
        statuses = sorted(self._listed_statuses(project_id))
        if plan.query is None:
            ids = [row.target_group_id for row in self._rows[project_id]]
            return await read_groups(client, plan.account_id, project_id, ids, statuses=statuses)
        await wait_for_capacity(client)
        command = plan.query.list_target_groups(plan.account_id, project_id).replace(status=statuses)
        listed = await list_all(client, statuses_only(command))
        return GroupsRead({group.id: group.found_in(project_id) for group in listed}, {})

    def _listed_statuses(self, project_id: str) -> frozenset[TargetGroupStatus]:
        """Return the statuses to list: also the target status, if outcomes of an earlier process depend on it."""
        sources, target = self._action.sources, self._action.target
        return sources | {target} if any(map(self._claimed_earlier, self._rows.get(project_id, ()))) else sources

    def _claimed_earlier(self, row: GroupOutcome) -> bool:
        return row.target_group_id in self._context.earlier and row.outcome in _CLAIMED

    def _swept(self, row: GroupOutcome, read: GroupsRead) -> Straggler | None:
        """Return a target group of the sweep as a straggler; None if it is none."""
        seen = read.found.get(row.target_group_id)
        if row.target_group_id in read.unread:
            return None
        if seen is not None and seen.status in self._action.sources:
            if row.outcome in _CLAIMED:
                return _straggler(row, seen, "moved since")
            # One that was skipped for another reason than its status, such as by an undo, still has the same status.
            if row.outcome is Outcome.SKIPPED and row.previous_status not in (None, seen.status):
                return _straggler(row, seen, _appeared(seen))
        if self._claimed_earlier(row):
            if seen is None or seen.status != self._action.target:
                return _straggler(row, seen, "moved since")
            for run in self._runs:
                run.state.ledger.confirm(row.target_group_id)
        return None

    def _new(self, project_id: str, read: GroupsRead) -> Sequence[Straggler]:
        """Return the target groups that match the query and were not part of the sweep."""
        query = self._plan.query
        if query is None:
            return ()
        swept = {row.target_group_id for row in self._rows.get(project_id, ())}
        return [
            _straggler(group, group, _appeared(group))
            for id_, group in read.found.items()
            if id_ not in swept and group.status in self._action.sources
            if query.status is None or group.status in query.status
        ]


def _appeared(group: FoundGroup | None) -> str:
    status = None if group is None else group.status
    return f"{'went' if status == TargetGroupStatus.LIVE else 'became'} {status} since"


def _straggler(group: GroupOutcome | FoundGroup, seen: FoundGroup | None, reason: str) -> Straggler:
    return Straggler(
        target_group_id=group.target_group_id,
        project_id=group.project_id,
        status=None if seen is None else seen.status,
        reason=reason,
        name=group.name,
        short_id=group.short_id,
    )
