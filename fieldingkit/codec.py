"""Check commands and encode them as requests; decode responses into results or errors."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlencode, urlsplit

import attrs

from fieldingkit._json import dumps, loads, loads_exactly
from fieldingkit.apis import Api
from fieldingkit.command_plan import CommandPlan, PlannedField, plan_of, query_value
from fieldingkit.commands import Command, DownloadCommand, check_kind
from fieldingkit.errors import DecodeError, DuplicateJobError, InvalidCommandError, JobLocationError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.headers import media_type, public_headers, retry_after
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import error_from, without_secrets

if TYPE_CHECKING:
    from fieldingkit.job_commands import JobAccepted

__all__ = ["check_command", "decode", "encode", "raise_for_status", "raise_for_truncated_body", "raise_unless_file"]

_OK = range(200, 300)
_WHOLE = {200, 201, 203}
_UNENCODED = {"", "identity"}
_JSON = "application/json"
_CLIENTS: Mapping[Api, str] = {
    Api.DEMAND: "AsyncClient or Client",
    Api.FULFILLMENT: "AsyncFulfillmentClient or FulfillmentClient",
}
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
"""The content types of a proxy's own page; no operation has such a response."""
_NO_FILES = _PAGES | {_JSON, "application/problem+json"}


# Encoding. The converter is imported where it is needed: it loads cattrs, and a client should be quick to make.


def check_command(command: object, api: Api, *, download: bool = False) -> None:
    """Check that a client of one API can send a command.

    Args:
        command: The command.
        api: The client's API.
        download: Whether the response is saved as a file.

    Raises:
        InvalidCommandError: if it is no command, belongs to another API, or its response cannot be used in this way.
    """
    check_kind(command, Command)
    sent = cast("Command[Any]", command)
    if sent.endpoint.api is not api:
        raise _foreign_command(sent, api)
    is_file = isinstance(command, DownloadCommand)
    if is_file and not download:
        raise InvalidCommandError("its response is a file: save it with client.download()", command=sent)
    if download and not (is_file or sent.endpoint.only_reads):
        raise InvalidCommandError(
            "this command is an action, and its response is no file: download() takes commands that only read; "
            "nothing was sent",
            field="command",
            command=sent,
        )


def _foreign_command(command: Command[Any], own: Api) -> InvalidCommandError:
    api = command.endpoint.api
    return InvalidCommandError(
        f"this command belongs to the {api.value} API, and the client calls the {own.value} API; nothing was sent. "
        f"Send it with {_CLIENTS[api]}, which has that API's own address and credentials",
        field="command",
        command=command,
    )


def encode(command: Command[Any], *, account_id: str | None, headers: Mapping[str, str]) -> Request:
    """Return the request of a command.

    Args:
        command: The command.
        account_id: The account for a command that names none.
        headers: The headers of every request of the client.

    Raises:
        InvalidCommandError: if no account is set, or a value cannot be encoded.
    """
    kind: type = type(command)
    plan = plan_of(kind)
    values = [*plan.values(command)]
    if plan.account is not None and values[plan.account] is None:
        values[plan.account] = account_id
    if None in values:
        name = plan.path_names[values.index(None)]
        raise InvalidCommandError(
            f"{name} is not set: pass it to the command or to the client", field=name, command=command
        )
    target = plan.path % tuple(values)
    own = {**headers}
    if plan.new_key is not None:
        own["Idempotency-Key"] = getattr(command, "idempotency_key", None) or plan.new_key()
    for name, header in plan.headers:
        if (value := getattr(command, name)) is not None:
            own[header] = value
    body = None
    if plan.has_members:
        query, body, content_type = _query_and_body(command, plan)
        if query:
            target = f"{target}?{query}"
        if body is not None:
            own["Content-Type"] = content_type
    endpoint = plan.endpoint
    return Request(
        endpoint.method,
        target,
        headers=own,
        body=body,
        operation_id=endpoint.operation_id,
        template=endpoint.path,
        retry_safety=plan.retry_safety,
    )


def _query_and_body(command: Command[Any], plan: CommandPlan) -> tuple[str, bytes | None, str]:
    """Return the query, the body and its content type."""
    try:
        query = _query(_members(command, plan.query))
        if plan.content is None:
            return query, dumps(_body(command, plan)) if plan.body else None, _JSON
        from fieldingkit.files import Upload

        value = getattr(command, plan.content.field)
        if plan.content.form is not None:
            value = Upload.multipart({plan.content.form: value})
        if isinstance(value, Upload):
            return query, value.content, value.content_type
        return query, dumps(plan.content.write(value)), _JSON
    except _structure_errors() as exc:
        raise _encode_error(command, plan) from exc


def _body(command: Command[Any], plan: CommandPlan) -> dict[str, Any]:
    body = _members(command, plan.body)
    others: Mapping[str, Any] = {} if plan.others is None else getattr(command, plan.others)
    return {**body, **{name: value for name, value in others.items() if body.get(name) is None}} if others else body


def _members(command: Command[Any], members: Sequence[PlannedField]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, within, name, write, nullable, _ in members:
        value = getattr(command, field)
        if value is not None or nullable:
            owner = found.setdefault(within, {}) if within else found
            if name:
                owner[name] = None if value is None else write(value)
            else:
                owner.update(write(value))
    return found


def _query(members: dict[str, Any]) -> str:
    return urlencode({name: query_value(value) for name, value in members.items()}, doseq=True)


def _encode_error(command: Command[Any], plan: CommandPlan) -> InvalidCommandError:
    """Return the error of a command that cannot be encoded; it names the first field that cannot."""
    field = None
    for member in (*plan.query, *plan.body, *filter(None, [plan.content])):
        write = _query if member in plan.query else dumps
        try:
            write(_members(command, [member]))
        except _structure_errors():
            field = member.field
            break
    kind = type(command).__name__
    return InvalidCommandError(f"{kind}.{field} has a value that cannot be encoded", field=field, command=command)


# Decoding


def decode(call: Call, response: Response) -> Any:
    """Return the result that a response to a command carries; its type is the command's ``result_type()``.

    Raises:
        ApiError: if the API refused the command; the subclass says why.
        DecodeError: if the body does not match the contract.
        JobLocationError: if the response to a job command names no job.
    """
    if response.status not in _OK:
        raise_for_status(call, response)
    kind: type = type(call.command)
    spec = _result_spec(kind)
    if spec.structure is None:
        if spec.accepts_job:
            return _accepted(call, response, spec)
        if response.body and (content_type := media_type(response.headers)) in _PAGES:
            raise _decode_error(call, response, f"it is {content_type}", "$")
        return None
    if response.body_error is not None:
        raise_for_truncated_body(call, response)
    if spec.may_be_empty and not response.body and call.request.retry_safety is not RetrySafety.READ:
        return spec.wanted(**_from_headers(response, spec))
    try:
        return spec.structure(_read(call, response, spec, spec.loads), spec.wanted)
    except _structure_errors():
        from fieldingkit.leniency import StructureError, structure_tolerantly

        # The slow way leaves out secondary fields that do not fit, and names the place of an error. It reads exactly,
        # since orjson reads an integer of more than 64 bits as a float.
        try:
            return structure_tolerantly(lambda: _read(call, response, spec, loads_exactly), spec.wanted)
        except StructureError as exc:
            raise _decode_error(call, response, str(exc), exc.path) from exc


def _read(call: Call, response: Response, spec: "_ResultSpec", read: Callable[[bytes], Any]) -> Any:
    """Return the members of a successful response, those that come in headers included."""
    body = response.body
    # Actions may have no body. For a read, an empty body would pass for an empty list.
    empty = call.request.retry_safety is not RetrySafety.READ and (not body or body.isspace())
    data: Any = dict[str, Any]() if empty else read(body)
    if data.__class__ is dict:
        data.update(_from_headers(response, spec))
    return data


def _from_headers(response: Response, spec: "_ResultSpec") -> dict[str, str]:
    return {name: value for name, header in spec.headers if (value := response.headers.get(header)) is not None}


def raise_for_status(call: Call, response: Response) -> None:
    """Raise the typed error of a response unless its status is 2xx.

    Raises:
        ApiError: the subclass of the status.
    """
    if response.status not in _OK:
        response = without_secrets(response, call.authorization)
        raise error_from(
            response, sent_etag=call.request.headers.get("If-Match"), **call.details(response)
        ) from call.stop_reason


def raise_for_truncated_body(call: Call, response: Response) -> None:
    """Raise if the body of a successful response is incomplete.

    Raises:
        DecodeError: with the part of the body that was read.
    """
    if (body_error := response.body_error) is not None:
        raise _decode_error(call, response, body_error.message, "$") from body_error


def raise_unless_file(call: Call, response: Response, *, size: int) -> None:
    """Raise unless a successful response to a download is a whole file.

    Args:
        call: The call.
        response: Its response, whose body went elsewhere.
        size: The number of bytes of the body.

    Raises:
        DecodeError: if the body was cut off, or is compressed although it must not be; if the status is that of a file
            that is not ready (202), of none (204, 205), or of a part (206); if it is the page of a proxy, or JSON in
            place of a file; or if it is empty, unless the command says that the file may be.
    """
    raise_for_truncated_body(call, response)
    if response.status not in _WHOLE:
        raise _decode_error(call, response, "it is not a whole file", "$")
    if (coding := response.headers.get("Content-Encoding", "").strip().lower()) not in _UNENCODED:
        raise _decode_error(call, response, f"the file is encoded ({coding[:40]}), and might not be whole", "$")
    command = call.command if isinstance(call.command, DownloadCommand) else None
    if (content_type := media_type(response.headers)) in (_PAGES if command is None else _NO_FILES):
        raise _decode_error(call, response, f"it is {content_type}, and not the file", "$")
    may_be_empty = command is not None and command.may_be_empty and response.headers.get("Content-Length") == "0"
    if not size and not may_be_empty:
        raise _decode_error(call, response, "the body is empty", "$")


def _decode_error(call: Call, response: Response, reason: str, path: str) -> DecodeError:
    # The status says 2xx: the action was done, and only its response is unreadable.
    call.ambiguous = call.request.retry_safety is not RetrySafety.READ
    response = without_secrets(response, call.authorization)
    return DecodeError(
        f"the response ({response.status}) does not match the contract: {reason}",
        path=path,
        status=response.status,
        headers=public_headers(response.headers),
        body=response.body,
        **call.details(response),
    )


def _accepted(call: Call, response: Response, spec: "_ResultSpec") -> "JobAccepted":
    location, status = response.headers.get("Location"), None
    lack = "no usable Location"
    if spec.job_member is None:
        job_id = _id_in_location(location or "")
        earlier = [_id_in_location(location) for location in call.locations]
        if others := [other for other in earlier if other and job_id not in ("", other)]:
            call.ambiguous = True
            raise DuplicateJobError(
                f"two responses to one call name different jobs: {others[0]} and {job_id}",
                job_ids=[*others, job_id],
                **call.details(response),
            )
    else:
        location, lack = None, f"no usable {spec.job_member} in its body"
        job_id, status = _job_in_body(call, response, spec.job_member)
    if not job_id:
        call.ambiguous = True
        response = without_secrets(response, call.authorization)
        answered = f"{response.status} {response.headers.get('Content-Type', '')[:40]}".rstrip()
        raise JobLocationError(
            f"the response ({answered}) names no job: it has {lack}",
            location=response.headers.get("Location"),
            headers=public_headers(response.headers),
            **call.details(response),
        )
    accepted: JobAccepted = spec.wanted(
        job_id=job_id,
        location=location,
        status=status,
        retry_after=retry_after(response.headers),
        idempotency_key=call.request.headers.get("Idempotency-Key"),
    )
    return accepted


def _id_in_location(location: str) -> str:
    """Return the last segment of a location; empty if there is none."""
    try:
        path = urlsplit(location).path.rstrip("/")
    except ValueError:  # such as a bracket that is not closed
        return ""
    return unquote(path.rsplit("/", 1)[-1])


def _job_in_body(call: Call, response: Response, member: str) -> tuple[str, str | None]:
    """Return the id and the status of the job that a body names; an empty id if it names none."""
    if response.body_error is not None:
        raise_for_truncated_body(call, response)
    try:
        body = loads(response.body)
    except ValueError:
        return "", None
    members = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    job_id, status = members.get(member), members.get("status")
    return job_id if isinstance(job_id, str) else "", status if isinstance(status, str) else None


def _structure_errors() -> tuple[type[Exception], ...]:
    from fieldingkit.converter import STRUCTURE_ERRORS

    return STRUCTURE_ERRORS


@attrs.frozen(eq=False, repr=False)
class _ResultSpec:
    """How to decode the result of one class of commands; computed once."""

    wanted: Any
    """The type of the result."""
    headers: tuple[tuple[str, str], ...] = ()
    """Pairs of a field and the header that carries it."""
    structure: Callable[[Any, Any], Any] | None = None
    """Converts decoded JSON; None for the acceptance of a job, and for a command without a result."""
    loads: Callable[[bytes], Any] = loads
    """Parses the body."""
    may_be_empty: bool = False
    """True if a response without a body is complete: what the headers do not carry has a default."""
    accepts_job: bool = False
    """True if the result is the acceptance of a job."""
    job_member: str | None = None
    """The member of the body that names the accepted job; None if the ``Location`` names it."""


@cache
def _result_spec(kind: type[Any]) -> _ResultSpec:
    wanted = kind.result_type()
    if wanted is type(None):
        return _ResultSpec(wanted)
    if hasattr(kind, "status_command"):
        return _ResultSpec(wanted, accepts_job=True, job_member=kind.id_field if kind.id_in_body else None)
    from fieldingkit.converter import structure

    fields = attrs.fields(wanted) if attrs.has(wanted) else ()
    return _ResultSpec(
        wanted,
        headers=tuple((field.name, field.metadata["header"]) for field in fields if "header" in field.metadata),
        structure=structure(wanted),
        loads=getattr(wanted, "_loads", loads),
        may_be_empty=bool(fields)
        and not hasattr(wanted, "_from_api")
        and all(field.default is not attrs.NOTHING for field in fields),
    )
