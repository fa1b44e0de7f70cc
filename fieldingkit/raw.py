"""A request for an operation that has no command yet."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

from fieldingkit.errors import InvalidCommandError
from fieldingkit.guard import Guard
from fieldingkit.jsontext import dumps
from fieldingkit.transport.http import Request

__all__ = ["raw_request"]

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
        guard=_guard(method, {name.lower() for name in headers}),
    )


def _guard(method: str, given: set[str]) -> Guard:
    if method in {"GET", "HEAD"}:
        return Guard.READ
    if "idempotency-key" in given:
        return Guard.KEY
    return Guard.TAG if "if-match" in given else Guard.NONE
