"""The exceptions of fieldingkit.

::

    FieldingKitError
    ├── InvalidCommandError        refused before anything was sent; also a ValueError
    ├── InvalidStudyError          a study file is invalid; also a ValueError
    ├── ConfigurationError         an option or a use of the client is invalid; also a ValueError
    ├── ClientClosedError          the client was closed
    ├── TransportError             no response arrived
    │   ├── ConnectionFailedError  no connection; nothing was sent
    │   ├── RequestTimeoutError    one attempt took longer than ``timeout``
    │   ├── DeadlineExceededError  the call took longer than ``deadline``
    │   └── AmbiguousOutcomeError  the request was sent, no response arrived, and a retry is not safe
    ├── ApiError                   the API refused the request
    │   ├── BadRequestError 400 · UnauthorizedError 401 · ForbiddenError 403 · NotFoundError 404
    │   ├── ConflictError 409 · PreconditionFailedError 412 · InvalidStateError 422
    │   ├── RateLimitedError 429 · ServerError 5xx
    │   └── RedirectError 3xx      redirects are never followed
    ├── DecodeError                a successful response does not match the contract
    ├── InvalidSignatureError      a webhook delivery has no valid signature
    ├── InvalidEventError          a webhook delivery is not a valid event
    ├── RetryBudgetExhaustedError  a retry would have come too late; the __cause__ of another error
    ├── JobError                   a job was created, and its result is not available
    │   ├── JobFailedError         the job ended as Failed
    │   ├── JobTimeoutError        the wait ended before the job did
    │   ├── JobGoneError           the job's status cannot be read any more
    │   ├── JobLocationError       the response to a job command has no usable Location
    │   ├── DuplicateJobError      two responses to one call name two jobs
    │   └── BatchItemsFailedError  the batch completed, and some of its target groups failed
    └── WorkflowError              a workflow stopped before it reached its goal
        ├── StatusUnreachableError no single action leads from the present status to the wanted one
        ├── InfeasibleError        a draft's goals are not feasible by the end of fielding; nothing was launched
        ├── TooManyConflictsError  refusals and ambiguous outcomes beyond ``max_conflicts``
        ├── UnexpectedDeletionError profiles or quotas would be deleted that the change did not name
        ├── UnexpectedTerminationError  a reconciliation would terminate more completes than allowed
        ├── UnknownDefinitionError a business unit, locale or code has another name
        ├── DuplicateReferenceError  several projects or target groups have one reference
        ├── IncompleteUploadError  a part of the codes could not be uploaded
        └── JournalError           the journal of a sweep is in use, from a later release, or not writable

``except FieldingKitError`` catches all of them. Every error can be pickled and copied; none holds a credential.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Self

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
    "DuplicateReferenceError",
    "FieldingKitError",
    "ForbiddenError",
    "IncompleteUploadError",
    "InfeasibleError",
    "InvalidCommandError",
    "InvalidEventError",
    "InvalidParam",
    "InvalidSignatureError",
    "InvalidStateError",
    "InvalidStudyError",
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
    "UnexpectedDeletionError",
    "UnexpectedTerminationError",
    "UnknownDefinitionError",
    "WorkflowError",
]

_LONGEST = 300
"""Characters of an error's text at most. The whole response stays in the error's attributes."""

_READ_FIRST: Final = "Read the resource before sending it again."

_DETAILS: Final = r"/target-groups/[^/]+/details/?$"
"""The end of the path of the details of a target group."""


class Attempt(NamedTuple):
    """One send of a call, as listed in ``error.attempts`` and ``ApiResponse.attempts``."""

    number: int
    """1 for the first send of the call; retries and resends after a token refresh both count."""
    status: int | None
    """The HTTP status of the response; None if there was none."""
    error: str | None
    """The name of the failure if there was no response, else None."""
    sent: bool
    """True if bytes of the request may have reached the server."""
    started: float
    """The start of the attempt, in seconds since the call began."""
    duration: float
    """The duration of the attempt, in seconds."""
    delay: float
    """The time waited before the attempt, in seconds."""


class InvalidParam(NamedTuple):
    """One parameter that the API refused, with its reason."""

    name: str
    """The parameter's name, as the API spells it."""
    reason: str
    """The API's reason, or its code, such as ``incorrect_sum_of_percentage_009``."""
    detail: str | None = None
    """The API's explanation; this and what follows only of profiles."""
    error_type: str | None = None
    """``data_validation_error`` for a broken rule, ``structural_error`` for a malformed profile."""
    question_ids: tuple[int, ...] = ()
    """The numbers of the questions concerned."""
    profile_id: str | None = None
    """The id of the profile."""
    quota_id: str | None = None
    """The id of the quota."""
    level: str | None = None
    """``error`` or ``warning``, as the API says."""

    def __str__(self) -> str:
        """Return the place and the reason."""
        if self.error_type is None:
            return f"{self.name}: {self.reason}"
        questions = f"question {', '.join(map(str, self.question_ids))}" if self.question_ids else None
        places = [
            questions,
            None if self.profile_id is None else f"profile {self.profile_id}",
            None if self.quota_id is None else f"quota {self.quota_id}",
        ]
        place = ", ".join(filter(None, places)) or self.name
        words, _, number = self.reason.rpartition("_")
        reason = f"{words.replace('_', ' ')} ({number})" if number.isdigit() else self.reason
        return f"{place}: {'warning: ' if self.level == 'warning' else ''}{self.detail or reason}"


class FieldingKitError(Exception):
    """The base class of all errors of fieldingkit."""

    _advice: ClassVar[str] = ""

    message: str
    """A description of what happened."""
    command: "Command[object] | None"
    """The command that failed; None for ``request()`` and for errors outside a call."""
    operation_id: str | None
    """The API's name of the operation."""
    maybe_applied: bool
    """True if the action may have taken effect although this error was raised."""
    unclear_command: "Command[object] | None"
    """The earlier command of a workflow whose outcome ``maybe_applied`` is about; None if it is about ``command``."""
    attempts: tuple[Attempt, ...]
    """Every send of the call, in order."""
    trace_id: str | None
    """The W3C trace id of the call, for the API's support."""
    request_id: str | None
    """The ``x-request-id`` of the last response."""
    idempotency_key: str | None
    """The idempotency key that was sent, if any. The API documents no time for which it is remembered: use it soon."""

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
        self.unclear_command = None
        self.attempts = tuple(attempts)
        self.trace_id = trace_id
        self.request_id = request_id
        self.idempotency_key = idempotency_key

    @property
    def advice(self) -> str:
        """A sentence on what to do; empty if there is none."""
        return self._advice

    def __str__(self) -> str:
        name = type(self.command).__name__ if self.command is not None else self.operation_id
        tail = ""
        if self.maybe_applied:
            action = "It" if self.unclear_command is None else type(self.unclear_command).__name__
            tail += f" {action} may have been applied."
        if self.advice:
            tail += f" {self.advice}"
        if self.trace_id:
            tail += f" (trace {self.trace_id})"
        head = _printable(f"{name}: {self.message}" if name else self.message)
        if tail and head[-1:] not in {".", "…", "!", "?"}:
            head += "."
        if len(head) + len(tail) > _LONGEST:
            head = _cut(head, max(0, _LONGEST - len(tail) - 1)) + "…"
        return (head + tail)[:_LONGEST]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_printable(self.message)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._pickle_state())

    def _pickle_state(self) -> dict[str, Any]:
        return dict(self.__dict__)


def _printable(text: str) -> str:
    """Return the beginning of a text without control characters: parts of it may come from the server."""
    return "".join(char if char.isprintable() else " " for char in text[: _LONGEST + 1])


def _cut(text: str, length: int) -> str:
    """Return the beginning of a text up to the end of a sentence, or of a word if that is much shorter."""
    start, least = text[: length + 1], length * 3 // 4
    ends = max(start.rfind(". "), start.rfind("; ")), start.rfind(" ")
    return start[: next((end for end in ends if end > least), length)].rstrip(" ,:;(")


def _restore(kind: type[FieldingKitError], state: dict[str, Any]) -> FieldingKitError:
    error = kind.__new__(kind, state.get("message", ""))
    error.__dict__.update(state)
    return error


class InvalidCommandError(FieldingKitError, ValueError):
    """The command is invalid. Nothing was sent; ``field`` names the invalid field."""

    field: str | None
    """The name of the invalid field."""

    def __init__(
        self, message: str = "", *, field: str | None = None, command: "Command[object] | None" = None
    ) -> None:
        super().__init__(message, command=command)
        self.field = field


class InvalidStudyError(FieldingKitError, ValueError):
    """A study file is invalid. Nothing was sent; ``problems`` lists all that is wrong with it."""

    problems: tuple[str, ...]
    """The problems, each with its place."""

    def __init__(self, message: str = "", *, problems: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.problems = tuple(problems)


class ConfigurationError(FieldingKitError, ValueError):
    """An option is invalid, or the client cannot be used in this way."""


class ClientClosedError(FieldingKitError):
    """The client is closed. ``maybe_applied`` is True if the close interrupted a call that may have been applied."""


class TransportError(FieldingKitError):
    """No response arrived: the connection broke, or the time ran out.

    ``maybe_applied`` is True if the request may have taken effect nevertheless.
    """

    sent: bool
    """True if bytes of the last attempt may have reached the server."""
    retryable: bool
    """True if the same call may succeed later, unchanged."""
    retry_after: float | None
    """Seconds after which the call may succeed, if that is known."""

    @property
    def advice(self) -> str:
        """A sentence on what to do: first of all, to read the resource if the action may have been applied."""
        return _READ_FIRST if self.maybe_applied else self._advice

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
    """No connection was made: unknown host, closed port, untrusted certificate. Nothing was sent."""

    _advice = "Nothing was sent."


class RequestTimeoutError(TransportError):
    """An attempt got no response within ``timeout`` seconds, and the call was not retried further."""


class DeadlineExceededError(TransportError):
    """The call got no response within ``deadline`` seconds, all attempts and waits included."""


class AmbiguousOutcomeError(TransportError):
    """The request was sent, no response arrived, and a retry could apply it twice.

    Read the resource to find out what happened. If ``idempotency_key`` is set, sending the command again with that key
    is safe too.
    """

    _advice = _READ_FIRST


class ApiError(FieldingKitError):
    """The API refused the request; the subclass says why."""

    status: int
    """The HTTP status."""
    code: str | None
    """The API's kind of error: the ``object`` of the response body."""
    detail: str | None
    """The API's explanation."""
    error_id: str | None
    """The API's id of this occurrence of the error."""
    invalid_params: tuple[InvalidParam, ...]
    """The parameters that the API refused, with its reasons."""
    retry_after: float | None
    """Seconds to wait, as the API asks in ``Retry-After``."""
    retryable: bool
    """True if the same call may succeed later, unchanged."""
    headers: Mapping[str, str]
    """The response headers, with lower-case names and without cookies."""
    body: bytes
    """The response body, unchanged."""
    raw: Any
    """The body as decoded JSON; None if it is not JSON."""

    @property
    def advice(self) -> str:
        """A sentence on what to do: first of all, to read the resource if an earlier attempt may have been applied."""
        own = self._advice
        if not self.maybe_applied or own.startswith("Read"):
            return own
        return f"Read the resource first. {own}" if own else _READ_FIRST

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
        """Return the class of error for an HTTP status."""
        if 500 <= status < 600:
            return ServerError
        if 300 <= status < 400:
            return RedirectError
        return _BY_STATUS.get(status, ApiError)


class BadRequestError(ApiError):
    """The request is invalid (400, or 422 for profiles); ``invalid_params`` may name the parameters."""

    _advice = "Correct the command before sending it again."


class UnauthorizedError(ApiError):
    """The API rejected the access token (401), even after one refresh; or the token endpoint issued none.

    The token endpoint may have refused with any status; ``operation_id`` is then ``token``.
    """

    @property
    def advice(self) -> str:
        """The settings to check."""
        settings = "the credentials and the token URL" if self.operation_id == "token" else "the credentials"
        return f"Check {settings}.{f' {_READ_FIRST}' if self.maybe_applied else ''}"


class ForbiddenError(ApiError):
    """The request is not permitted (403): a missing permission, an expired token, or a missing header."""

    _advice = "Check the account's permissions, and the token: the API answers 403 to an expired one too."


class NotFoundError(ApiError):
    """The resource does not exist in this account and project (404)."""

    _advice = "Check the ids, and that they belong together."


class ConflictError(ApiError):
    """The request conflicts with another one (409), such as one with the same idempotency key."""


class PreconditionFailedError(ApiError):
    """The resource was changed after its ETag was read (412)."""

    _advice = "Read the resource again and decide from its present state."

    sent_etag: str | None
    """The tag that was sent as ``If-Match``."""
    current_etag: str | None
    """The resource's present tag, if the response has it."""

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
    """The resource is not in a state that allows this action (422)."""

    _advice = "Read its state before sending it again."


class RateLimitedError(ApiError):
    """The API received too many requests (429); ``retry_after`` is the number of seconds to wait."""

    _advice = "Slow down and try again later."


class ServerError(ApiError):
    """The API, or a gateway in front of it, failed (5xx)."""


class RedirectError(ApiError):
    """The API answered with a redirect (3xx), which is not followed: it would receive the credentials."""

    @property
    def left_draft(self) -> bool:
        """True if a draft was read whose target group has left draft: the API redirects to its details."""
        location = self.headers.get("location", "")
        return self.operation_id == "get_target_group" and re.search(_DETAILS, location) is not None

    @property
    def advice(self) -> str:
        """The meaning of a redirect from a draft to its details, else what to check."""
        if self.left_draft:
            return "The API redirects reads of a draft once its target group has left draft."
        again = f" {_READ_FIRST}" if self.maybe_applied else ""
        return f"Check the base URL, and whether a proxy or gateway answers in place of the API.{again}"


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
    """A successful response (2xx) does not match the contract. If it is the API's, the action was done."""

    path: str
    """The JSON path of the mismatch, such as ``$.data[0].status``."""
    status: int | None
    """The HTTP status."""
    headers: Mapping[str, str]
    """The response headers, with lower-case names; they may hold the action's ETag or Location."""
    body: bytes
    """The body, or the part of it that was read."""

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

    @property
    def advice(self) -> str:
        """Whether the action was applied, and what to do; empty if the command is not known."""
        if self.command is None:
            return ""
        if self.command.endpoint.only_reads:
            unchanged = "" if self.maybe_applied else "Nothing was changed. "
            return f"{unchanged}Try again; please report it if it happens again."
        return "The status, if it is the API's, says that it was. Read the resource, and please report this."


class InvalidSignatureError(FieldingKitError):
    """A webhook delivery has no valid signature, or an old one. Do not act on its content."""


class InvalidEventError(FieldingKitError):
    """A webhook delivery is not a valid event: too large, not JSON, or without a required member."""

    path: str
    """The JSON path of the mismatch, such as ``$.time``."""

    def __init__(self, message: str = "", *, path: str = "$", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.path = path


class RetryBudgetExhaustedError(FieldingKitError):
    """The retry budget is used up: a retry would have come too late. Seen as the ``__cause__`` of another error."""


class JobError(FieldingKitError):
    """A job was created, and its result is not available. The job itself continues.

    Raised itself when polls of the job have failed for too long; the last failure is its ``__cause__``.
    """

    _advice = "Wait again, or get it from its token with client.job()."

    job: Any
    """The job, to wait for again; None after pickling, because a job belongs to its client."""
    token: str | None
    """The job's token: ``client.job(token)`` returns the job again, in any process."""
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
    """The job ended as ``Failed``; ``code`` and ``description`` hold the API's reason, if it gave one."""

    _advice = ""

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
        """True if ``job_trace_id`` is the ``trace_id`` of the call that created the job; None if either is unknown."""
        return None if self.job_trace_id is None or self.trace_id is None else self.job_trace_id == self.trace_id


class JobTimeoutError(JobError):
    """The job did not end within ``timeout`` seconds. It continues: the API cannot cancel jobs."""

    _advice = "The job continues: wait again, or get it from its token with client.job()."


class JobGoneError(JobError):
    """The job's status cannot be read any more. Its outcome is unknown."""

    _advice = "Read what it was to change to find out what was done."


class JobLocationError(JobError):
    """A job may have been created, but the response has no usable ``Location``."""

    @property
    def advice(self) -> str:
        """The ways to find out what was done; a repetition is among them if an idempotency key was sent."""
        again = ", or send it again with the same idempotency key" if self.idempotency_key else ""
        return f"Read what it was to change to find out what was done{again}."

    location: str | None
    """The ``Location`` header, unchanged."""
    headers: Mapping[str, str]
    """The response headers, with lower-case names."""

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
    """Two responses to one call name two different jobs. Both may be running."""

    _advice = "Both jobs may be running: check both."

    job_ids: tuple[str, ...]
    """The ids of both jobs."""

    def __init__(self, message: str = "", *, job_ids: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.job_ids = tuple(job_ids)


class BatchItemsFailedError(JobError):
    """The batch completed, and some of its target groups failed or are missing from its result."""

    _advice = ""

    failed: tuple[Any, ...]
    """A ``FailedTargetGroup`` for each target group that failed."""
    missing: tuple[str, ...]
    """The requested ids that the API reported neither as updated nor as failed."""

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
    """A workflow stopped before it reached its goal; ``conflicts`` lists the errors it handled."""

    conflicts: tuple[FieldingKitError, ...]
    """The refusals and ambiguous outcomes that the workflow handled, in order."""

    def __init__(self, message: str = "", *, conflicts: Sequence[FieldingKitError] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.conflicts = tuple(conflicts)


class StatusUnreachableError(WorkflowError):
    """No single action leads from the present status to the wanted one; ``conflicts`` lists what was sent before."""

    status: str
    """The present status."""
    reachable: tuple[str, ...]
    """The statuses that a single action leads to from there."""

    def __init__(self, message: str = "", *, status: str, reachable: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.reachable = tuple(reachable)


class InfeasibleError(WorkflowError):
    """A draft's goals are not feasible by the end of fielding, or the API has no estimate. Nothing was launched."""

    _advice = (
        "Nothing was launched. Raise the price, extend the period, lower the goal, or pass accept_infeasible=True."
    )

    feasibility: Any
    """The API's ``Feasibility``; None if it could not be asked, such as for a goal above 10,000."""
    shortfalls: tuple[Any, ...]
    """A ``Shortfall`` for each goal that is not feasible, that of the target group first."""

    def __init__(
        self,
        message: str = "",
        *,
        feasibility: Any = None,
        shortfalls: Sequence[Any] = (),
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.feasibility = feasibility
        self.shortfalls = tuple(shortfalls)


class TooManyConflictsError(WorkflowError):
    """The workflow met more refusals and ambiguous outcomes than it may resolve; ``conflicts`` lists them.

    A ``PreconditionFailedError`` among them that was not ambiguous shows that another process changes the resource.
    """


class UnexpectedDeletionError(WorkflowError):
    """A change of profiles would delete what it did not name, or quotas with completes. Nothing was sent."""

    _advice = "Let the change name what it deletes, or accept completes."

    deletions: tuple[str, ...]
    """A line for each profile's target that would be deleted, with its completes."""

    def __init__(self, message: str = "", *, deletions: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.deletions = tuple(deletions)


class UnexpectedTerminationError(WorkflowError):
    """A reconciliation would terminate a larger share of the completes than ``max_share``. It was not sent."""

    _advice = "The list was not sent. Check that it is complete, or allow a larger share."

    preview: Any
    """The ``ReconciliationPreview``: the completes that would be terminated, and their money."""

    def __init__(self, message: str = "", *, preview: Any = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.preview = preview


class UnknownDefinitionError(WorkflowError):
    """No definition has the name, or several have it. ``near`` lists similar names."""

    near: tuple[str, ...]
    """The most similar names, the best first."""

    def __init__(self, message: str = "", *, near: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.near = tuple(near)


class DuplicateReferenceError(WorkflowError):
    """Several projects, or target groups of a project, have the reference that should name one."""

    ids: tuple[str, ...]
    """The ULIDs of all that have it."""

    def __init__(self, message: str = "", *, ids: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.ids = tuple(ids)


class IncompleteUploadError(WorkflowError):
    """A part of the unique codes could not be uploaded; ``conflicts`` lists the errors that were handled before."""

    _advice = "Upload the same codes again: those that the target group has are ignored."

    uploaded: int
    """The number of new codes that the API reported."""
    missing: tuple[str, ...]
    """The codes that are not known to be uploaded, in order; the first part of them may have been."""

    def __init__(self, message: str = "", *, uploaded: int = 0, missing: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.uploaded = uploaded
        self.missing = tuple(missing)


class JournalError(WorkflowError):
    """The journal of a sweep cannot be used: another process holds it, a later release wrote it, or the disk is full.

    ``maybe_applied`` is True once the sweep had sent a job. Sweep the same plan with the same journal again to resume
    it.
    """

    run_id: str | None = None
    """The run id, if the sweep had sent a job; None if it had not."""
    sent: str = ""
    """The jobs of the run in words, such as ``has created 3 jobs``; empty if nothing was sent."""
    next_step: str = ""
    """How to continue after that, in a sentence; empty if nothing was sent."""

    @property
    def advice(self) -> str:
        """A sentence on the jobs of the run, and one on how to continue; empty if nothing was sent."""
        return f"Run {self.run_id} {self.sent}. {self.next_step}" if self.sent else ""
