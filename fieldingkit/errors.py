"""Every exception that fieldingkit raises on purpose.

::

    FieldingKitError
    ├── InvalidCommandError        refused before anything was sent; also a ValueError
    ├── ConfigurationError         the client cannot be built or used so; also a ValueError
    ├── ClientClosedError          the client was closed
    ├── TransportError             there was no answer
    │   ├── ConnectionFailedError  nothing was sent
    │   ├── RequestTimeoutError    an attempt ran out of time
    │   ├── DeadlineExceededError  the call ran out of time
    │   └── AmbiguousOutcomeError  it was sent, nothing came back, and it is not repeated blindly
    ├── ApiError                   the answer is no
    │   ├── BadRequestError 400 · UnauthorizedError 401 · ForbiddenError 403 · NotFoundError 404
    │   ├── ConflictError 409 · PreconditionFailedError 412 · InvalidStateError 422
    │   ├── RateLimitedError 429 · ServerError 5xx
    │   └── RedirectError 3xx      redirects are never followed
    ├── DecodeError                the answer is not what the contract says
    ├── InvalidSignatureError      a webhook delivery that was not signed with the secret
    ├── InvalidEventError          a webhook delivery that is no event
    ├── RetryBudgetExhaustedError  why a call was not repeated; the __cause__ of another error
    ├── JobError                   about a job that was created
    │   ├── JobFailedError         it ended as Failed
    │   ├── JobTimeoutError        we stopped waiting; the job goes on
    │   ├── JobGoneError           its status cannot be read any more
    │   ├── JobLocationError       it was created, but where to look for it is unusable
    │   ├── DuplicateJobError      two answers to one call name two jobs
    │   └── BatchItemsFailedError  it completed, and some of its target groups failed
    └── WorkflowError              a workflow stopped before it was where it should be
        ├── StatusUnreachableError no single action leads from the present status to the wanted one
        ├── TooManyConflictsError  the resource changed again and again while we worked on it
        └── JournalError           the journal of a sweep is in use, of a later release, or cannot be written

``except FieldingKitError`` is always enough. Every error can be pickled and copied; none holds a credential.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

if TYPE_CHECKING:
    from fieldingkit.commands import Command

__all__ = [
    "AmbiguousOutcomeError",
    "ApiError",
    "Attempt",
    "BadRequestError",
    "BatchItemsFailedError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "DeadlineExceededError",
    "DecodeError",
    "DuplicateJobError",
    "FieldingKitError",
    "ForbiddenError",
    "InvalidCommandError",
    "InvalidEventError",
    "InvalidParam",
    "InvalidSignatureError",
    "InvalidStateError",
    "JobError",
    "JobFailedError",
    "JobGoneError",
    "JobLocationError",
    "JobTimeoutError",
    "JournalError",
    "NotFoundError",
    "PreconditionFailedError",
    "RateLimitedError",
    "RedirectError",
    "RequestTimeoutError",
    "RetryBudgetExhaustedError",
    "ServerError",
    "StatusUnreachableError",
    "TooManyConflictsError",
    "TransportError",
    "UnauthorizedError",
    "WorkflowError",
]

_LONGEST = 300
"""How long an error's text may get: a log line, not a dump. The whole answer stays in its attributes."""


class Attempt(NamedTuple):
    """One send of a call, as it is kept in ``error.attempts`` and ``exchange.attempts``."""

    number: int
    """1 for the first send of the call; retries and re-sends after a token refresh both count."""
    status: int | None
    """The HTTP status of the answer; None when there was none."""
    error: str | None
    """What went wrong when there was no answer: the name of the failure; None when there was one."""
    sent: bool
    """Whether bytes of the request may have reached the server."""
    started: float
    """When it began: seconds since the call began."""
    duration: float
    """How long it took, in seconds."""
    delay: float
    """How long the client had waited before it, in seconds."""


class InvalidParam(NamedTuple):
    """One parameter that the API refused, and why."""

    name: str
    """The parameter's name as the API gives it."""
    reason: str
    """The API's reason."""


class FieldingKitError(Exception):
    """The root of all errors of fieldingkit."""

    advice: ClassVar[str] = ""

    message: str
    """What happened, in one sentence."""
    command: "Command[object] | None"
    """The command that was being carried out, if there was one."""
    operation_id: str | None
    """The API's own name of the operation."""
    maybe_applied: bool
    """True when the action may have taken effect although this error was raised."""
    attempts: tuple[Attempt, ...]
    """Every send of the call, in order."""
    trace_id: str | None
    """The W3C trace id of the call, to give to the API's support."""
    request_id: str | None
    """The ``x-request-id`` of the last answer."""
    idempotency_key: str | None
    """The key that went out, if any: for about an hour it is safe to send the command again with it."""

    def __init__(
        self,
        message: str = "",
        *,
        command: "Command[object] | None" = None,
        operation_id: str | None = None,
        maybe_applied: bool = False,
        attempts: Sequence[Attempt] = (),
        trace_id: str | None = None,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.command = command
        self.operation_id = operation_id
        self.maybe_applied = maybe_applied
        self.attempts = tuple(attempts)
        self.trace_id = trace_id
        self.request_id = request_id
        self.idempotency_key = idempotency_key

    def __str__(self) -> str:
        name = type(self.command).__name__ if self.command is not None else self.operation_id
        tail = ""
        if self.maybe_applied:
            tail += " It may have been applied."
        if self.advice:
            tail += f" {self.advice}"
        if self.trace_id:
            tail += f" (trace {self.trace_id})"
        head = f"{name}: {self.message}" if name else self.message
        if tail and head[-1:] not in {".", "…", "!", "?"}:
            head += "."
        if len(head) + len(tail) > _LONGEST:
            head = head[: max(0, _LONGEST - len(tail) - 1)].rstrip() + "…"
        return (head + tail)[:_LONGEST]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._pickle_state())

    def _pickle_state(self) -> dict[str, Any]:
        return dict(self.__dict__)


def _restore(kind: type[FieldingKitError], state: dict[str, Any]) -> FieldingKitError:
    error = kind.__new__(kind, state.get("message", ""))
    error.__dict__.update(state)
    return error


class InvalidCommandError(FieldingKitError, ValueError):
    """A command was refused before anything was sent; ``field`` names what is wrong with it."""

    field: str | None
    """The name of the field that was refused."""

    def __init__(
        self, message: str = "", *, field: str | None = None, command: "Command[object] | None" = None
    ) -> None:
        super().__init__(message, command=command)
        self.field = field


class ConfigurationError(FieldingKitError, ValueError):
    """The client cannot be built, or not be used in this way."""


class ClientClosedError(FieldingKitError):
    """The client was closed; make a new one."""


class TransportError(FieldingKitError):
    """There was no answer: the connection broke, or the time ran out.

    ``maybe_applied`` says whether the request may have taken effect all the same.
    """

    sent: bool
    """Whether bytes of the last attempt may have reached the server."""
    retryable: bool
    """Whether the same call may succeed later, unchanged."""
    retry_after: float | None
    """Seconds that the server asked to wait, if it had said so before."""

    def __init__(
        self,
        message: str = "",
        *,
        sent: bool = True,
        retryable: bool = True,
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.sent = sent
        self.retryable = retryable
        self.retry_after = retry_after


class ConnectionFailedError(TransportError):
    """No connection came about: a wrong host, a closed port, a refused certificate. Nothing was sent."""

    advice = "Nothing was sent."


class RequestTimeoutError(TransportError):
    """An attempt had no answer within ``timeout`` seconds, and there were no attempts left."""


class DeadlineExceededError(TransportError):
    """The call had no answer within ``deadline`` seconds, all attempts and waits together."""


class AmbiguousOutcomeError(TransportError):
    """It was sent, nothing came back, and repeating it blindly could do harm.

    Read the resource to learn what happened. Where ``idempotency_key`` is set, sending the command again with that key
    is safe too.
    """

    advice = "Read the resource before you repeat it."


class ApiError(FieldingKitError):
    """The API answered, and the answer is no."""

    status: int
    """The HTTP status."""
    code: str | None
    """What kind of error the API says it is: the ``object`` of its body."""
    detail: str | None
    """The API's explanation."""
    error_id: str | None
    """The API's id of this very error."""
    invalid_params: tuple[InvalidParam, ...]
    """Which parameters the API refused, and why."""
    retry_after: float | None
    """Seconds that the API asks to wait."""
    retryable: bool
    """Whether the same call may succeed later, unchanged."""
    headers: Mapping[str, str]
    """The answer's headers, with lower-case names; cookies are left out."""
    body: bytes
    """The answer's body as it came."""
    raw: Any
    """The body as decoded JSON; None when it is not JSON."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int,
        code: str | None = None,
        detail: str | None = None,
        error_id: str | None = None,
        invalid_params: Sequence[InvalidParam] = (),
        retry_after: float | None = None,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        raw: Any = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.code = code
        self.detail = detail
        self.error_id = error_id
        self.invalid_params = tuple(invalid_params)
        self.retry_after = retry_after
        self.retryable = retryable
        self.headers = dict(headers or {})
        self.body = body
        self.raw = raw

    @classmethod
    def class_for(cls, status: int) -> "type[ApiError]":
        """The class of error that stands for an HTTP status."""
        if status >= 500:
            return ServerError
        if status < 400:
            return RedirectError
        return _BY_STATUS.get(status, ApiError)


class BadRequestError(ApiError):
    """400: the API refuses the request as it stands; ``invalid_params`` may say which part."""

    advice = "Correct the command before sending it again."


class UnauthorizedError(ApiError):
    """401: no valid token, also after it was refreshed once."""

    advice = "Check the credentials."


class ForbiddenError(ApiError):
    """403: not permitted, an expired token that could not be refreshed, or a header that is required."""

    advice = "An expired token answers so too: check the token, the account and its permissions."


class NotFoundError(ApiError):
    """404: there is no such resource in this account and project."""

    advice = "Check the ids, and that they belong together."


class ConflictError(ApiError):
    """409: it clashes with something else, such as another request with the same idempotency key."""


class PreconditionFailedError(ApiError):
    """412: the resource was changed since its ETag was read, and nothing was done."""

    advice = "Decide again from its present state."

    sent_etag: str | None
    """The tag that the command sent as ``if_match``."""
    current_etag: str | None
    """The resource's tag now, if the answer told it."""

    def __init__(
        self,
        message: str = "",
        *,
        sent_etag: str | None = None,
        current_etag: str | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.sent_etag = sent_etag
        self.current_etag = current_etag


class InvalidStateError(ApiError):
    """422: the resource is not in a state that allows this."""

    advice = "Read its state before you try again."


class RateLimitedError(ApiError):
    """429: too many requests; ``retry_after`` says how many seconds to wait."""

    advice = "Slow down and try again later."


class ServerError(ApiError):
    """5xx: the API, or a gateway before it, failed."""


class RedirectError(ApiError):
    """3xx: redirects are never followed, since credentials would follow with them."""

    advice = "Redirects are not followed. A target group that left draft answers so when read as a draft."


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    422: InvalidStateError,
    429: RateLimitedError,
}


class DecodeError(FieldingKitError):
    """The API answered with success, but not with what the contract says. The action itself was done."""

    path: str
    """Where in the body it went wrong, such as ``$.data[0].status``."""
    status: int | None
    """The HTTP status."""
    headers: Mapping[str, str]
    """The answer's headers, with lower-case names; the ETag or Location of a done action is here."""
    body: bytes
    """The body as it came, or as much of it as was read."""

    def __init__(
        self,
        message: str = "",
        *,
        path: str = "$",
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.path = path
        self.status = status
        self.headers = dict(headers or {})
        self.body = body


class InvalidSignatureError(FieldingKitError):
    """A webhook delivery that was not signed with the secret, or too long ago. Do not act on what it says."""


class InvalidEventError(FieldingKitError):
    """A webhook delivery that is no event: too large, not JSON, or without what every event has."""

    path: str
    """Where in the body it went wrong, such as ``$.time``."""

    def __init__(self, message: str = "", *, path: str = "$", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.path = path


class RetryBudgetExhaustedError(FieldingKitError):
    """The client's calls fail so often that retries are held back; seen as the ``__cause__`` of another error."""


class JobError(FieldingKitError):
    """Something about a job that was created. The job goes on whatever happens here.

    Raised itself when too many looks at the job in a row have failed; the last failure is its ``__cause__``.
    """

    job: Any
    """The job's handle, to go on with; None after pickling, since a handle belongs to its client."""
    token: str | None
    """The job's token: ``client.job(token)`` gives its handle again, in any process."""
    job_id: str | None
    """The API's id of the job."""
    last_status: Any
    """The last status that was read: a ``BatchResult`` or ``FieldingJobResult``; None if there was none."""

    def __init__(
        self,
        message: str = "",
        *,
        job: Any = None,
        token: str | None = None,
        job_id: str | None = None,
        last_status: Any = None,
        maybe_applied: bool = True,
        **facts: Any,
    ) -> None:
        super().__init__(message, maybe_applied=maybe_applied, **facts)
        self.job = job
        self.token = token
        self.job_id = job_id
        self.last_status = last_status

    def _pickle_state(self) -> dict[str, Any]:
        return {**self.__dict__, "job": None}

    def __copy__(self) -> Self:
        error = type(self).__new__(type(self), self.message)
        error.__dict__.update(self.__dict__)
        return error


class JobFailedError(JobError):
    """The job ended as ``Failed``; ``code`` and ``description`` say why where the API does."""

    code: str | None
    """The API's failure code, such as ``TargetGroupInvalidState``."""
    description: str | None
    """The API's explanation."""
    job_trace_id: str | None
    """The trace id of the request that created the job, as the API recorded it."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        description: str | None = None,
        job_trace_id: str | None = None,
        maybe_applied: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(message, maybe_applied=maybe_applied, **facts)
        self.code = code
        self.description = description
        self.job_trace_id = job_trace_id

    @property
    def same_trace(self) -> bool | None:
        """Whether ``job_trace_id`` is the ``trace_id`` of the call that created the job; None if one is not known."""
        return None if self.job_trace_id is None or self.trace_id is None else self.job_trace_id == self.trace_id


class JobTimeoutError(JobError):
    """We stopped waiting after ``timeout`` seconds. The job itself goes on: the API cannot cancel one."""

    advice = "The job goes on: wait again, or resume it from its token."


class JobGoneError(JobError):
    """The job's status cannot be read any more. Whether it was carried out is not known from here."""

    advice = "Read the target groups to learn what was done."


class JobLocationError(JobError):
    """The job was created, but the answer does not say where to look for it."""

    advice = "Read the target groups to learn what was done, or send again with the same idempotency key."

    location: str | None
    """The ``Location`` header as it came."""
    headers: Mapping[str, str]
    """All headers of the answer."""

    def __init__(
        self,
        message: str = "",
        *,
        location: str | None = None,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.location = location
        self.headers = dict(headers or {})


class DuplicateJobError(JobError):
    """Two answers to one call name two different jobs: both may be running."""

    advice = "Both jobs may be running: look at both."

    job_ids: tuple[str, ...]
    """The ids of both jobs."""

    def __init__(self, message: str = "", *, job_ids: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.job_ids = tuple(job_ids)


class BatchItemsFailedError(JobError):
    """The batch completed, and some of its target groups failed or are unaccounted for."""

    failed: tuple[Any, ...]
    """A ``FailedTargetGroup`` for each that failed."""
    missing: tuple[str, ...]
    """Ids that were asked for and that the API reports neither as updated nor as failed."""

    def __init__(
        self,
        message: str = "",
        *,
        failed: Sequence[Any] = (),
        missing: Sequence[str] = (),
        maybe_applied: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(message, maybe_applied=maybe_applied, **facts)
        self.failed = tuple(failed)
        self.missing = tuple(missing)


class WorkflowError(FieldingKitError):
    """A workflow stopped before it was where it should be; ``conflicts`` holds what it met on its way."""

    conflicts: tuple[FieldingKitError, ...]
    """The refusals and doubtful outcomes that the workflow dealt with, in order."""

    def __init__(self, message: str = "", *, conflicts: Sequence[FieldingKitError] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.conflicts = tuple(conflicts)


class StatusUnreachableError(WorkflowError):
    """No single action leads from the present status to the wanted one. Nothing was done."""

    status: str
    """The present status."""
    reachable: tuple[str, ...]
    """The statuses that a single action leads to from there."""

    def __init__(self, message: str = "", *, status: str, reachable: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.reachable = tuple(reachable)


class TooManyConflictsError(WorkflowError):
    """The resource changed again and again while we worked on it."""

    advice = "Find out who else is working on it."


class JournalError(WorkflowError):
    """The journal of a sweep cannot be used: another process holds it, a later release wrote it, or the disk is full.

    What was sent until then stays sent; run the sweep again with the journal to go on.
    """
