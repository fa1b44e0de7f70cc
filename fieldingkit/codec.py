"""Commands become requests, answers become results or errors. The only place that knows both wings."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlencode

import attrs

from fieldingkit._json import dumps, loads, loads_exactly
from fieldingkit.commands import Command, Endpoint, JobAccepted
from fieldingkit.errors import DecodeError, DuplicateJobError, InvalidCommandError, JobLocationError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.headers import public_headers, retry_after
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import error_from

__all__ = [
    "decode",
    "encode",
    "raise_for_status",
    "raise_for_truncated_body",
    "raw_request",
]


_OK = range(200, 300)
_JSON = "application/json"


def encode(command: Command[Any], *, account_id: str | None, headers: Mapping[str, str]) -> Request:
    """The request that carries a command out.

    Args:
        command: What to do.
        account_id: The account to use where the command names none.
        headers: What every request of the client carries.

    Raises:
        InvalidCommandError: if there is no account to put into the path, or a value that no request can hold.
    """
    kind: type = type(command)
    plan = _plan(kind)
    values = [*plan.values(command)]
    if plan.account is not None and values[plan.account] is None:
        values[plan.account] = account_id
    if None in values:
        name = plan.path_names[values.index(None)]
        raise InvalidCommandError(
            f"{name} is not set: give it to the command or to the client", field=name, command=command
        )
    target = plan.path % tuple(values)
    own = {**headers}
    if plan.keyed:
        own["Idempotency-Key"] = getattr(command, "idempotency_key", None) or str(uuid.uuid4())
    for name, header in plan.headers:
        if (value := getattr(command, name)) is not None:
            own[header] = value
    body = None
    try:
        if plan.body:
            body = dumps(
                _members(command, plan.body) if plan.whole is None else _unstructured(getattr(command, plan.whole))
            )
            own["Content-Type"] = _JSON
        if plan.query and (query := _members(command, plan.query)):
            target = f"{target}?{_query(query)}"
    except _converter().STRUCTURE_ERRORS as exc:
        raise _unsendable(command, plan) from exc
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


def decode(call: Call, response: Response) -> Any:
    """Return the result that a response to a command carries; its type is the command's ``result_type()``.

    Raises:
        ApiError: if the API refused the command; the subclass says why.
        DecodeError: if the body does not match the contract.
        JobLocationError: if a job was created and the response does not say where.
    """
    raise_for_status(call, response)
    kind: type = type(call.command)
    wanted, headers = _reading(kind)
    if wanted is JobAccepted:
        return _accepted(call, response)
    if wanted is type(None):
        return None
    raise_for_truncated_body(call, response)
    converter = _converter()
    structure = converter.structure(wanted)
    try:
        return structure(_read(call, response, headers, loads), wanted)
    except converter.STRUCTURE_ERRORS:
        try:
            return structure(_read(call, response, headers, loads_exactly), wanted)
        except converter.STRUCTURE_ERRORS as exc:
            path, reason = converter.explain(response.body, wanted, exc)
            raise _decode_error(call, response, f"{reason} @ {path}", path) from exc


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


@cache
def _converter() -> Any:
    """What knows cattrs. Loaded with the first command that has a body or a result: a client is made sooner for it."""
    return import_module("fieldingkit.converter")


def _unstructured(value: Any) -> Any:
    """A value as JSON has it."""
    return _converter().unstructure(value)


class _Plan(NamedTuple):
    """How a class of commands becomes requests; worked out once."""

    endpoint: Endpoint
    path: str
    path_names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    """Gives a command's values of these names."""
    account: int | None
    """Which of them is the account, if one is."""
    retry_safety: RetrySafety
    keyed: bool
    """Whether that is a key."""
    headers: tuple[tuple[str, str], ...]
    query: tuple[str, ...]
    body: tuple[str, ...]
    whole: str | None
    """The one field whose value is the body, not a member of it."""


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
    """What gives the values of some fields: in C where there are several, as there mostly are."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda command: tuple(getattr(command, name) for name in names)


def _members(command: Command[Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: _unstructured(value) for name in names if (value := getattr(command, name)) is not None}


def _unsendable(command: Command[Any], plan: "_Plan") -> InvalidCommandError:
    """The refusal of a command that cannot be written down; it names the first field that cannot."""
    write = dumps if plan.body else _query
    field = None
    for name in (*plan.body, *plan.query):
        try:
            write(_members(command, [name]))
        except _converter().STRUCTURE_ERRORS:
            field = name
            break
    name = f"{type(command).__name__}.{field}"
    return InvalidCommandError(f"{name} holds what cannot be sent", field=field, command=command)


def _query(members: dict[str, Any]) -> str:
    return urlencode({name: _plain(value) for name, value in members.items()}, doseq=True)


def _plain(value: Any) -> Any:
    """A value as a query shows it: lists become repeated keys."""
    if isinstance(value, bool):
        return str(value).lower()
    return [_plain(item) for item in cast("list[Any]", value)] if isinstance(value, list | tuple) else value


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
def _reading(kind: type[Any]) -> tuple[Any, tuple[tuple[str, str], ...]]:
    """What a command gives, and which of its fields come in headers."""
    wanted = kind.result_type()
    fields = attrs.fields(wanted) if attrs.has(wanted) else ()
    return wanted, tuple((field.name, field.metadata["header"]) for field in fields if "header" in field.metadata)


_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~:@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)+")
# What a segment must not be once it is decoded: it could lead elsewhere, or be two.
_ASTRAY = re.compile(r"\.{1,2}|.*[\x00-\x1f\x7f/\\].*", re.DOTALL)
_METHOD = re.compile(r"[A-Z]{1,16}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")
# The trace headers are the attempt's own; a caller who holds some uses TraceContext.
_NOT_YOURS = frozenset(
    {
        "authorization",
        "content-length",
        "host",
        "proxy-authorization",
        "traceparent",
        "tracestate",
        "transfer-encoding",
    }
)


def raw_request(
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None,
    json: Any,
    headers: Mapping[str, str],
    own: Mapping[str, str],
) -> Request:
    """The request for what a user spells out; it is guarded by the headers that are given.

    Args:
        method: The HTTP method, in capitals.
        path: The path below the base URL.
        params: The query.
        json: The body.
        headers: The user's headers.
        own: The client's headers; the user's go before them.

    Raises:
        InvalidCommandError: if a part could not be sent, or would lead elsewhere.
    """
    if not _METHOD.fullmatch(method):
        raise InvalidCommandError(f"{method[:20]!r} is not an HTTP method", field="method")
    if not _PATH.fullmatch(path) or any(_ASTRAY.fullmatch(unquote(segment)) for segment in path.split("/")):
        raise InvalidCommandError("path must be an absolute path below the base URL, without a query", field="path")
    spelled = {name.lower(): name for name in (*own, "Content-Type", "Idempotency-Key", "If-Match")}
    merged = dict(own)
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_TEXT.fullmatch(value):
            raise InvalidCommandError(f"header {name!r} holds characters that are not allowed", field="headers")
        if name.lower() in _NOT_YOURS:
            raise InvalidCommandError(f"the client sets {name} itself", field="headers")
        merged[spelled.get(name.lower(), name)] = value
    if json is not None:
        merged.setdefault("Content-Type", "application/json")
    try:
        body = None if json is None else dumps(json)
    except (TypeError, ValueError) as exc:
        raise InvalidCommandError(f"json cannot be sent: {exc}", field="json") from exc
    try:
        query = f"?{urlencode(params, doseq=True)}" if params else ""
    except (TypeError, ValueError) as exc:
        raise InvalidCommandError(f"params cannot be sent: {exc}", field="params") from exc
    return Request(
        method,
        path + query,
        headers=merged,
        body=body,
        operation_id=f"{method} request",
        template="",
        retry_safety=_guard(method, {name.lower() for name in headers}),
    )


def _guard(method: str, given: set[str]) -> RetrySafety:
    if method in {"GET", "HEAD"}:
        return RetrySafety.READ
    if "idempotency-key" in given:
        return RetrySafety.IDEMPOTENCY_KEY
    return RetrySafety.IF_MATCH if "if-match" in given else RetrySafety.NONE
