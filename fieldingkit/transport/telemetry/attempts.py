"""Log records and callbacks of attempts: ``on_request`` before each of them, ``on_attempt`` after it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.http import Call, Response, Transport
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.telemetry.semconv import SemanticAttributes, error_type

if TYPE_CHECKING:
    from fieldingkit.transport.telemetry.events import AttemptEvent, RequestEvent

__all__ = ["AttemptObserver", "RequestObserver", "notify"]

_logger = logging.getLogger("fieldingkit.attempts")
_callback_logger = logging.getLogger("fieldingkit.callbacks")
_LOGGED_HEADERS = ("content-type", "retry-after", "traceparent", "x-request-id", "x-tyk-trace-id")
_SHOWN_HEADERS = frozenset(
    {
        "accept",
        "cint-api-version",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "traceparent",
        "tracestate",
        "user-agent",
    }
)

E = TypeVar("E")


def notify(callback: Callable[[E], object], event: E) -> None:
    """Call a callback. Its exceptions are logged and never affect the call."""
    try:
        callback(event)
    except Exception as exc:  # the application's code may raise anything
        _callback_logger.warning("callback failed", exc_info=exc, extra={"event": type(event).__name__})


class RequestObserver:
    """Calls ``on_request`` with each request that is about to be sent.

    Args:
        inner: Sends the request.
        attributes: Redacts the URL.
        callback: Receives a ``RequestEvent``.
    """

    def __init__(
        self, inner: Transport, attributes: SemanticAttributes, callback: "Callable[[RequestEvent], object]"
    ) -> None:
        self._inner = inner
        self._attributes = attributes
        self._callback = callback

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Call the callback, then send the request."""
        from fieldingkit.transport.telemetry.events import RequestEvent

        request = call.request
        headers = {
            name: value if name.lower() in _SHOWN_HEADERS else "REDACTED"
            for name, value in {**request.headers, **call.headers}.items()
        }
        if call.authorization is not None:
            headers["Authorization"] = "REDACTED"
        event = RequestEvent(
            operation_id=request.operation_id,
            method=request.method,
            url=self._attributes.redacted_url(request),
            headers=headers,
            number=len(call.attempts) + 1,
        )
        notify(self._callback, event)
        return self._inner(call)


class AttemptObserver:
    """Measures and logs each attempt, and calls ``on_attempt``; without any of these it adds no frame to the call.

    Args:
        inner: Sends the attempt.
        metrics: Measures it.
        callback: Receives an ``AttemptEvent`` for each attempt.
    """

    def __init__(self, inner: Transport, metrics: Metrics, callback: "Callable[[AttemptEvent], object] | None") -> None:
        self._inner = inner
        self._metrics = metrics
        self._callback = callback

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send an attempt, and report how it ended."""
        if self._callback is None and not self._metrics.enabled and not _logger.isEnabledFor(logging.DEBUG):
            return self._inner(call)
        return self._observe(call)

    async def _observe(self, call: Call) -> Response:
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
        self._metrics.record_attempt(request, response, error, attempt.duration)
        if self._callback is None and not _logger.isEnabledFor(logging.DEBUG):
            return
        headers: Mapping[str, str] = response.headers if response is not None else {}
        fields: dict[str, Any] = {
            "operation_id": request.operation_id,
            "method": request.method,
            "status": attempt.status,
            "error": error,
            "duration": attempt.duration,
            "delay": attempt.delay,
            "trace_id": trace_id_of(headers) or trace_id_of(call.headers),
        }
        logged = {name: value for name in _LOGGED_HEADERS if (value := headers.get(name)) is not None}
        _logger.debug("attempt ended", extra={**fields, "attempt": attempt.number, "headers": logged})
        if self._callback is not None:
            from fieldingkit.transport.telemetry.events import AttemptEvent

            request_id = headers.get("x-request-id")
            event = AttemptEvent(**fields, number=attempt.number, sent=attempt.sent, request_id=request_id)
            notify(self._callback, event)
