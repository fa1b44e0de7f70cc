"""W3C trace context, as far as the gateway takes part in it."""

import re
from collections.abc import Mapping

import attrs

from fieldingkit.sandbox.identifiers import Identifiers

__all__ = ["Trace", "join_trace"]

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")


@attrs.frozen
class Trace:
    """The trace that one exchange belongs to."""

    trace_id: str
    """32 hexadecimal digits."""
    traceparent: str
    """The header that the answer carries: the same trace, our own span."""
    tracestate: str | None
    """The header that the answer carries back as it came."""


def join_trace(headers: Mapping[str, str], identifiers: Identifiers) -> Trace:
    """Go on with the trace that a request names, or begin a new one if it names no valid one.

    Args:
        headers: The request's headers.
        identifiers: Where new ids come from.
    """
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    trace_id, flags = match.groups() if match else (identifiers.hexadecimal(32), "00")
    return Trace(
        trace_id,
        f"00-{trace_id}-{identifiers.hexadecimal(16)}-{flags}",
        headers.get("tracestate") if match else None,
    )
