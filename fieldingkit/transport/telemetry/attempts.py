"""Log records and callbacks of attempts: ``on_request`` before each of them, ``on_attempt`` after it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import attrs

from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.http import Call, Response, Transport
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.telemetry.semconv import SemanticAttributes, error_type

__all__ = ["AttemptEvent", "AttemptObserver", "RequestEvent", "RequestObserver", "notify"]

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


@attrs.frozen(kw_only=True)
class RequestEvent:
    """A request that is about to be sent, as passed to ``on_request``."""

    operation_id: str
    """The API's name of the operation; ``token`` for a token request."""
    method: str
    """The HTTP method."""
    url: str
    """The full URL; the values of its query are replaced by ``REDACTED``."""
    headers: Mapping[str, str]
    """The headers; the value of each that may hold a credential is replaced by ``REDACTED``."""
    number: int
    """The number of the attempt within the call, from 1."""


@attrs.frozen(kw_only=True)
class AttemptEvent:
    """An attempt that has ended, as passed to ``on_attempt``."""

    operation_id: str
    """The API's name of the operation; ``token`` for a token request."""
    method: str
    """The HTTP method."""
    number: int
    """The number of the attempt within the call, from 1; retries and resends after a token refresh both count."""
    status: int | None
    """The HTTP status of the response; None if there was none."""
    error: str | None
    """The error: a status, or the name of an exception; None if the attempt succeeded."""
    sent: bool
    """True if bytes of the request may have reached the server."""
    duration: float
    """Seconds from the start of the attempt to the end of the response's body."""
    delay: float
    """Seconds that the client waited before the attempt."""
    trace_id: str | None
    """The W3C trace id of the response, or of the request if there was no response."""
    request_id: str | None
    """The response's ``x-request-id``."""


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
        self, inner: Transport, attributes: SemanticAttributes, callback: Callable[[RequestEvent], object]
    ) -> None:
        self._inner = inner
        self._attributes = attributes
        self._callback = callback

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Call the callback, then send the request."""
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

    def __init__(self, inner: Transport, metrics: Metrics, callback: Callable[[AttemptEvent], object] | None) -> None:
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
            request_id = headers.get("x-request-id")
            event = AttemptEvent(**fields, number=attempt.number, sent=attempt.sent, request_id=request_id)
            notify(self._callback, event)
