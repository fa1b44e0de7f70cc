"""What the sandbox was asked, and what it answered."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from multidict import MultiMapping

from fieldingkit.sandbox.faults.base import Fault

__all__ = ["RecordedAnswer", "RecordedRequest"]


@attrs.frozen(kw_only=True)
class RecordedAnswer:
    """An answer of the sandbox."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The headers; names are looked up in any case."""
    body: bytes
    """The body, before a fault tore it."""

    @property
    def json(self) -> Any:
        """The body decoded, or None if it is not JSON."""
        return _decode(self.body)


@attrs.define(kw_only=True, eq=False)
class RecordedRequest:
    """A request that reached the sandbox, and what became of it."""

    index: int
    """Its number, from 0 in the order of arrival; never used again."""
    at: datetime
    """When it arrived, by the sandbox's clock."""
    method: str
    """`GET`, `POST`, `PUT` or `DELETE`."""
    path: str
    """The path as it was sent, with `/v1`, without the query."""
    query: MultiMapping[str]
    """The query parameters; one that is repeated is read with `getall`."""
    headers: Mapping[str, str]
    """The headers; names are looked up in any case."""
    operation_id: str | None
    """The operation it was for, None if the sandbox knows no such path and method."""
    body: bytes = b""
    """The body."""
    fault: Fault | None = None
    """The fault that was put in its way."""
    answer: RecordedAnswer | None = None
    """The answer; None if none was sent, or not yet."""

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None if none was sent, or not yet."""
        return None if self.answer is None else self.answer.status

    @property
    def json(self) -> Any:
        """The body decoded, or None if it is not JSON."""
        return _decode(self.body)

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context that the caller sent."""
        return self.headers.get("traceparent")


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
