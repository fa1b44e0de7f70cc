"""The optimistic update of a run: read, decide, and send a write that the run's ETag guards."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fieldingkit._repr import brief_repr
from fieldingkit.api_response import ApiResponse
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    DecodeError,
    FieldingKitError,
    PreconditionFailedError,
    TooManyConflictsError,
)
from fieldingkit.resources.fielding_runs import FieldingRun, FieldingRunChange, GetFieldingRun
from fieldingkit.workflows.reading import send_read_detailed

__all__ = ["any_maybe_applied", "count_outcomes", "keep_outcome", "optimistic_update", "read_run", "unclear_success"]


class Update(NamedTuple):
    """The end of an optimistic update."""

    before: FieldingRun
    """The run as first read."""
    now: FieldingRun
    """The run as last read."""
    change: FieldingRunChange | None
    """The response to the write; None if nothing was left to send."""
    command: Command[FieldingRunChange] | None
    """The write; None if nothing was left to send."""
    conflicts: tuple[FieldingKitError, ...]


Decide = Callable[[FieldingRun, Sequence[FieldingKitError]], Command[FieldingRunChange] | None]
"""Returns the write for a run as it is, given the conflicts so far; None if there is nothing to send."""

Confirms = Callable[[FieldingRunChange], bool]
"""Returns whether the response to the write agrees with it, as far as the response describes the run."""


async def optimistic_update(
    client: AsyncClient, run: GetFieldingRun, decide: Decide, confirms: Confirms, max_conflicts: int
) -> Update:
    """Read a run, decide and send; read and decide again after a conflict or an ambiguous outcome."""
    if type(max_conflicts) is not int or max_conflicts < 0:
        raise ConfigurationError(f"max_conflicts must be an integer of at least 0; got {brief_repr(max_conflicts)}")
    conflicts: list[FieldingKitError] = []
    try:
        before = now = await read_run(client, run)
        while (command := decide(now, conflicts)) is not None:
            _check_number(conflicts, max_conflicts, now)
            try:
                response = await client.send_detailed(command)
            except FieldingKitError as exc:
                if not (isinstance(exc, PreconditionFailedError) or exc.maybe_applied):
                    raise
                conflicts.append(exc)
            else:
                change = response.result
                if not (_is_same(change.id, run) and confirms(change)):
                    seen = ", ".join(f"{name} {value}" for name, value in change.to_dict().items() if value)
                    conflicts.append(_mismatch(f"the response contradicts the command: {seen}", response, command))
                elif not change.etag:
                    conflicts.append(unclear_success("no ETag, which each action returns", response, command))
                else:
                    return Update(before, now, change, command, tuple(conflicts))
            now = await read_run(client, run)
    except BaseException as exc:
        ambiguous = [conflict for conflict in conflicts if conflict.maybe_applied]
        if ambiguous:
            last = ambiguous[-1]
            keep_outcome(exc, f"{last.operation_id} may have been applied: read the run", last.command)
        raise
    return Update(before, now, None, None, tuple(conflicts))


async def read_run(client: AsyncClient, run: GetFieldingRun) -> FieldingRun:
    """Read the run; refuse a response that is another run, whose status and ETag prove nothing about this one."""
    response = await send_read_detailed(client, run)
    now = response.result
    if not _is_same(now.id, run):
        raise _mismatch(f"the response is run {now.id}, not run {run.fielding_run_id}", response, run)
    return now


def _is_same(run_id: str | None, run: GetFieldingRun) -> bool:
    return run_id is None or run_id.casefold() == run.fielding_run_id.casefold()


def _mismatch(message: str, response: ApiResponse[Any], command: Command[Any]) -> DecodeError:
    """Return the error of a successful response that does not fit its command."""
    return DecodeError(
        message,
        status=response.status,
        headers=response.headers,
        command=command,
        operation_id=command.endpoint.operation_id,
        maybe_applied=not isinstance(command, GetFieldingRun),
        attempts=response.attempts,
        trace_id=response.trace_id,
        request_id=response.request_id,
    )


def unclear_success(missing: str, response: ApiResponse[Any], command: Command[Any]) -> AmbiguousOutcomeError:
    """Return the error of a success that shows nothing: a gateway may have answered, or the action is not done yet."""
    return AmbiguousOutcomeError(
        f"the response ({response.status}) has {missing}: the API may not have sent it, or has not finished",
        command=command,
        operation_id=command.endpoint.operation_id,
        maybe_applied=True,
        attempts=response.attempts,
        trace_id=response.trace_id,
        request_id=response.request_id,
    )


def _check_number(conflicts: Sequence[FieldingKitError], allowed: int, now: FieldingRun) -> None:
    """Raise if there are too many conflicts. Only a 412 shows that another process changed the run."""
    if len(conflicts) <= allowed:
        return
    outcomes = count_outcomes(conflicts, refusal="refused because the run had changed")
    raise TooManyConflictsError(
        f"{len(conflicts)} writes were sent: {outcomes}; the run is {now.status} now",
        conflicts=conflicts,
        command=conflicts[-1].command,
        maybe_applied=any_maybe_applied(conflicts),
        attempts=[attempt for conflict in conflicts for attempt in conflict.attempts],
    ) from conflicts[-1]


def count_outcomes(conflicts: Sequence[FieldingKitError], *, refusal: str) -> str:
    """Return the numbers of refusals and of unclear outcomes, such as ``1 refused and 2 of unclear outcome``."""
    ambiguous = sum(conflict.maybe_applied for conflict in conflicts)
    refused = len(conflicts) - ambiguous
    parts = [f"{refused} {refusal}"] if refused else []
    parts += [f"{ambiguous} of unclear outcome"] if ambiguous else []
    return " and ".join(parts)


def keep_outcome(exc: BaseException, outcome: str, command: Command[Any] | None = None) -> None:
    """Let the exception that ends a workflow say that an action was or may have been applied.

    Args:
        exc: The exception.
        outcome: The note for an exception that has none, such as a cancellation.
        command: The action, which an error of another command names; None if its own text does.
    """
    if isinstance(exc, FieldingKitError):
        exc.maybe_applied = True
        if type(exc.command) is not type(command):
            exc.unclear_command = exc.unclear_command or command
    elif not getattr(exc, "__notes__", None):
        exc.add_note(outcome)


def any_maybe_applied(conflicts: Sequence[FieldingKitError]) -> bool:
    """Return whether an action may have been applied."""
    return any(conflict.maybe_applied for conflict in conflicts)
