"""Reading a run again in the middle of a workflow."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    FieldingKitError,
    InvalidCommandError,
    PreconditionFailedError,
    StatusUnreachableError,
    TooManyConflictsError,
    WorkflowError,
)
from fieldingkit.events.waker import Waker
from fieldingkit.resources.fielding_runs import (
    CompleteFieldingRun,
    FieldingRun,
    FieldingRunStatus,
    GetFieldingRun,
    LaunchFieldingRunNow,
    PauseFieldingRun,
    RelaunchFieldingRun,
    ResumeFieldingRun,
    UpdateFieldingRun,
)

__all__ = [
    "EnsuredStatus",
    "UpdatedRun",
    "action_for",
    "ensure_status",
    "reachable_from",
    "read_fresh",
    "update_run",
    "wait_for_status",
]


async def read_fresh(client: AsyncClient, run: GetFieldingRun, conflicts: Sequence[FieldingKitError]) -> FieldingRun:
    """Read the run; a failure to do so does not hide that an earlier action may have been applied.

    Raises:
        FieldingKitError: if it cannot be read; ``maybe_applied`` is that of the whole workflow.
    """
    try:
        return await client.send(run)
    except FieldingKitError as exc:
        exc.maybe_applied = any(conflict.maybe_applied for conflict in conflicts)
        raise


Action = (
    type[PauseFieldingRun]
    | type[ResumeFieldingRun]
    | type[CompleteFieldingRun]
    | type[RelaunchFieldingRun]
    | type[LaunchFieldingRunNow]
)

_SCHEDULED, _LIVE = FieldingRunStatus.SCHEDULED, FieldingRunStatus.LIVE
_PAUSED, _COMPLETED = FieldingRunStatus.PAUSED, FieldingRunStatus.COMPLETED

_ACTIONS: dict[tuple[FieldingRunStatus, FieldingRunStatus], Action] = {
    (_SCHEDULED, _LIVE): LaunchFieldingRunNow,
    (_LIVE, _PAUSED): PauseFieldingRun,
    (_PAUSED, _LIVE): ResumeFieldingRun,
    (_COMPLETED, _LIVE): RelaunchFieldingRun,
    (_LIVE, _COMPLETED): CompleteFieldingRun,
    (_SCHEDULED, _COMPLETED): CompleteFieldingRun,
    # The API's documents disagree on this one, so it is tried. Resuming first would let respondents in again.
    (_PAUSED, _COMPLETED): CompleteFieldingRun,
}


@attrs.frozen(kw_only=True)
class EnsuredStatus:
    """A run is where it should be; and how it came to be there."""

    status: FieldingRunStatus
    """The status, which is the wanted one."""
    etag: str
    """The run's tag, for the next action; empty if the API did not send it."""
    changed: bool
    """Whether this workflow changed it, as far as can be told: after a doubtful outcome another may have done it."""
    before: FieldingRun
    """The run as it was first read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The refusals and doubtful outcomes that were dealt with, in order."""


def reachable_from(status: FieldingRunStatus) -> tuple[FieldingRunStatus, ...]:
    """The statuses that a single action leads to."""
    return tuple(wanted for present, wanted in _ACTIONS if present == status)


def action_for(present: FieldingRunStatus, wanted: FieldingRunStatus) -> Action | None:
    """The action that leads from one status to another; None if there is none."""
    return _ACTIONS.get((present, wanted))


async def ensure_status(
    client: AsyncClient,
    run: GetFieldingRun,
    status: FieldingRunStatus | str,
    *,
    max_conflicts: int = 3,
    confirm: float | None = None,
    waker: Waker | None = None,
) -> EnsuredStatus:
    """Read a run, decide, act; read and decide again when it was changed meanwhile or the outcome is in doubt.

    Already there is success. From ``live`` to ``paused`` and back, from ``scheduled`` or ``completed`` to ``live``,
    and to ``completed``: what a single action does. Never more than one, since each lets respondents in or out.

    Args:
        client: The client to use; with a blocking one, ``client.call(ensure_status, run, status)``.
        run: The command that reads the run.
        status: The status that it should have.
        max_conflicts: How often to begin anew at most.
        confirm: Seconds to wait after the action until the run also reads so; by default the API's word is taken.
        waker: Has webhook events bring the looks at it forward.

    Raises:
        StatusUnreachableError: if no single action leads there; nothing was done.
        TooManyConflictsError: if the run was changed meanwhile again and again; it lists each conflict.
        InvalidStateError: if the API does not allow the action, such as resuming when the goal is reached.
        WorkflowError: if it was to be confirmed, and does not read so in time.
        FieldingKitError: if the run cannot be read.
    """
    wanted = FieldingRunStatus(status)
    conflicts: list[FieldingKitError] = []
    before: FieldingRun | None = None
    while True:
        now = await read_fresh(client, run, conflicts)
        before = before or now
        if now.status == wanted:
            in_doubt = any(conflict.maybe_applied for conflict in conflicts)
            return EnsuredStatus(
                status=wanted, etag=now.etag, changed=in_doubt, before=before, conflicts=tuple(conflicts)
            )
        action = action_for(now.status, wanted)
        if action is None:
            reachable = reachable_from(now.status)
            raise StatusUnreachableError(
                f"the run is {now.status}, from where no action leads to {wanted}; "
                f"one leads to {' or '.join(reachable) or 'nothing'}",
                status=now.status,
                reachable=reachable,
                conflicts=conflicts,
                command=run,
            )
        if len(conflicts) > max_conflicts:
            raise TooManyConflictsError(
                f"the run was changed {len(conflicts)} times while it was to become {wanted}; it is {now.status} now",
                conflicts=conflicts,
                command=run,
                maybe_applied=any(conflict.maybe_applied for conflict in conflicts),
            ) from conflicts[-1]
        try:
            change = await client.send(
                action(
                    account_id=run.account_id,
                    project_id=run.project_id,
                    target_group_id=run.target_group_id,
                    fielding_run_id=run.fielding_run_id,
                    if_match=now.etag,
                )
            )
        except FieldingKitError as exc:
            if not (isinstance(exc, PreconditionFailedError) or exc.maybe_applied):
                raise
            conflicts.append(exc)
        else:
            tag = change.etag
            if confirm is not None:
                tag = (await _confirmed(client, run, wanted, confirm, waker)).etag
            return EnsuredStatus(status=wanted, etag=tag, changed=True, before=before, conflicts=tuple(conflicts))


async def _confirmed(
    client: AsyncClient, run: GetFieldingRun, wanted: FieldingRunStatus, seconds: float, waker: Waker | None
) -> FieldingRun:
    """Wait until the run reads as it should; not to see it does not unmake the action."""
    try:
        return await wait_for_status(client, run, wanted, timeout=seconds, waker=waker)
    except FieldingKitError as exc:
        exc.maybe_applied = True
        raise


@attrs.frozen(kw_only=True)
class UpdatedRun:
    """A run has the dates that it should have."""

    start_fielding_at: datetime
    """The start, UTC."""
    end_fielding_at: datetime
    """The end, UTC."""
    etag: str
    """The run's tag, for the next action; empty if the API did not send it."""
    changed: bool
    """Whether the dates were changed; False if the function left them as they were."""
    before: FieldingRun
    """The run as it was first read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The refusals and doubtful outcomes that were dealt with, in order."""


async def update_run(
    client: AsyncClient,
    run: GetFieldingRun,
    change: Callable[[FieldingRun], FieldingRun],
    *,
    max_conflicts: int = 3,
) -> UpdatedRun:
    """Read a run, let ``change`` say its new dates, and write them; begin anew when it was changed meanwhile.

    The API wants both dates with each change; the one that ``change`` leaves alone is sent back as it was. To extend a
    run by a day::

        await update_run(client, run, lambda r: attrs.evolve(r, end_fielding_at=r.end_fielding_at + timedelta(days=1)))

    After a doubtful outcome the run is read before anything else, so that a day is never added twice.

    Args:
        client: The client to use; with a blocking one, ``client.call(update_run, run, change)``.
        run: The command that reads the run.
        change: From the run as it is, the run as it should be; only its dates count.
        max_conflicts: How often to begin anew at most.

    Raises:
        InvalidCommandError: if ``change`` changes something else than dates, or to dates that are refused.
        TooManyConflictsError: if the run was changed meanwhile again and again; it lists each conflict.
        AmbiguousOutcomeError: if it cannot be told whether the change was applied, since others changed the dates too.
        InvalidStateError: if the API does not allow it, such as for a completed run.
        FieldingKitError: if the run cannot be read.
    """
    conflicts: list[FieldingKitError] = []
    before: FieldingRun | None = None
    doubt: _Doubt | None = None
    while True:
        now = await read_fresh(client, run, conflicts)
        before = before or now
        if doubt is not None and doubt.was_applied(now):
            return _done(now, now.etag, changed=True, before=before, conflicts=conflicts)
        wanted = change(now)
        if attrs.evolve(wanted, start_fielding_at=now.start_fielding_at, end_fielding_at=now.end_fielding_at) != now:
            raise InvalidCommandError("only the dates of a run can be changed", field="change", command=run)
        if _dates(wanted) == _dates(now):
            return _done(now, now.etag, changed=False, before=before, conflicts=conflicts)
        if len(conflicts) > max_conflicts:
            raise TooManyConflictsError(
                f"the run was changed {len(conflicts)} times while its dates were to be changed",
                conflicts=conflicts,
                command=run,
                maybe_applied=any(conflict.maybe_applied for conflict in conflicts),
            ) from conflicts[-1]
        try:
            answer = await client.send(
                UpdateFieldingRun(
                    account_id=run.account_id,
                    project_id=run.project_id,
                    target_group_id=run.target_group_id,
                    fielding_run_id=run.fielding_run_id,
                    if_match=now.etag,
                    start_fielding_at=wanted.start_fielding_at,
                    end_fielding_at=wanted.end_fielding_at,
                )
            )
        except FieldingKitError as exc:
            if not (isinstance(exc, PreconditionFailedError) or exc.maybe_applied):
                raise
            conflicts.append(exc)
            doubt = _Doubt(now, wanted, exc) if exc.maybe_applied else None
        else:
            return _done(wanted, answer.etag, changed=True, before=before, conflicts=conflicts)


class _Doubt(NamedTuple):
    """A write whose outcome is not known."""

    before: FieldingRun
    wanted: FieldingRun
    error: FieldingKitError

    def was_applied(self, now: FieldingRun) -> bool:
        """Tell by the dates as they are now; raises the error if they are neither the old nor the new ones."""
        if _dates(now) not in (_dates(self.before), _dates(self.wanted)):
            raise self.error
        return _dates(now) == _dates(self.wanted)


def _done(
    run: FieldingRun, etag: str, *, changed: bool, before: FieldingRun, conflicts: list[FieldingKitError]
) -> UpdatedRun:
    start, end = _dates(run)
    return UpdatedRun(
        start_fielding_at=start,
        end_fielding_at=end,
        etag=etag,
        changed=changed,
        before=before,
        conflicts=tuple(conflicts),
    )


def _dates(run: FieldingRun) -> tuple[datetime, datetime]:
    """Both dates as the API keeps them: UTC, to the millisecond."""
    start, end = run.start_fielding_at.astimezone(UTC), run.end_fielding_at.astimezone(UTC)
    return (
        start.replace(microsecond=start.microsecond // 1000 * 1000),
        end.replace(microsecond=end.microsecond // 1000 * 1000),
    )


_FIRST, _LONGEST, _GROWTH = 0.5, 60.0, 1.5


async def wait_for_status(
    client: AsyncClient,
    run: GetFieldingRun,
    status: FieldingRunStatus | str,
    *,
    timeout: float = 600.0,
    waker: Waker | None = None,
) -> FieldingRun:
    """Read a run until it has a status, such as a scheduled one until it is live. Does nothing to it.

    Args:
        client: The client to use; with a blocking one, ``client.call(wait_for_status, run, status)``.
        run: The command that reads the run.
        status: The status to wait for.
        timeout: Seconds to wait at most. The first look comes at once, the last when the time is over.
        waker: Has webhook events bring the next look forward.

    Raises:
        WorkflowError: if it does not have the status by then.
        FieldingKitError: if the run cannot be read.
    """
    wanted = FieldingRunStatus(status)
    until = client.clock.now() + timeout
    interval = _FIRST
    changed = asyncio.Event()
    while True:
        changed.clear()
        now = await client.send(run)
        if now.status == wanted:
            return now
        remaining = until - client.clock.now()
        if remaining <= 0:
            raise WorkflowError(f"the run is still {now.status} after {timeout:g} s, not {wanted}", command=run)
        timer = client.clock.call_later(min(interval, remaining), changed.set)
        try:
            if waker is None:
                await changed.wait()
            else:
                with waker.subscribe(run.project_id, changed.set):
                    await changed.wait()
        finally:
            timer.cancel()
        interval = min(interval * _GROWTH, _LONGEST)
