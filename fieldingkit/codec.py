"""Encode commands as requests; decode responses into results or errors."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlencode

import attrs

from fieldingkit._json import dumps, loads, loads_exactly
from fieldingkit.commands import Command, Endpoint, JobAccepted
from fieldingkit.errors import DecodeError, DuplicateJobError, InvalidCommandError, JobLocationError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.headers import RESERVED_HEADERS, is_header, public_headers, retry_after
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import error_from

__all__ = ["decode", "encode", "raise_for_status", "raise_for_truncated_body", "raw_request"]

_OK = range(200, 300)
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
        own["Idempotency-Key"] = getattr(command, "idempotency_key", None) or str(uuid.uuid4())
    for name, header in plan.headers:
        if (value := getattr(command, name)) is not None:
            own[header] = value
    body = None
    if plan.body or plan.query:
        from fieldingkit.converter import STRUCTURE_ERRORS

        try:
            if plan.body:
                body = dumps(_body(command, plan))
                own["Content-Type"] = _JSON
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
    if not issubclass(kind, Command):
        raise InvalidCommandError(f"expected an instance of Command, got a {kind.__name__}", field="command")
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


def _body(command: Command[Any], plan: _Plan) -> Any:
    from fieldingkit.converter import unstructure

    return _members(command, plan.body) if plan.whole is None else unstructure(getattr(command, plan.whole))


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
        JobLocationError: if a job was created and the response does not say where.
    """
    if response.status not in _OK:
        raise_for_status(call, response)
    kind: type = type(call.command)
    wanted, headers = _result_spec(kind)
    if wanted is JobAccepted:
        return _accepted(call, response)
    if wanted is type(None):
        return None
    raise_for_truncated_body(call, response)
    from fieldingkit.converter import STRUCTURE_ERRORS, StructureError, structure, structure_tolerantly

    try:
        return structure(wanted)(_read(call, response, headers, loads), wanted)
    except STRUCTURE_ERRORS:
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


def _decode_error(call: Call, response: Response, reason: str, path: str) -> DecodeError:
    # The status says 2xx: the action was done, and only its response is unreadable.
    call.ambiguous = call.request.retry_safety is not RetrySafety.READ
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
        raise JobLocationError(
            f"a job was created ({response.status}), but the response has no usable Location",
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


@cache
def _result_spec(kind: type[Any]) -> tuple[Any, tuple[tuple[str, str], ...]]:
    """Return a command's result type, and the pairs of its fields and the headers that carry them."""
    wanted = kind.result_type()
    fields = attrs.fields(wanted) if attrs.has(wanted) else ()
    return wanted, tuple((field.name, field.metadata["header"]) for field in fields if "header" in field.metadata)


# Requests without a command

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~:@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)+")
# Decoded segments that are refused: dot segments, and segments with slashes or control characters.
_UNSAFE_SEGMENT = re.compile(r"\.{1,2}|.*[\x00-\x1f\x7f/\\].*", re.DOTALL)
_METHOD = re.compile(r"[A-Z]{1,16}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def raw_request(
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None,
    json: Any,
    headers: Mapping[str, str],
    own: Mapping[str, str],
) -> Request:
    """Return the request of ``client.request()``; its headers decide its retry safety.

    Args:
        method: The HTTP method.
        path: The path below the base URL.
        params: The query.
        json: The body.
        headers: The caller's headers.
        own: The client's headers; the caller's override them.

    Raises:
        InvalidCommandError: if a part is invalid, or the path would lead to another resource.
    """
    verb = _upper(method)
    if not _METHOD.fullmatch(verb):
        raise InvalidCommandError(f"{method!r:.40} is not an HTTP method", field="method")
    if not _is_plain_path(path):
        raise InvalidCommandError("path must be an absolute path below the base URL, without a query", field="path")
    query = _raw_query(params)
    spelled = {name.lower(): name for name in (*own, "Content-Type", "Idempotency-Key", "If-Match")}
    merged = {**own, **{spelled.get(name.lower(), name): value for name, value in _checked_headers(headers).items()}}
    body = None
    if json is not None:
        merged.setdefault("Content-Type", _JSON)
        try:
            body = dumps(json)
        except RecursionError as exc:
            raise InvalidCommandError("json cannot be encoded: it is nested too deeply", field="json") from exc
        except (TypeError, ValueError) as exc:
            raise InvalidCommandError(f"json cannot be encoded: {exc}", field="json") from exc
    return Request(
        verb,
        f"{path}?{query}" if query else path,
        headers=merged,
        body=body,
        operation_id=f"{verb} request",
        template="",
        retry_safety=_retry_safety(verb, merged),
    )


def _upper(method: object) -> str:
    return method.upper() if isinstance(method, str) else ""


def _is_plain_path(path: object) -> bool:
    return (
        isinstance(path, str)
        and _PATH.fullmatch(path) is not None
        and not any(_UNSAFE_SEGMENT.fullmatch(unquote(segment)) for segment in path.split("/"))
    )


def _raw_query(params: object) -> str:
    """Return the query of parameters that each have one obvious spelling."""
    if params is None:
        return ""
    if not isinstance(params, Mapping):
        raise InvalidCommandError("params must be a mapping of names to values", field="params")
    pairs: list[tuple[str, str]] = []
    for name, value in cast("Mapping[object, object]", params).items():
        if not isinstance(name, str):
            raise InvalidCommandError(f"params must have names that are text; got {name!r:.40}", field="params")
        for item in cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,):
            number = isinstance(item, int | float) and not isinstance(item, bool) and isfinite(item)
            if not number and not isinstance(item, str):
                raise InvalidCommandError(
                    f"params: {name} must be text, a number or a list of them; got {item!r:.40}", field="params"
                )
            pairs.append((name, str.__str__(item) if isinstance(item, str) else str(item)))
    try:
        return urlencode(pairs)
    except UnicodeEncodeError as exc:
        raise InvalidCommandError("params contain text that cannot be encoded", field="params") from exc


def _checked_headers(headers: object) -> Mapping[str, str]:
    if not isinstance(headers, Mapping):
        raise InvalidCommandError("headers must be a mapping of names to values", field="headers")
    checked = cast("Mapping[str, str]", headers)
    for name, value in checked.items():
        if not is_header(name, value):
            raise InvalidCommandError(f"header {name!r:.60} has a name or value that cannot be sent", field="headers")
        if name.lower() in RESERVED_HEADERS:
            raise InvalidCommandError(f"header {name!r} is set by the client itself", field="headers")
        if name.lower() == "idempotency-key" and not _KEY.fullmatch(value):
            raise InvalidCommandError("Idempotency-Key must be 1 to 255 visible ASCII characters", field="headers")
        if name.lower() == "if-match" and value.strip() in {"", "*"}:
            raise InvalidCommandError("If-Match guards nothing: send the ETag of the resource", field="headers")
    return checked


def _retry_safety(method: str, headers: Mapping[str, str]) -> RetrySafety:
    if method in {"GET", "HEAD"}:
        return RetrySafety.READ
    if "Idempotency-Key" in headers:
        return RetrySafety.IDEMPOTENCY_KEY
    return RetrySafety.IF_MATCH if "If-Match" in headers else RetrySafety.NONE
