"""A workflow for survey hosts: report how a session ended, and resolve an unclear outcome by reading."""

from typing import Any, cast

import attrs

from fieldingkit.base_client import AsyncBaseClient
from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidStateError, WorkflowError
from fieldingkit.options import PipelineSettings
from fieldingkit.resources.fulfillment import (
    GetRespondentStatus,
    RespondentStatus,
    SessionStatus,
    UpdateRespondentStatus,
)
from fieldingkit.workflows.optimistic import unclear_success

__all__ = ["EnsuredRespondentStatus", "ensure_respondent_status"]


@attrs.frozen(kw_only=True)
class EnsuredRespondentStatus:
    """The result of ``ensure_respondent_status``: the session has the wanted status."""

    rid: str
    """The session's id."""
    status: SessionStatus
    """The status, which is the wanted one."""
    changed: bool | None
    """True if this report changed the status, False if the session had it before; None if that was not seen."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The refusal or the unclear outcome that was resolved by reading."""


async def ensure_respondent_status(
    client: AsyncBaseClient[PipelineSettings], *, rid: str, status: SessionStatus | int
) -> EnsuredRespondentStatus:
    """Report how a session ended, once; after a refusal or an unclear outcome, find out by reading.

    A session that has the status already is fine, so that the same report may be made again at any time. A success
    that does not say the status is unclear: a gateway may have answered.

    Args:
        client: The ``AsyncFulfillmentClient``.
        rid: The session's id (RID), a UUID.
        status: The status at the end: ``SessionStatus.COMPLETE``, or its number.

    Raises:
        InvalidCommandError: if an argument is invalid; nothing was sent.
        WorkflowError: if the session has another final status, or the API accepts the report and answers with another
            status or session.
        NotFoundError: if there is no such session.
        FieldingKitError: if the report failed. ``maybe_applied`` is true if its outcome is still unclear; report again
            then.
    """
    if not isinstance(cast("object", client), AsyncBaseClient):
        raise ConfigurationError(f"client must be an AsyncFulfillmentClient; got {type(client).__name__}")
    command = UpdateRespondentStatus(rid=rid, status=status)
    try:
        answer = await _report(client, command)
    except InvalidStateError as exc:
        found = _status_in(exc, rid)
        _refuse_another_end(command, found, exc)
        if found != command.status:
            raise
        return EnsuredRespondentStatus(rid=rid, status=command.status, changed=False, conflicts=(exc,))
    except FieldingKitError as exc:
        if not exc.maybe_applied:
            raise
        found = await _read(client, rid, exc)
        _refuse_another_end(command, found, exc)
        if found != command.status:
            exc.add_note(f"the session had status {_name(found)} afterwards; report again")
            raise
        return EnsuredRespondentStatus(rid=rid, status=command.status, changed=None, conflicts=(exc,))
    if not _is_of(answer.id, rid) or answer.status != command.status:
        raise WorkflowError(
            f"the report of {_name(command.status)} was accepted, but the answer has status {_name(answer.status)} of "
            f"session {answer.id}",
            command=command,
            operation_id=command.endpoint.operation_id,
            maybe_applied=True,
        )
    return EnsuredRespondentStatus(rid=rid, status=command.status, changed=True)


async def _report(client: AsyncBaseClient[PipelineSettings], command: UpdateRespondentStatus) -> RespondentStatus:
    """Send a report and return its answer. A success without a status is raised as an unclear outcome."""
    response = await client.send_detailed(command)
    answer = response.result
    if answer.status is None and _is_of(answer.id, command.rid):
        raise unclear_success("no status of the session", response, command)
    return answer


async def _read(client: AsyncBaseClient[PipelineSettings], rid: str, unclear: FieldingKitError) -> SessionStatus | None:
    """Return the status after an unclear outcome; the error of that outcome is raised if it cannot be read."""
    try:
        found = await client.send(GetRespondentStatus(rid=rid))
    except FieldingKitError as exc:
        unclear.add_note(f"the status could not be read afterwards: {exc.message}")
        raise unclear from exc
    if not _is_of(found.id, rid):
        unclear.add_note(f"the status could not be read afterwards: the answer is session {found.id}")
        raise unclear
    return found.status


def _status_in(refusal: InvalidStateError, rid: str) -> SessionStatus | None:
    """Return the status in a refusal, whose body is that of a success."""
    raw: Any = refusal.raw
    body = cast("dict[str, object]", raw) if isinstance(raw, dict) else {}
    found = body.get("status")
    return SessionStatus(found) if type(found) is int and _is_of(body.get("id"), rid) else None


def _is_of(session: object, rid: str) -> bool:
    """Return whether an answer is that of the session; one without an id is."""
    return session is None or str(session).casefold() == rid.casefold()


def _refuse_another_end(command: UpdateRespondentStatus, found: SessionStatus | None, exc: FieldingKitError) -> None:
    """Raise if the session has another final status than the reported one."""
    if found is None or not found.known or found == command.status:
        return
    raise WorkflowError(
        f"the session has status {_name(found)}, not {_name(command.status)}",
        conflicts=[exc],
        command=command,
        operation_id=command.endpoint.operation_id,
        maybe_applied=exc.maybe_applied,
        attempts=exc.attempts,
    ) from exc


def _name(status: SessionStatus | None) -> str:
    return "unknown" if status is None else f"{status.value} ({status.name})" if status.known else str(status.value)
