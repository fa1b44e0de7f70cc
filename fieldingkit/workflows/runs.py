"""Workflows for one fielding run: ``ensure_status``, ``update_run`` and ``wait_for_status``.

``ensure_status`` and ``update_run`` share one optimistic update: read the run, decide, send a write that the run's ETag
guards; after a conflict or an ambiguous outcome, read and decide again.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command, check_kind
from fieldingkit.errors import (
    ConfigurationError,
    FieldingKitError,
    InvalidCommandError,
    StatusUnreachableError,
    WorkflowError,
)
from fieldingkit.events.waker import Waker
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.fielding_runs import (
    CompleteFieldingRun,
    FieldingRun,
    FieldingRunChange,
    FieldingRunStatus,
    GetFieldingRun,
    LaunchFieldingRunNow,
    PauseFieldingRun,
    RelaunchFieldingRun,
    ResumeFieldingRun,
    UpdateFieldingRun,
)
from fieldingkit.workflows.optimistic import any_maybe_applied, keep_outcome, optimistic_update, read_run

__all__ = [
    "EnsuredStatus",
    "UpdatedRun",
    "action_for",
    "ensure_status",
    "reachable_from",
    "update_run",
    "wait_for_status",
]


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
    # The API's documents disagree about this transition, so it is tried. Resuming first would let respondents in again.
    (_PAUSED, _COMPLETED): CompleteFieldingRun,
}


def reachable_from(status: FieldingRunStatus) -> tuple[FieldingRunStatus, ...]:
    """Return the statuses that a single action leads to."""
    return tuple(wanted for present, wanted in _ACTIONS if present == status)


def action_for(present: FieldingRunStatus, wanted: FieldingRunStatus) -> Action | None:
    """Return the action that leads from one status to another; None if there is none."""
    return _ACTIONS.get((present, wanted))


# ensure_status


@attrs.frozen(kw_only=True)
class EnsuredStatus:
    """The result of ``ensure_status``: the run has the wanted status."""

    status: FieldingRunStatus
    """The status, which is the wanted one."""
    etag: str
    """The run's ETag, for the next action; empty if the API did not send one."""
    changed: bool
    """True if this workflow changed the status. After an ambiguous outcome, another user may have changed it.

    False also if the action was refused (412) and the run has the status since: usually another user changed it, and
    perhaps a gateway that sent the action twice.
    """
    before: FieldingRun
    """The run as first read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The conflicts and ambiguous outcomes that were resolved, in order."""


async def ensure_status(
    client: AsyncClient,
    run: GetFieldingRun,
    status: FieldingRunStatus | str,
    *,
    max_conflicts: int = 3,
    confirm: float | None = None,
    waker: Waker | None = None,
) -> EnsuredStatus:
    """Bring a run to a status with at most one kind of action, and resolve conflicts and ambiguous outcomes by reading.

    If the run already has the status, nothing is sent. A single action leads from ``live`` to ``paused`` and back, from
    ``scheduled`` or ``completed`` to ``live``, and to ``completed``. Actions are never combined, because each of them
    lets respondents in or keeps them out. A success without the ETag that the API sends with each action counts as an
    ambiguous outcome: a gateway may have answered.

    Args:
        client: The client to use; with a blocking one, ``client.call(ensure_status, run, status)``.
        run: The command that reads the run.
        status: The wanted status.
        max_conflicts: Conflicts and ambiguous outcomes to resolve before giving up.
        confirm: Seconds to wait after the action until the run reads as wanted; None trusts a response with an ETag.
        waker: Brings the reads for ``confirm`` forward when a webhook event of the project arrives.

    Raises:
        StatusUnreachableError: if no single action leads to the status; nothing was sent.
        TooManyConflictsError: if more conflicts and ambiguous outcomes than that occurred; the error lists them.
        InvalidStateError: if the API does not allow the action, such as resuming a run whose goal is reached.
        WorkflowError: if the run did not read as wanted within ``confirm`` seconds.
        DecodeError: if the API returns another run than the one asked for.
        FieldingKitError: if the run cannot be read.
    """
    wanted = _checked(client, run, status)
    _check_max_conflicts(max_conflicts)
    if confirm is not None:
        check_wait_timeout(confirm, name="confirm")

    def decide(now: FieldingRun, conflicts: Sequence[FieldingKitError]) -> Command[FieldingRunChange] | None:
        if now.status == wanted:
            return None
        action = action_for(now.status, wanted)
        if action is None:
            reachable = reachable_from(now.status)
            raise StatusUnreachableError(
                f"the run is {now.status}: no single action leads from there to {wanted}, "
                f"only to {' or '.join(reachable) or 'no other status'}",
                status=now.status,
                reachable=reachable,
                conflicts=conflicts,
                command=run,
            )
        return action(
            account_id=run.account_id,
            project_id=run.project_id,
            target_group_id=run.target_group_id,
            fielding_run_id=run.fielding_run_id,
            if_match=now.etag,
        )

    def confirms(change: FieldingRunChange) -> bool:
        return change.status in (None, wanted)

    update = await optimistic_update(client, run, decide, confirms, max_conflicts)
    etag = update.now.etag if update.change is None else update.change.etag
    if update.command is not None and confirm is not None:
        try:
            etag = (await wait_for_status(client, run, wanted, timeout=confirm, waker=waker)).etag
        except BaseException as exc:
            done = update.command.endpoint.operation_id
            keep_outcome(exc, f"{done} was applied: read the run", update.command)
            raise
    return EnsuredStatus(
        status=wanted,
        etag=etag,
        changed=update.change is not None or any_maybe_applied(update.conflicts),
        before=update.before,
        conflicts=update.conflicts,
    )


# update_run


@attrs.frozen(kw_only=True)
class UpdatedRun:
    """The result of ``update_run``: the run has the wanted dates."""

    start_fielding_at: datetime
    """The start, UTC."""
    end_fielding_at: datetime
    """The end, UTC."""
    etag: str
    """The run's ETag, for the next action; empty if the API did not send one."""
    changed: bool
    """True if the run has dates that this workflow sent; False if ``change`` returned the run's dates unchanged.

    After a conflict or an ambiguous outcome, another user may have set the same dates; this cannot be distinguished.
    """
    before: FieldingRun
    """The run as first read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The conflicts and ambiguous outcomes that were resolved, in order."""


async def update_run(
    client: AsyncClient,
    run: GetFieldingRun,
    change: Callable[[FieldingRun], FieldingRun],
    *,
    max_conflicts: int = 3,
) -> UpdatedRun:
    """Read a run, compute its new dates with ``change``, and write them; start over after a conflict.

    The API requires both dates in each write; a date that ``change`` does not set is sent back unchanged. To extend a
    run by a day::

        await update_run(client, run, lambda r: attrs.evolve(r, end_fielding_at=r.end_fielding_at + timedelta(days=1)))

    After a conflict or an ambiguous outcome, also a success without an ETag, the run is read first. If it has the dates
    that were sent, ``change`` is not applied again, so that a day is never added twice: a gateway may have sent the
    write twice, and returned the refusal of the second. The same dates set by a colleague cannot be distinguished.

    Args:
        client: The client to use; with a blocking one, ``client.call(update_run, run, change)``.
        run: The command that reads the run.
        change: Takes the run as it is and returns it as it should be; only the dates may differ.
        max_conflicts: Conflicts and ambiguous outcomes to resolve before giving up.

    Raises:
        InvalidCommandError: if ``change`` changes anything but dates, or returns invalid dates.
        TooManyConflictsError: if more conflicts and ambiguous outcomes than that occurred; the error lists them.
        AmbiguousOutcomeError: if the outcome of a write cannot be resolved, because others changed the dates, too.
        InvalidStateError: if the API does not allow the change, such as for a completed run.
        DecodeError: if the API returns another run than the one asked for.
        FieldingKitError: if the run cannot be read.
    """
    _check_target(client, run)
    _check_max_conflicts(max_conflicts)
    if not callable(change):
        raise InvalidCommandError(f"change must be a function; got {type(change).__name__}", field="change")
    sent: list[tuple[datetime, datetime]] = []
    unchanged: tuple[datetime, datetime] | None = None

    def decide(now: FieldingRun, conflicts: Sequence[FieldingKitError]) -> Command[FieldingRunChange] | None:
        nonlocal unchanged
        if conflicts and _dates(now) in sent:
            # Also after a 412: the dates show that a write arrived before the refused one.
            return None
        ambiguous = [conflict for conflict in conflicts if conflict.maybe_applied]
        if ambiguous and _dates(now) != unchanged:
            raise ambiguous[-1]
        wanted = change(now)
        if attrs.evolve(wanted, start_fielding_at=now.start_fielding_at, end_fielding_at=now.end_fielding_at) != now:
            raise InvalidCommandError("only the dates of a run can be changed", field="change", command=run)
        if _dates(wanted) == _dates(now):
            return None
        unchanged = _dates(now)
        sent.append(_dates(wanted))
        return UpdateFieldingRun(
            account_id=run.account_id,
            project_id=run.project_id,
            target_group_id=run.target_group_id,
            fielding_run_id=run.fielding_run_id,
            if_match=now.etag,
            start_fielding_at=wanted.start_fielding_at,
            end_fielding_at=wanted.end_fielding_at,
        )

    def confirms(change: FieldingRunChange) -> bool:
        start, end = sent[-1]
        return (_stored(change.start_fielding_at or start), _stored(change.end_fielding_at or end)) == (start, end)

    update = await optimistic_update(client, run, decide, confirms, max_conflicts)
    start, end = _dates(update.now) if update.change is None else sent[-1]
    return UpdatedRun(
        start_fielding_at=start,
        end_fielding_at=end,
        etag=update.now.etag if update.change is None else update.change.etag,
        changed=(start, end) in sent,
        before=update.before,
        conflicts=update.conflicts,
    )


def _check_target(client: AsyncClient, run: GetFieldingRun) -> None:
    if not isinstance(cast("object", client), AsyncClient):
        raise ConfigurationError(f"client must be an AsyncClient; got {type(client).__name__}")
    check_kind(run, GetFieldingRun)


def _checked(client: AsyncClient, run: GetFieldingRun, status: FieldingRunStatus | str) -> FieldingRunStatus:
    """Return the wanted status after a check of the arguments."""
    _check_target(client, run)
    try:
        return FieldingRunStatus(status)
    except Exception as exc:  # Enum shows the value in its own message, which may raise anything
        statuses = ", ".join(FieldingRunStatus)
        raise InvalidCommandError(
            f"status must be one of {statuses}; got {brief_repr(status)}", field="status"
        ) from exc


def _check_max_conflicts(number: object) -> None:
    if type(number) is not int or number < 0:
        raise ConfigurationError(f"max_conflicts must be an integer of at least 0; got {brief_repr(number)}")


def _dates(run: FieldingRun) -> tuple[datetime, datetime]:
    return _stored(run.start_fielding_at), _stored(run.end_fielding_at)


def _stored(time: datetime) -> datetime:
    """Return a date as the API stores it: UTC, to the millisecond."""
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


# wait_for_status

_MIN_INTERVAL, _MAX_INTERVAL, _GROWTH = 0.5, 60.0, 1.5


async def wait_for_status(
    client: AsyncClient,
    run: GetFieldingRun,
    status: FieldingRunStatus | str,
    *,
    timeout: float = 600.0,
    waker: Waker | None = None,
) -> FieldingRun:
    """Read a run until it has a status, such as a scheduled run until it is live. Changes nothing.

    Args:
        client: The client to use; with a blocking one, ``client.call(wait_for_status, run, status)``.
        run: The command that reads the run.
        status: The status to wait for.
        timeout: Seconds to wait at most. The run is read at once, and for the last time when the timeout ends.
        waker: Brings the next read forward when a webhook event of the project arrives.

    Raises:
        WorkflowError: if the run does not have the status within ``timeout`` seconds.
        DecodeError: if the API returns another run than the one asked for.
        FieldingKitError: if the run cannot be read.
    """
    wanted = _checked(client, run, status)
    check_wait_timeout(timeout, optional=False)
    deadline = client.clock.now() + timeout
    interval = _MIN_INTERVAL
    due = asyncio.Event()
    while True:
        due.clear()
        now = await read_run(client, run)
        if now.status == wanted:
            return now
        remaining = deadline - client.clock.now()
        if remaining <= 0:
            raise WorkflowError(f"the run is still {now.status} after {timeout:g} s, not {wanted}", command=run)
        earliest = client.clock.now() + _MIN_INTERVAL
        timer = client.clock.call_later(min(interval, remaining), due.set)
        try:
            with nullcontext() if waker is None else waker.subscribe(run.project_id, due.set):
                await due.wait()
        finally:
            timer.cancel()
        if (early := min(earliest, deadline) - client.clock.now()) > 0:  # an event arrived
            await client.clock.sleep(early)
        interval = min(interval * _GROWTH, _MAX_INTERVAL)
