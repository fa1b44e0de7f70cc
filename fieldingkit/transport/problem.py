"""Error responses: parse the error bodies of the API, its token endpoint and gateways into typed errors."""

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit, urlunsplit

from multidict import CIMultiDict

from fieldingkit.errors import ApiError, BadRequestError, ConflictError, InvalidParam, PreconditionFailedError
from fieldingkit.secret import Secret
from fieldingkit.transport.headers import public_headers, retry_after
from fieldingkit.transport.http import Response

__all__ = ["Problem", "error_from", "is_definite", "is_transient", "read_problem", "without_secrets"]


_DETAIL_NAMES = ("detail", "details", "title", "error_description", "error", "message")
_TAG = r"<[^>]{0,200}>|\s+"
_LONGEST_DETAIL = 200
_INVALID_PROFILES = "unprocessable_entity_error"
"""The code of profiles that break a rule; the state of the target group is not the reason."""
_SHORTEST_SECRET = 6
"""Characters of a credential that is searched for; a shorter one could be part of any word."""
_STANDARD = frozenset(HTTPStatus)
_UNSUPPORTED = frozenset({501, 505})
"""Statuses of a server that will not support the request later either."""


class Problem(NamedTuple):
    """The members of an error body; those it lacks are None or empty."""

    code: str | None
    """The kind of error: the body's ``object``, or ``error`` of a token endpoint."""
    detail: str | None
    """The explanation."""
    error_id: str | None
    """The id of this occurrence of the error."""
    invalid_params: tuple[InvalidParam, ...]
    """The refused parameters."""
    raw: Any
    """The body as decoded JSON; None if it is not JSON."""


def read_problem(body: bytes) -> Problem:
    """Parse an error body of any published shape, also HTML, plain text or an empty body."""
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        return Problem(None, _text_of(body), None, (), None)
    if not isinstance(raw, dict):
        return Problem(None, None, None, (), raw)
    fields = cast("dict[str, Any]", raw)
    detail = next((value for name in _DETAIL_NAMES if (value := _string(fields.get(name)))), None)
    code = _string(fields.get("object")) or _string(fields.get("error"))
    params = fields.get("invalid_params") or fields.get("errors")
    error_id = _string(fields.get("id")) if code or detail else None  # of a body without either, it may be anything's
    return Problem(code, detail, error_id, _params(params), fields)


def is_definite(status: int) -> bool:
    """Return whether a status says if the request was applied: a success, or a refusal that HTTP defines.

    A gateway may send any other status before or after the API applied the request.
    """
    return 200 <= status < 300 or (400 <= status < 500 and status != 408 and status in _STANDARD)


def is_transient(status: int) -> bool:
    """Return whether the same request may succeed later."""
    return status == 429 or (status >= 400 and not is_definite(status) and status not in _UNSUPPORTED)


def error_from(
    response: Response, *, kind: type[ApiError] | None = None, sent_etag: str | None = None, **details: Any
) -> ApiError:
    """Return the typed error of a response whose status is not 2xx.

    Args:
        response: The response.
        kind: The class of the error; that of the status by default.
        sent_etag: The tag that was sent as ``If-Match``.
        details: The details of the call, see ``Call.details``.
    """
    problem = read_problem(response.body)
    if kind is None:
        kind = ApiError.class_for(response.status)
        if response.status == 422 and problem.code and "idempot" in problem.code:
            # draft-ietf-httpapi-idempotency-key-header-07: 422 also means a key that was sent with another body.
            kind = ConflictError
        elif response.status == 422 and problem.code == _INVALID_PROFILES:
            kind = BadRequestError
    if issubclass(kind, PreconditionFailedError):
        details |= {"sent_etag": sent_etag, "current_etag": response.headers.get("ETag")}
    headers = public_headers(response.headers)
    is_redirect = 300 <= response.status < 400
    if is_redirect and "location" in headers:
        headers["location"] = _redacted(headers["location"])
    kind_of_answer = "redirect, not followed" if is_redirect else problem.code
    detail = problem.detail
    if not kind_of_answer and not detail:  # no error of a known form: the body itself, or the meaning of the status
        detail = _text_of(response.body)
        kind_of_answer = None if detail else _phrase(response.status)
    head = " ".join(filter(None, [str(response.status), kind_of_answer]))
    params = "; ".join(map(str, problem.invalid_params))
    return kind(
        ": ".join(filter(None, [head, detail])) + (f" ({params})" if params else ""),
        status=response.status,
        code=problem.code,
        detail=problem.detail,
        error_id=problem.error_id,
        invalid_params=problem.invalid_params,
        retry_after=retry_after(response.headers),
        retryable=is_transient(response.status),
        headers=headers,
        body=response.body,
        raw=problem.raw,
        **details,
    )


def without_secrets(response: Response, *secrets: Secret | None) -> Response:
    """Return a response as errors keep it: with ``***`` in place of the secrets of the call that it quotes."""
    quoted = [text for secret in secrets if secret is not None for text in _spellings(secret.reveal())]

    def hide(text: str) -> str:
        for secret in quoted:
            text = text.replace(secret, "***")
        return text

    body = response.body
    for secret in quoted:
        body = body.replace(secret.encode("utf-8", "replace"), b"***")
    headers = CIMultiDict((name, hide(value)) for name, value in response.headers.items())
    return Response(response.status, headers, body, response.body_error, response.version)


def _spellings(secret: str) -> list[str]:
    """Return a credential as JSON, URLs and HTML quote it, the longest spelling first; none if it is too short."""
    from html import escape

    text = secret.removeprefix("Bearer ").removeprefix("Basic ")
    if len(text) < _SHORTEST_SECRET:
        return []
    escaped = json.dumps(text)[1:-1]
    twice = json.dumps(escaped)[1:-1]  # a quoted request body
    spellings = {text, escaped, twice, escaped.replace("/", "\\/"), quote(text, safe=""), escape(text)}
    return sorted(spellings, key=len, reverse=True)


def _redacted(location: str) -> str:
    """Return the target of a redirect without credentials, query and fragment."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "REDACTED"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _phrase(status: int) -> str | None:
    return HTTPStatus(status).phrase if status in _STANDARD else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _params(value: object) -> tuple[InvalidParam, ...]:
    return tuple(map(_param, _objects(value)))


def _param(item: dict[str, Any]) -> InvalidParam:
    found = item.get("metadata")
    metadata = cast("dict[str, Any]", found if isinstance(found, dict) else {})
    questions = metadata.get("question_id")
    return InvalidParam(
        _string(item.get("name")) or "",
        _string(item.get("reason")) or _string(item.get("detail")) or "",
        detail=_string(item.get("detail")),
        error_type=_string(item.get("error_type")),
        question_ids=tuple(
            number
            for number in (cast("list[object]", questions) if isinstance(questions, list) else ())
            if type(number) is int
        ),
        profile_id=_string(metadata.get("profile_id")) or _string(metadata.get("interlock_id")),
        quota_id=_string(metadata.get("quota_id")),
        level=_string(metadata.get("error_level")),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [cast("dict[str, Any]", item) for item in cast("Sequence[object]", value) if isinstance(item, dict)]


def _text_of(body: bytes) -> str | None:
    """Return the first words of a body that is not JSON, without HTML tags."""
    text = re.sub(_TAG, " ", body[:4096].decode("utf-8", "replace")).split()
    return " ".join(text)[:_LONGEST_DETAIL] or None
