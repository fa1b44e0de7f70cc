"""Bring one fielding run to a status, whatever happens on the way."""

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, PreconditionFailedError, StatusUnreachableError, TooManyConflictsError
from fieldingkit.events.wake import Wake
from fieldingkit.resources.fielding_runs import (
    CompleteFieldingRun,
    FieldingRun,
    FieldingRunStatus,
    GetFieldingRun,
    LaunchFieldingRunNow,
    PauseFieldingRun,
    RelaunchFieldingRun,
    ResumeFieldingRun,
)
from fieldingkit.workflows.fresh import read_fresh
from fieldingkit.workflows.waiting import await_status

__all__ = ["EnsuredStatus", "action_for", "ensure_status", "reachable_from"]

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
    wake: Wake | None = None,
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
        wake: Has webhook events bring the looks at it forward.

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
                tag = (await _confirmed(client, run, wanted, confirm, wake)).etag
            return EnsuredStatus(status=wanted, etag=tag, changed=True, before=before, conflicts=tuple(conflicts))


async def _confirmed(
    client: AsyncClient, run: GetFieldingRun, wanted: FieldingRunStatus, seconds: float, wake: Wake | None
) -> FieldingRun:
    """Wait until the run reads as it should; not to see it does not unmake the action."""
    try:
        return await await_status(client, run, wanted, timeout=seconds, wake=wake)
    except FieldingKitError as exc:
        exc.maybe_applied = True
        raise
