"""Requests, responses, and the state of one call. No I/O here."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from fieldingkit.clock import Clock
from fieldingkit.errors import Attempt, DeadlineExceededError, FieldingKitError, RequestTimeoutError, TransportError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.headers import trace_id_of

if TYPE_CHECKING:
    from fieldingkit.commands import Command

__all__ = ["ApiResponse", "Call", "Request", "Response", "Transport"]


class Request:
    """One request, ready to be sent as often as it must be: the body is encoded, the key is minted."""

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
        """The path and query below the base URL, percent-encoded; or a whole URL, for a token endpoint."""
        self.headers: Mapping[str, str] = headers
        self.body: bytes | None = body
        self.operation_id: str = operation_id
        self.template: str = template
        self.retry_safety: RetrySafety = retry_safety
        self.linked_to: str | None = linked_to
        """The ``traceparent`` of the request that this one follows up, such as the one that created a job."""

    def with_target(self, target: str, *, linked_to: str | None) -> "Request":
        """The same request to another path, as a follow-up of an earlier one."""
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
    """An answer, read to its end."""

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
        """Case-insensitive."""
        self.body: bytes = body
        self.body_error: FieldingKitError | None = body_error
        """Why the body is not all there: it broke off, or is too long; the head of the answer is known all the same."""
        self.version: tuple[int, int] | None = version
        """The version of HTTP that it came by, such as (1, 1); None if that is not known."""

    def json(self) -> Any:
        """The body as decoded JSON.

        Raises:
            ValueError: if it is not JSON.
        """
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class Call:
    """One call: its request, its command, and its state. Each transport reads it and writes only its own part."""

    __slots__ = (
        "ambiguous",
        "attempts",
        "bytes_sent",
        "clock",
        "command",
        "deadline",
        "delay",
        "has_trace",
        "headers",
        "locations",
        "request",
        "started",
        "stop_reason",
        "timeout",
        "trace",
    )

    def __init__(
        self,
        request: Request,
        command: "Command[Any] | None" = None,
        *,
        clock: Clock,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> None:
        self.request: Request = request
        self.command: Command[Any] | None = command
        """The command that the request carries out; None for a request that the caller spelled out."""
        self.clock: Clock = clock
        self.timeout: float | None = timeout
        """Seconds that one attempt may take; None for no limit."""
        self.started: float = clock.now()
        self.deadline: float | None = None if deadline is None else self.started + deadline
        """The moment on the clock at which the call must be over; None for no limit."""
        self.attempts: list[Attempt] = []
        self.delay: float = 0.0
        """Seconds waited before the attempt that is about to be sent."""
        self.ambiguous: bool = False
        """Whether an earlier attempt may have been applied although its answer never came."""
        self.locations: list[str] = []
        """The ``Location`` of answers that were not the last: they must name the same job."""
        self.stop_reason: FieldingKitError | None = None
        """Why a call that could have been repeated was not; it becomes the error's ``__cause__``."""
        self.headers: dict[str, str] = {}
        """What the attempt that is about to be sent has beside the request's own headers: its token, its trace."""
        self.bytes_sent: bool = False
        """Whether bytes of the last attempt may have left."""
        self.trace: str | None = None
        """The ``traceparent`` of the last attempt, if one was sent."""
        self.has_trace: bool = True
        """False if the call is known to belong to no trace: then no attempt needs to look for one."""

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below zero; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock.now())

    def allowance(self, now: float) -> tuple[float | None, type[TransportError]]:
        """What an attempt may take that begins now, and what it means if that is not enough.

        Returns:
            Seconds, its own time-out or what is left of the call; and the error for whichever of them it is.
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
            "trace_id": trace_id_of(headers) or trace_id_of({"traceparent": self.trace or ""}),
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
            safe = f"; it is safe to send it again within an hour with idempotency_key={key!r}" if key else ""
            exc.add_note(f"{self.request.operation_id} may have been applied{safe}")

    def _may_have_been_applied(self) -> bool:
        if self.request.retry_safety is RetrySafety.READ:
            return False
        last = self.attempts[-1] if self.attempts else None
        return self.ambiguous or (last is not None and last.sent and (last.status is None or last.status < 300))


Transport = Callable[[Call], Awaitable[Response]]
"""Sends a call's request; returns the response, whatever its status; raises ``TransportError`` if there is none."""


R_co = TypeVar("R_co", covariant=True)


@attrs.frozen(kw_only=True)
class ApiResponse(Generic[R_co]):
    """A result together with the HTTP answer that carried it."""

    result: R_co
    """What the command gives."""
    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The answer's headers, with lower-case names."""
    trace_id: str | None
    """The W3C trace id of the call, to give to the API's support."""
    request_id: str | None
    """The answer's ``x-request-id``."""
    attempts: tuple[Attempt, ...]
    """Every send of the call, in order."""
    raw: Any
    """The body as decoded JSON, with the fields that the result does not have; None if it is not JSON."""
