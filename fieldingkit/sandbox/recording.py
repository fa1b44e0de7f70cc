"""The requests that a sandbox received, with its answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from multidict import MultiMapping

from fieldingkit.sandbox.faults.base import Fault
from fieldingkit.sandbox.formats import parse_json

__all__ = ["RecordedAnswer", "RecordedRequest"]


@attrs.frozen(kw_only=True)
class RecordedAnswer:
    """An answer of the sandbox."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The headers; their names are case-insensitive."""
    body: bytes
    """The body, before a fault truncated it."""

    @property
    def json(self) -> Any:
        """The decoded body, or None if it is not JSON."""
        return _decode(self.body)


@attrs.define(kw_only=True, eq=False)
class RecordedRequest:
    """A request that the sandbox received, and its answer."""

    index: int
    """The index, from 0 in the order of arrival; never reused."""
    at: datetime
    """The time of arrival, by the sandbox's clock."""
    method: str
    """`GET`, `POST`, `PUT` or `DELETE`."""
    path: str
    """The path as it was sent, with the `/v1` of the Demand API, without the query."""
    query: MultiMapping[str]
    """The query parameters; read a repeated one with `getall`."""
    headers: Mapping[str, str]
    """The headers; their names are case-insensitive."""
    operation_id: str | None
    """The operation id; None for an unknown path or method."""
    body: bytes = b""
    """The body."""
    fault: Fault | None = None
    """The injected fault, if any."""
    answer: RecordedAnswer | None = None
    """The answer; None if none was sent, or not yet."""

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None if none was sent, or not yet."""
        return None if self.answer is None else self.answer.status

    @property
    def json(self) -> Any:
        """The decoded body, or None if it is not JSON."""
        return _decode(self.body)

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context of the caller."""
        return self.headers.get("traceparent")


def _decode(body: bytes) -> Any:
    try:
        return parse_json(body)
    except ValueError:
        return None
