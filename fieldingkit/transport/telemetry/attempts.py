"""Callbacks for those who have no OpenTelemetry: what they are told of an attempt, and how they are called."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import attrs

from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.http import Call, Response, Transport
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.telemetry.semconv import error_type

__all__ = ["AttemptEvent", "AttemptObserver", "notify"]


_hook_logger = logging.getLogger("fieldingkit.hooks")

E = TypeVar("E")


@attrs.frozen(kw_only=True)
class AttemptEvent:
    """One send of a call, as ``on_attempt`` is told of it when it has ended."""

    operation_id: str
    """The API's own name of the operation; ``token`` for a request to the token endpoint."""
    method: str
    """The HTTP method."""
    number: int
    """1 for the first send of the call; retries and re-sends after a token refresh both count."""
    status: int | None
    """The HTTP status of the answer; None when there was none."""
    error: str | None
    """The class of error it ended with: the status, or the name of an exception; None if there was none."""
    sent: bool
    """Whether bytes of the request may have reached the server."""
    duration: float
    """How long it took, in seconds."""
    delay: float
    """How long the client had waited before it, in seconds."""
    trace_id: str | None
    """The W3C trace id; the answer's, or else the one that was sent."""
    request_id: str | None
    """The answer's ``x-request-id``."""


def notify(callback: Callable[[E], object], event: E) -> None:
    """Call a callback; whatever it raises is logged, and is no affair of the call."""
    try:
        callback(event)
    except Exception as exc:  # it is the application's code: it may raise anything
        _hook_logger.warning("a callback failed", exc_info=exc, extra={"event": type(event).__name__})


_logger = logging.getLogger("fieldingkit.attempts")

# All that is ever logged of an answer's head; nothing of the request's head is.
_LOGGED = ("content-type", "retry-after", "traceparent", "x-request-id", "x-tyk-trace-id")


class AttemptObserver:
    """Tells of each attempt, if anybody listens; if not, it adds no frame to the call.

    Args:
        inner: Sends the attempt.
        metrics: Measures it.
        callback: Is called with an event for each attempt.
    """

    def __init__(self, inner: Transport, metrics: Metrics, callback: "Callable[[AttemptEvent], object] | None") -> None:
        self._inner = inner
        self._metrics = metrics
        self._callback = callback

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send once, and tell how it went."""
        if self._callback is None and not self._metrics.enabled and not _logger.isEnabledFor(logging.DEBUG):
            return self._inner(call)
        return self._reported(call)

    async def _reported(self, call: Call) -> Response:
        before = len(call.attempts)
        response: Response | None = None
        failure: BaseException | None = None
        try:
            response = await self._inner(call)
            return response
        except BaseException as exc:
            failure = exc
            raise
        finally:
            if len(call.attempts) > before:
                self._report(call, response, error_type(response, failure))

    def _report(self, call: Call, response: Response | None, error: str | None) -> None:
        request, attempt = call.request, call.attempts[-1]
        if self._metrics.enabled:
            self._metrics.record_attempt(request, response, error, attempt.duration)
        if self._callback is None and not _logger.isEnabledFor(logging.DEBUG):
            return
        headers: Mapping[str, str] = response.headers if response is not None else {}
        facts: dict[str, Any] = {
            "operation_id": request.operation_id,
            "method": request.method,
            "status": attempt.status,
            "error": error,
            "duration": attempt.duration,
            "delay": attempt.delay,
            "trace_id": trace_id_of(headers) or trace_id_of({"traceparent": call.trace or ""}),
        }
        logged = {name: value for name in _LOGGED if (value := headers.get(name)) is not None}
        _logger.debug("an attempt has ended", extra={**facts, "attempt": attempt.number, "headers": logged})
        if self._callback is not None:
            request_id = headers.get("x-request-id")
            event = AttemptEvent(**facts, number=attempt.number, sent=attempt.sent, request_id=request_id)
            notify(self._callback, event)
