"""Each attempt is told of when it has ended: to the metrics, to the log, and to the callback that asked for it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fieldingkit.transport.conventions import error_type
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.metrics import Metrics
from fieldingkit.transport.problem import trace_id_of

if TYPE_CHECKING:
    from fieldingkit.transport.hooks import AttemptEvent

__all__ = ["AttemptReports"]

_logger = logging.getLogger("fieldingkit.attempts")

# All that is ever logged of an answer's head; nothing of the request's head is.
_LOGGED = ("content-type", "retry-after", "traceparent", "x-request-id", "x-tyk-trace-id")


class AttemptReports:
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

    def __call__(self, request: Request, call: Call) -> Awaitable[Response]:
        """Send once, and tell how it went."""
        if self._callback is None and not self._metrics.on and not _logger.isEnabledFor(logging.DEBUG):
            return self._inner(request, call)
        return self._reported(request, call)

    async def _reported(self, request: Request, call: Call) -> Response:
        before = len(call.attempts)
        response: Response | None = None
        failure: BaseException | None = None
        try:
            response = await self._inner(request, call)
            return response
        except BaseException as exc:
            failure = exc
            raise
        finally:
            if len(call.attempts) > before:
                self._report(request, call, response, error_type(response, failure))

    def _report(self, request: Request, call: Call, response: Response | None, error: str | None) -> None:
        attempt = call.attempts[-1]
        if self._metrics.on:
            self._metrics.attempted(request, response, error, attempt.duration)
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
            hooks = import_module("fieldingkit.transport.hooks")  # most clients have no callbacks
            request_id = headers.get("x-request-id")
            event = hooks.AttemptEvent(**facts, number=attempt.number, sent=attempt.sent, request_id=request_id)
            hooks.notify(self._callback, event)
