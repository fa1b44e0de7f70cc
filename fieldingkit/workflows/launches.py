"""The launch of a draft: profiles and feasibility are checked before anything is started; nothing is launched twice."""

from datetime import datetime
from typing import Any, NamedTuple, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import check_kind
from fieldingkit.errors import (
    ConfigurationError,
    ConflictError,
    FieldingKitError,
    JobError,
    JobFailedError,
    NotFoundError,
    RedirectError,
    TooManyConflictsError,
    WorkflowError,
)
from fieldingkit.events.waker import Waker
from fieldingkit.idempotency import new_idempotency_key
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.feasibility import Feasibility
from fieldingkit.resources.fielding_jobs import LaunchFromDraft
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun, ListFieldingRuns
from fieldingkit.resources.target_group_drafts import GetTargetGroup, TargetGroupDraft
from fieldingkit.results import Serializable
from fieldingkit.workflows.launch_checks import LaunchCheck, check_launch
from fieldingkit.workflows.optimistic import any_maybe_applied, count_outcomes, keep_outcome, read_run
from fieldingkit.workflows.reading import send_read
from fieldingkit.workflows.shortfalls import Shortfall, infeasible_error

__all__ = ["LaunchedTargetGroup", "launch"]

_READ_DELAYS = (0.5, 1.0, 2.0, 4.0)
"""The delays after reads of the new run that find nothing, in seconds."""
_MAX_DELAY = 30.0
"""The longest delay before the job is sent again, in seconds, unless the API asks for more."""


@attrs.frozen(kw_only=True)
class LaunchedTargetGroup(Serializable):
    """The result of ``launch``: the target group is launched."""

    run: FieldingRun
    """The fielding run as last read, with the ETag for the next action."""
    changed: bool
    """True if this workflow launched it; False if it was found launched.

    After an ambiguous outcome, another user may have launched it.
    """
    feasibility: Feasibility | None = None
    """The estimate before the launch; None if it was found launched, or if no estimate could be asked for."""
    shortfalls: tuple[Shortfall, ...] = ()
    """The goals that are not feasible, and were accepted with ``accept_infeasible``."""
    job_id: str | None = None
    """The id of the launch job; None if no job was seen."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The failures and ambiguous outcomes that were resolved by reading, in order."""


async def launch(
    client: AsyncClient,
    draft: GetTargetGroup,
    *,
    end_fielding_at: datetime | None = None,
    accept_infeasible: bool = False,
    idempotency_key: str | None = None,
    max_conflicts: int = 3,
    timeout: float | None = 600.0,
    waker: Waker | None = None,
) -> LaunchedTargetGroup:
    """Launch a draft now, if its profiles are valid and its goals are feasible by the end of fielding.

    A goal is feasible if the most completes that the API expects reach it; the goals of quotas count too. Nothing is
    launched twice: a target group that is no draft any more is only read, and after an ambiguous outcome the state is
    read before the job is sent again with the same key. So repeat the call after a crash. A draft has no ETag: a change
    that another user makes meanwhile is launched with it.

    Args:
        client: The client to use; with a blocking one, ``client.call(launch, draft)``.
        draft: The command that reads the draft.
        end_fielding_at: The end of fielding, with a time zone; by default the draft's planned one.
        accept_infeasible: True to launch although goals are not feasible.
        idempotency_key: A key of your own for the launch job, 1 to 255 visible ASCII characters.
        max_conflicts: Failures and ambiguous outcomes to resolve by reading before giving up.
        timeout: Seconds to wait for the launch job at most; None for no limit. The job itself continues.
        waker: Brings the next poll of the job forward when a webhook event of the project arrives.

    Raises:
        InfeasibleError: if a goal is not feasible, with the figures; nothing was launched.
        BadRequestError: if the API refuses the profiles, each violation with its reason; nothing was launched.
        InvalidCommandError: if the end has passed, or a setting of the draft is invalid; nothing was launched.
        WorkflowError: if the draft lacks a setting, or a part of it cannot be read; nothing was launched.
        JobFailedError: if the launch job failed, and the target group is still a draft.
        JobError: if the result of the launch job is not available; a later call reads what became of it.
        TooManyConflictsError: if more refusals (409) and ambiguous outcomes than that occurred; the error lists them.
        FieldingKitError: if the draft or the run cannot be read.
    """
    if not isinstance(cast("object", client), AsyncClient):
        raise ConfigurationError(f"client must be an AsyncClient; got {type(client).__name__}")
    check_kind(draft, GetTargetGroup)
    if type(max_conflicts) is not int or max_conflicts < 0:
        raise ConfigurationError(f"max_conflicts must be an integer of at least 0; got {brief_repr(max_conflicts)}")
    if type(accept_infeasible) is not bool:
        raise ConfigurationError(f"accept_infeasible must be True or False; got {brief_repr(accept_infeasible)}")
    check_wait_timeout(timeout)
    try:
        settings = await send_read(client, draft)
    except RedirectError:
        if (run := await _find_run(client, draft)) is None:
            raise
        return LaunchedTargetGroup(run=run, changed=False)
    command = LaunchFromDraft(
        **_path(draft),
        end_fielding_at=_planned_end(settings, draft) if end_fielding_at is None else end_fielding_at,
        idempotency_key=idempotency_key or new_idempotency_key(),
    )
    check = await check_launch(client, draft, settings, command.end_fielding_at)
    if check.shortfalls and not accept_infeasible:
        raise infeasible_error(draft, check.goal, command.end_fielding_at, check.feasibility, check.shortfalls)
    return await _Launch(client, draft, command, check, max_conflicts, timeout, waker).run()


class _Launch(NamedTuple):
    """The launch of a draft that was checked."""

    client: AsyncClient
    draft: GetTargetGroup
    command: LaunchFromDraft
    check: LaunchCheck
    max_conflicts: int
    timeout: float | None
    waker: Waker | None

    async def run(self) -> LaunchedTargetGroup:
        """Send the launch job until the target group is launched; read what became of it after each failure."""
        conflicts: list[FieldingKitError] = []
        try:
            while True:
                try:
                    job = await self.client.submit(self.command)
                    result = await job.wait(self.timeout, waker=self.waker)
                except FieldingKitError as exc:
                    if not (exc.maybe_applied or isinstance(exc, JobError | ConflictError)):
                        raise
                    conflicts.append(exc)
                else:
                    run = await self._launched_run(result.created_fielding_run_id)
                    return self._result(run, conflicts, changed=True, job_id=job.id)
                if (found := await _find_run(self.client, self.draft)) is not None:
                    # A run that is found after a job that failed is the one of another launch.
                    own = [conflict for conflict in conflicts if not isinstance(conflict, JobFailedError)]
                    return self._result(found, conflicts, changed=any_maybe_applied(own))
                await self._before_repetition(conflicts)
        except BaseException as exc:
            if any_maybe_applied(conflicts):
                keep_outcome(exc, f"{self.command.endpoint.operation_id} may have been applied", self.command)
            raise

    async def _launched_run(self, run_id: str | None) -> FieldingRun:
        """Read the run after the job has completed; an error says that the target group was launched."""
        try:
            return await self._wait_for_run(run_id)
        except BaseException as exc:
            keep_outcome(exc, "the target group was launched", self.command)
            exc.add_note(f"The target group {self.draft.target_group_id} was launched.")
            raise

    async def _wait_for_run(self, run_id: str | None) -> FieldingRun:
        for delay in _READ_DELAYS:
            if (run := await self._new_run(run_id)) is not None:
                return run
            await self.client.clock.sleep(delay)
        raise WorkflowError("the launch job has completed, but its fielding run cannot be read", command=self.draft)

    async def _new_run(self, run_id: str | None) -> FieldingRun | None:
        if run_id is None:
            return await _find_run(self.client, self.draft)
        try:
            return await read_run(self.client, GetFieldingRun(**_path(self.draft), fielding_run_id=run_id))
        except NotFoundError:
            return None

    async def _before_repetition(self, conflicts: list[FieldingKitError]) -> None:
        """Wait before the job is sent again with the same key; raise if that would not help."""
        exc = conflicts[-1]
        if isinstance(exc, JobError) and exc.job_id is not None:
            raise exc  # the job was seen: sent again, it would be the same one
        if len(conflicts) > self.max_conflicts:
            raise TooManyConflictsError(
                f"{len(conflicts)} launches were sent, all with the same key: "
                f"{count_outcomes(conflicts, refusal='refused (409)')}; the target group is still a draft",
                conflicts=conflicts,
                command=self.command,
                maybe_applied=any_maybe_applied(conflicts),
                attempts=[attempt for conflict in conflicts for attempt in conflict.attempts],
                idempotency_key=self.command.idempotency_key,
            ) from exc
        asked = getattr(exc, "retry_after", None) or 0.0
        await self.client.clock.sleep(max(asked, min(2.0 ** len(conflicts), _MAX_DELAY)))

    def _result(
        self, run: FieldingRun, conflicts: list[FieldingKitError], *, changed: bool, job_id: str | None = None
    ) -> LaunchedTargetGroup:
        seen = (conflict.job_id for conflict in conflicts if isinstance(conflict, JobError))
        return LaunchedTargetGroup(
            run=run,
            changed=changed,
            feasibility=self.check.feasibility,
            shortfalls=self.check.shortfalls,
            job_id=job_id or next(filter(None, seen), None),
            conflicts=tuple(conflicts),
        )


def _planned_end(settings: TargetGroupDraft, draft: GetTargetGroup) -> datetime:
    if settings.fielding_specification is None:
        raise WorkflowError("the draft has no planned end: pass end_fielding_at", command=draft)
    return settings.fielding_specification.end_at


async def _find_run(client: AsyncClient, draft: GetTargetGroup) -> FieldingRun | None:
    """Return the run of the target group with its ETag; None if it is still a draft."""
    runs = await send_read(client, ListFieldingRuns(**_path(draft)))
    if not runs:
        return None
    return await read_run(client, GetFieldingRun(**_path(draft), fielding_run_id=runs[-1].id))


def _path(draft: GetTargetGroup) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in ("account_id", "project_id", "target_group_id")}
