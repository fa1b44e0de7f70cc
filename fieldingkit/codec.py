"""Encode commands as requests; decode responses into results or errors."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

import attrs

from fieldingkit._json import dumps, loads, loads_exactly
from fieldingkit.commands import Command, Endpoint, JobAccepted
from fieldingkit.errors import DecodeError, DuplicateJobError, InvalidCommandError, JobLocationError
from fieldingkit.idempotency import RetrySafety, new_idempotency_key
from fieldingkit.transport.headers import public_headers, retry_after
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import error_from, without_secrets

__all__ = ["decode", "encode", "raise_for_incomplete_file", "raise_for_status", "raise_for_truncated_body"]

_OK = range(200, 300)
_NO_FILE = {204, 205, 206}
_JSON = "application/json"


# Encoding. The converter is imported where it is needed: it loads cattrs, and a client should be quick to make.


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
    plan = _plan(kind)
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
    if plan.keyed:
        own["Idempotency-Key"] = getattr(command, "idempotency_key", None) or new_idempotency_key()
    for name, header in plan.headers:
        if (value := getattr(command, name)) is not None:
            own[header] = value
    body = None
    if plan.body or plan.query:
        from fieldingkit.converter import STRUCTURE_ERRORS

        try:
            if plan.body:
                body, own["Content-Type"] = _body(command, plan)
            elif query := _members(command, plan.query):
                target = f"{target}?{_query(query)}"
        except STRUCTURE_ERRORS as exc:
            raise _encode_error(command, plan) from exc
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


class _Plan(NamedTuple):
    """How to encode one class of commands; computed once."""

    endpoint: Endpoint
    path: str
    path_names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    """Returns a command's values of ``path_names``."""
    account: int | None
    """The index of the account among them; None if there is none."""
    retry_safety: RetrySafety
    keyed: bool
    """True if the request carries an idempotency key."""
    headers: tuple[tuple[str, str], ...]
    """Pairs of a field and the header that carries it."""
    query: tuple[str, ...]
    body: tuple[str, ...]
    whole: str | None
    """The field whose value is the whole body; None if the fields are members of it."""


@cache
def _plan(kind: type[Any]) -> _Plan:
    endpoint = kind.endpoint
    path_names = endpoint.path_fields
    path = endpoint.path.replace("%", "%%")
    for name in path_names:
        path = path.replace(f"{{{name}}}", "%s")
    headers: list[tuple[str, str]] = []
    members: list[str] = []
    whole: str | None = None
    for field in attrs.fields(kind):
        if field.name in path_names or field.name in {"account_id", "idempotency_key"}:
            continue
        if field.name == "if_match":
            headers.append((field.name, "If-Match"))
        elif "header" in field.metadata:
            headers.append((field.name, field.metadata["header"]))
        else:
            members.append(field.name)
            whole = field.name if "body" in field.metadata else whole
    in_query = endpoint.method in {"GET", "HEAD", "DELETE"}
    return _Plan(
        endpoint=endpoint,
        path=path,
        path_names=path_names,
        values=_getter(path_names),
        account=path_names.index("account_id") if "account_id" in path_names else None,
        retry_safety=kind.retry_safety(),
        keyed=kind.retry_safety() is RetrySafety.IDEMPOTENCY_KEY,
        headers=tuple(headers),
        query=tuple(members) if in_query else (),
        body=() if in_query else tuple(members),
        whole=whole,
    )


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:  # the usual case, in C
        return attrgetter(*names)
    return lambda command: tuple(getattr(command, name) for name in names)


def _body(command: Command[Any], plan: "_Plan") -> tuple[bytes, str]:
    """Return the body of a command and its content type."""
    if plan.whole is None:
        return dumps(_members(command, plan.body)), _JSON
    from fieldingkit.converter import unstructure
    from fieldingkit.files import Upload

    value = getattr(command, plan.whole)
    return (value.content, value.content_type) if isinstance(value, Upload) else (dumps(unstructure(value)), _JSON)


def _members(command: Command[Any], names: Sequence[str]) -> dict[str, Any]:
    from fieldingkit.converter import unstructure

    return {name: unstructure(value) for name in names if (value := getattr(command, name)) is not None}


def _query(members: dict[str, Any]) -> str:
    return urlencode({name: _query_value(value) for name, value in members.items()}, doseq=True)


def _query_value(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return [_query_value(item) for item in cast("list[Any]", value)] if isinstance(value, list | tuple) else value


def _encode_error(command: Command[Any], plan: _Plan) -> InvalidCommandError:
    """Return the error of a command that cannot be encoded; it names the first field that cannot."""
    from fieldingkit.converter import STRUCTURE_ERRORS

    write = dumps if plan.body else _query
    field = None
    for name in (*plan.body, *plan.query):
        try:
            write(_members(command, [name]))
        except STRUCTURE_ERRORS:
            field = name
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
    wanted, headers, structure = _result_spec(kind)
    if structure is None:
        return _accepted(call, response) if wanted is JobAccepted else None
    raise_for_truncated_body(call, response)
    try:
        return structure(_read(call, response, headers, loads), wanted)
    except _structure_errors():
        from fieldingkit.converter import StructureError, structure_tolerantly

        # The slow way leaves out secondary fields that do not fit, and names the place of an error. It reads exactly,
        # since orjson reads an integer of more than 64 bits as a float.
        try:
            return structure_tolerantly(lambda: _read(call, response, headers, loads_exactly), wanted)
        except StructureError as exc:
            raise _decode_error(call, response, str(exc), exc.path) from exc


def _read(call: Call, response: Response, headers: Sequence[tuple[str, str]], read: Callable[[bytes], Any]) -> Any:
    """Return the members of a successful response, those that come in headers included."""
    body = response.body
    # Actions may have no body. For a read, an empty body would pass for an empty list.
    empty = call.request.retry_safety is not RetrySafety.READ and (not body or body.isspace())
    data: Any = dict[str, Any]() if empty else read(body)
    if data.__class__ is dict:
        for name, header in headers:
            if (value := response.headers.get(header)) is not None:
                data[name] = value
    return data


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


def raise_for_incomplete_file(call: Call, response: Response) -> None:
    """Raise if a successful response to a download is not a whole file.

    Raises:
        DecodeError: if the body was cut off, is a part of the file (206), or there is none (204, 205).
    """
    raise_for_truncated_body(call, response)
    if response.status in _NO_FILE:
        raise _decode_error(call, response, "it is not a whole file", "$")


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


def _accepted(call: Call, response: Response) -> JobAccepted:
    accepted = JobAccepted(
        location=response.headers.get("Location", ""),
        retry_after=retry_after(response.headers),
        idempotency_key=call.request.headers.get("Idempotency-Key"),
    )
    if not accepted.job_id:
        call.ambiguous = True
        response = without_secrets(response, call.authorization)
        answered = f"{response.status} {response.headers.get('Content-Type', '')[:40]}".rstrip()
        raise JobLocationError(
            f"the response ({answered}) names no job: it has no usable Location",
            location=response.headers.get("Location"),
            headers=public_headers(response.headers),
            **call.details(response),
        )
    earlier = [JobAccepted(location=location).job_id for location in call.locations]
    if others := [job_id for job_id in earlier if job_id and job_id != accepted.job_id]:
        call.ambiguous = True
        raise DuplicateJobError(
            f"two responses to one call name different jobs: {others[0]} and {accepted.job_id}",
            job_ids=[*others, accepted.job_id],
            **call.details(response),
        )
    return accepted


def _structure_errors() -> tuple[type[Exception], ...]:
    from fieldingkit.converter import STRUCTURE_ERRORS

    return STRUCTURE_ERRORS


@cache
def _result_spec(kind: type[Any]) -> tuple[Any, tuple[tuple[str, str], ...], Callable[[Any, Any], Any] | None]:
    """Return a command's result type, the pairs of its fields and the headers that carry them, and its converter.

    The result of a job command, or of a command without a result, is not converted.
    """
    wanted = kind.result_type()
    if wanted in {JobAccepted, type(None)}:
        return wanted, (), None
    from fieldingkit.converter import structure

    fields = attrs.fields(wanted) if attrs.has(wanted) else ()
    headers = tuple((field.name, field.metadata["header"]) for field in fields if "header" in field.metadata)
    return wanted, headers, structure(wanted)
