"""Requests without a command: the parts of ``client.request()``, checked before anything is sent."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from os import PathLike
from typing import Any, cast
from urllib.parse import unquote, urlencode

from fieldingkit._json import dumps
from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.files import Upload
from fieldingkit.idempotency import RetrySafety, is_etag
from fieldingkit.transport.headers import RESERVED_HEADERS, is_header
from fieldingkit.transport.http import Request

__all__ = ["raw_request"]

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~:@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)+")
# Decoded segments that are refused: dot segments, and segments with slashes or control characters.
_UNSAFE_SEGMENT = re.compile(r"\.{1,2}|.*[\x00-\x1f\x7f/\\].*", re.DOTALL)
_METHOD = re.compile(r"[A-Z]{1,16}")
_VERSION = "Cint-API-Version"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def raw_request(
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    content: bytes | str | Upload | None = None,
    files: Mapping[str, Upload | bytes | str | PathLike[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    own: Mapping[str, str],
) -> Request:
    """Return the request of ``client.request()``; its headers decide its retry safety.

    Args:
        method: The HTTP method.
        path: The path below the base URL.
        params: The query.
        json: The body, as JSON.
        content: The body, as it is.
        files: The body, as the parts of a multipart form.
        headers: The caller's headers.
        own: The client's headers; the caller's override them.

    Raises:
        InvalidCommandError: if a part is invalid, or the path would lead to another resource.
    """
    verb = _upper(method)
    if not _METHOD.fullmatch(verb):
        raise InvalidCommandError(f"{brief_repr(method)} is not an HTTP method", field="method")
    if not _is_plain_path(path):
        raise InvalidCommandError("path must be an absolute path below the base URL, without a query", field="path")
    query = _raw_query(params)
    given = _checked_headers(headers)
    _check_version(given, own.get(_VERSION))
    spelled = {name.lower(): name for name in (*own, "Content-Type", "Idempotency-Key", "If-Match")}
    merged = {**own, **{spelled.get(name.lower(), name): value for name, value in given.items()}}
    upload = _upload(json, content, files)
    if files is not None and "Content-Type" in merged:
        raise InvalidCommandError("files have a Content-Type of their own: leave the header out", field="files")
    if upload is not None:
        merged.setdefault("Content-Type", upload.content_type)
    return Request(
        verb,
        f"{path}?{query}" if query else path,
        headers=merged,
        body=None if upload is None else upload.content,
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
            raise InvalidCommandError(f"params must have names that are text; got {brief_repr(name)}", field="params")
        for item in cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,):
            number = isinstance(item, int | float) and not isinstance(item, bool) and _is_finite(item)
            if not number and not isinstance(item, str):
                raise InvalidCommandError(
                    f"params: {name} must be text, a number or a list of them; got {brief_repr(item)}", field="params"
                )
            pairs.append((name, str.__str__(item) if isinstance(item, str) else str(item)))
    try:
        return urlencode(pairs)
    except UnicodeEncodeError as exc:
        raise InvalidCommandError("params contain text that cannot be encoded", field="params") from exc


def _is_finite(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # an integer beyond all floats
        return False


def _upload(json: Any, content: object, files: Any) -> Upload | None:
    """Return the body, of which there may be one kind."""
    given = [name for name, value in (("json", json), ("content", content), ("files", files)) if value is not None]
    if len(given) > 1:
        raise InvalidCommandError(f"a request has one body: give {given[0]} or {given[1]}", field=given[1])
    if json is not None:
        return Upload(_json(json), content_type="application/json")
    if files is not None:
        return Upload.multipart(files)
    match content:
        case None | Upload():
            return content
        case bytes():
            return Upload(content)
        case str():
            try:
                return Upload(content.encode(), content_type="text/plain; charset=utf-8")
            except UnicodeEncodeError as exc:
                raise InvalidCommandError("content is text that cannot be encoded", field="content") from exc
        case _:
            kind = type(content).__name__
            raise InvalidCommandError(f"content must be bytes, text or an Upload; got {kind}", field="content")


def _json(value: Any) -> bytes:
    try:
        return dumps(value)
    except RecursionError as exc:
        raise InvalidCommandError("json cannot be encoded: it is nested too deeply", field="json") from exc
    except (TypeError, ValueError) as exc:
        raise InvalidCommandError(f"json cannot be encoded: {exc}", field="json") from exc


def _checked_headers(headers: object) -> Mapping[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidCommandError("headers must be a mapping of names to values", field="headers")
    checked = cast("Mapping[str, str]", headers)
    for name, value in checked.items():
        if not is_header(name, value):
            raise InvalidCommandError(
                f"header {brief_repr(name)} has a name or value that cannot be sent", field="headers"
            )
        if name.lower() in RESERVED_HEADERS:
            raise InvalidCommandError(f"header {name!r} is set by the client itself", field="headers")
        if name.lower() == "idempotency-key" and not _KEY.fullmatch(value):
            raise InvalidCommandError("Idempotency-Key must be 1 to 255 visible ASCII characters", field="headers")
        if name.lower() == "if-match" and not is_etag(value.strip()):
            raise InvalidCommandError("If-Match must be one ETag, as the API sent it", field="headers")
    return checked


def _check_version(headers: Mapping[str, str], own: str | None) -> None:
    """Refuse another API version than the client's."""
    for name, version in headers.items():
        if name.lower() == _VERSION.lower() and version != own:
            raise InvalidCommandError(
                f"{name} is {brief_repr(version)}, and the client uses API version {own}; nothing was sent. The API is "
                "forward-only: what was written with one version must not be changed with an earlier one. For calls "
                "with another version use client.with_options(api_version=...)",
                field="headers",
            )


def _retry_safety(method: str, headers: Mapping[str, str]) -> RetrySafety:
    if method in {"GET", "HEAD"}:
        return RetrySafety.READ
    if "Idempotency-Key" in headers:
        return RetrySafety.IDEMPOTENCY_KEY
    return RetrySafety.IF_MATCH if "If-Match" in headers else RetrySafety.NONE
