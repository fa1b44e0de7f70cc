"""Spans of a client that was created before its application loaded OpenTelemetry."""

import sys
from collections.abc import Awaitable, Callable

from fieldingkit.transport.http import Call, Response, Transport

__all__ = ["LazySpans", "is_tracing_loaded"]


def is_tracing_loaded() -> bool:
    """Return whether the application has loaded OpenTelemetry's tracing; without it, no span can be current."""
    return "opentelemetry.trace" in sys.modules


class LazySpans:
    """Sends without spans until the application has loaded OpenTelemetry's tracing.

    Importing it for a client that is not traced would only make the client slow to load.

    Args:
        inner: Sends without spans.
        with_spans: Returns the transport that sends with spans.
    """

    def __init__(self, inner: Transport, with_spans: Callable[[], Transport]) -> None:
        self._inner = inner
        self._with_spans = with_spans
        self._traced: Transport | None = None

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send a call or an attempt, within a span if there may be one."""
        if self._traced is None:
            if not is_tracing_loaded():
                return self._inner(call)
            self._traced = self._with_spans()
        return self._traced(call)
