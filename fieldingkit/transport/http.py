"""Requests, responses, and the state of one call. No I/O here."""

import json
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from fieldingkit.clock import Clock
from fieldingkit.errors import Attempt, DeadlineExceededError, FieldingKitError, RequestTimeoutError, TransportError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.secret import Secret
from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.retry_policy import RetryPolicy

if TYPE_CHECKING:
    from fieldingkit.commands import Command

__all__ = ["BodyWriter", "Call", "Request", "Response", "Transport"]


_DEFAULT_RETRY = RetryPolicy()
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request:
    """One request, ready to be sent any number of times: its body is encoded, its key is made."""

    __slots__ = ("body", "headers", "linked_to", "method", "operation_id", "retry_safety", "target", "template")

    def __init__(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        operation_id: str,
        template: str,
        retry_safety: RetrySafety,
        linked_to: str | None = None,
    ) -> None:
        self.method: str = method
        self.target: str = target
        """The path and query below the base URL, percent-encoded; a whole URL for a token endpoint."""
        self.headers: Mapping[str, str] = headers
        self.body: bytes | None = body
        self.operation_id: str = operation_id
        self.template: str = template
        self.retry_safety: RetrySafety = retry_safety
        self.linked_to: str | None = linked_to
        """The ``traceparent`` of the request that this one follows up, such as the one that created a job."""

    def with_target(self, target: str, *, linked_to: str | None) -> "Request":
        """Return the same request with another path, linked to an earlier request."""
        return Request(
            self.method,
            target,
            headers=self.headers,
            body=self.body,
            operation_id=self.operation_id,
            template=self.template,
            retry_safety=self.retry_safety,
            linked_to=linked_to,
        )


class Response:
    """A response with its body."""

    __slots__ = ("body", "body_error", "headers", "status", "version")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        body_error: FieldingKitError | None = None,
        version: tuple[int, int] | None = None,
    ) -> None:
        self.status: int = status
        self.headers: Mapping[str, str] = headers
        """The headers; names are case-insensitive."""
        self.body: bytes = body
        self.body_error: FieldingKitError | None = body_error
        """The reason if the body is incomplete: it broke off, or is too long."""
        self.version: tuple[int, int] | None = version
        """The HTTP version, such as (1, 1); None if unknown."""

    def json(self) -> Any:
        """Return the body as decoded JSON.

        Raises:
            ValueError: if the body is not JSON.
        """
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class BodyWriter(Protocol):
    """Receives the body of a response in parts."""

    def start(self, total: int | None) -> None:
        """Start the body of an attempt, and drop that of an earlier one; ``total`` is its size, if known."""
        ...

    def write(self, chunk: bytes) -> None:
        """Receive the next part of the body."""
        ...


class Call:
    """One call: its request, its command, and its state. Each transport reads it and writes only its own part."""

    __slots__ = (
        "ambiguous",
        "attempts",
        "authorization",
        "body_writer",
        "bytes_sent",
        "clock",
        "command",
        "deadline",
        "delay",
        "has_spans",
        "headers",
        "locations",
        "request",
        "retry",
        "started",
        "stop_reason",
        "timeout",
    )

    def __init__(
        self,
        request: Request,
        command: "Command[Any] | None" = None,
        *,
        clock: Clock,
        timeout: float | None = None,
        deadline: float | None = None,
        retry: RetryPolicy = _DEFAULT_RETRY,
    ) -> None:
        self.request: Request = request
        self.command: Command[Any] | None = command
        """The command of the request; None for ``client.request()``."""
        self.clock: Clock = clock
        self.retry: RetryPolicy = retry
        self.timeout: float | None = timeout
        """Seconds that one attempt may take; None for no limit."""
        self.started: float = clock.now()
        self.deadline: float | None = None if deadline is None else self.started + deadline
        """The moment on the clock at which the call must be over; None for no limit."""
        self.attempts: list[Attempt] = []
        self.delay: float = 0.0
        """Seconds waited before the attempt that is about to be sent."""
        self.ambiguous: bool = False
        """True if an earlier attempt may have been applied although no response arrived."""
        self.locations: tuple[str, ...] = ()
        """The ``Location`` of each response that was retried: all must name the same job."""
        self.stop_reason: FieldingKitError | None = None
        """The reason why a retryable failure was not retried; it becomes the error's ``__cause__``."""
        self.headers: Mapping[str, str] = _NO_HEADERS
        """Headers of the attempt in addition to those of the request: its trace."""
        self.authorization: Secret | None = None
        """The ``Authorization`` header of the attempt."""
        self.body_writer: BodyWriter | None = None
        """Receives the body of a successful response instead of the response itself; used by downloads."""
        self.bytes_sent: bool = False
        """True if bytes of the last attempt may have been sent."""
        self.has_spans: bool = True
        """False if nobody records the call: its attempts have no spans, and all send the same ``headers``."""

    def remaining(self) -> float | None:
        """Return the seconds until the deadline, never below zero; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock.now())

    def allowance(self, now: float) -> tuple[float | None, type[TransportError]]:
        """Return the time limit of an attempt that begins now, and the error to raise when it is exceeded.

        Returns:
            Seconds, the lesser of the attempt's timeout and the time until the deadline; and the error of that limit.
        """
        if self.deadline is None or (self.timeout is not None and now + self.timeout <= self.deadline):
            return self.timeout, RequestTimeoutError
        return max(0.0, self.deadline - now), DeadlineExceededError

    def details(self, response: Response | None = None) -> dict[str, Any]:
        """Return what every error of this call carries.

        Args:
            response: The last response, if there was one.
        """
        headers: Mapping[str, str] = {} if response is None else response.headers
        return {
            "command": self.command,
            "operation_id": self.request.operation_id,
            "maybe_applied": self.ambiguous,
            "attempts": tuple(self.attempts),
            "trace_id": trace_id_of(headers) or trace_id_of(self.headers),
            "request_id": headers.get("x-request-id"),
            "idempotency_key": self.request.headers.get("Idempotency-Key"),
        }

    def annotate(self, exc: BaseException, response: Response | None = None) -> None:
        """Add the call's details to an exception that ends it.

        An error of fieldingkit gets those details that it does not have. Any other exception, such as a cancellation,
        gets a note if the request may have been applied; the note names the idempotency key.
        """
        if isinstance(exc, FieldingKitError):
            for name, value in self.details(response).items():
                if not getattr(exc, name, None):
                    setattr(exc, name, value)
        elif self._may_have_been_applied():
            key = self.request.headers.get("Idempotency-Key")
            # The API documents no time for which it remembers a key.
            repeat = f"; if it is sent again, then soon and with idempotency_key={key!r}" if key else ""
            exc.add_note(f"{self.request.operation_id} may have been applied{repeat}")

    def _may_have_been_applied(self) -> bool:
        if self.request.retry_safety is RetrySafety.READ:
            return False
        last = self.attempts[-1] if self.attempts else None
        return self.ambiguous or (last is not None and last.sent and (last.status is None or last.status < 300))


Transport = Callable[[Call], Awaitable[Response]]
"""Sends a call's request; returns the response of any status; raises ``TransportError`` if there is none."""
