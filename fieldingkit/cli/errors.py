"""Exit codes and error messages."""

import enum
from collections.abc import Iterator
from typing import ClassVar, Final

from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    ConnectionFailedError,
    DeadlineExceededError,
    DecodeError,
    FieldingKitError,
    InvalidCommandError,
    JobError,
    JobFailedError,
    JobTimeoutError,
    JournalError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    StatusUnreachableError,
    TransportError,
    WorkflowError,
)
from fieldingkit.rendering.text import strip_control_chars

__all__ = [
    "EXIT_CODES",
    "DeclinedError",
    "ExitCode",
    "NotPossibleError",
    "StoppedError",
    "UsageError",
    "exit_code_for",
    "format_error",
]


class ExitCode(enum.IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNKNOWN = 4
    INTERNAL_ERROR = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES = """Exit codes:

  0    everything was done
  1    some target groups failed or were not sent, or a question was answered no
  2    the command line or the configuration is wrong; nothing was sent
  3    the API refused the request or could not be reached; nothing was changed
  4    some outcomes are unknown
  130  interrupted; a sweep prints the journal to resume from
  143  the same after SIGTERM; 129 after SIGHUP"""


class StoppedError(Exception):
    """A command stopped on purpose. The text is the message for the user, on one or two lines."""

    code: ClassVar[ExitCode]


class UsageError(StoppedError):
    """The command line or the configuration is wrong; nothing was sent."""

    code = ExitCode.USAGE


class NotPossibleError(StoppedError):
    """The action is not possible in the present state; nothing was changed."""

    code = ExitCode.FAILED


class DeclinedError(StoppedError):
    """The answer to a question was not yes; nothing was changed."""

    code = ExitCode.FAILED


def exit_code_for(error: FieldingKitError) -> ExitCode:
    """Return the exit code of an error."""
    if error.maybe_applied:
        return ExitCode.UNKNOWN
    if isinstance(error, InvalidCommandError | ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, JournalError):
        return ExitCode.UNKNOWN
    if isinstance(error, JobFailedError | WorkflowError):
        return ExitCode.FAILED
    # The job continues, but its end was not seen.
    return ExitCode.UNKNOWN if isinstance(error, JobError) else ExitCode.REFUSED


_MAX_LENGTH: Final = 300

_ADVICE: Final[tuple[tuple[type[FieldingKitError], str], ...]] = (
    (ConnectionFailedError, "Nothing was sent. Check the network and --base-url, or run `fieldingkit doctor`."),
    (RequestTimeoutError, "Try again, or allow more time with --timeout."),
    (DeadlineExceededError, "Try again, or allow more time with --deadline."),
    (InvalidCommandError, "Nothing was sent. Correct the value and try again."),
    (ConfigurationError, "Nothing was sent. Run `fieldingkit doctor` to check the configuration."),
    (ConflictError, "Another request is in progress. Try again in a minute."),
    (ServerError, "The API failed. Try again later; the API's support can find the call by its trace id."),
    (JobFailedError, "Correct the cause and submit the job again."),
    (StatusUnreachableError, "Nothing was changed. Choose a status that one action leads to."),
    (AmbiguousOutcomeError, "Read the resource before you repeat the command."),
    (TransportError, "Check the network and --base-url, or run `fieldingkit doctor`."),
    (ClientClosedError, "Run the command again."),
    (DecodeError, "The action was applied. Read the resource, and please report this; it may be a bug in fieldingkit."),
)


def format_error(error: FieldingKitError) -> str:
    """Format an error on one or two lines: what happened; whether it may have been applied, and what to do."""
    source = type(error.command).__name__ if error.command is not None else error.operation_id
    first = strip_control_chars(f"{source}: {error.message}" if source else error.message or type(error).__name__)
    if len(first) > _MAX_LENGTH:
        first = f"{first[: _MAX_LENGTH - 1].rstrip()}…"
    second = strip_control_chars(" ".join(_next_steps(error)))
    return f"{first}\n{second}" if second else first


def _next_steps(error: FieldingKitError) -> Iterator[str]:
    if error.maybe_applied:
        yield "It may have been applied."
    if advice := next((advice for kind, advice in _ADVICE if isinstance(error, kind)), error.advice):
        yield advice
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        yield f"The API accepts requests again in {error.retry_after:g} s."
    if isinstance(error, JobTimeoutError) and error.token:
        yield f"Run: fieldingkit jobs wait {error.token}"
    if error.trace_id:
        yield f"Trace id {error.trace_id}."
    elif isinstance(error, ApiError) and error.request_id:
        yield f"Request id {error.request_id}."
