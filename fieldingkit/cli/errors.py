"""How a command ends: the exit codes, and which of them an error stands for."""

import enum
import re
from typing import ClassVar

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

__all__ = [
    "EXIT_CODES",
    "ExitCode",
    "NotPossibleError",
    "StoppedError",
    "UsageError",
    "exit_code_for",
    "format_error",
    "strip_control_chars",
]


class ExitCode(enum.IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNKNOWN = 4
    DEFECT = 70
    INTERRUPTED = 130
    CLOSED_PIPE = 141


EXIT_CODES = """ExitCode codes:

  0    all done
  1    some failed; the rest was done
  2    the command line or the configuration is wrong; nothing was sent
  3    the API refused, or could not be reached; nothing was changed
  4    the outcome of some is not known
  130  interrupted; a sweep names its journal, which goes on where it stopped"""


class StoppedError(Exception):
    """A command stopped on purpose; its text is what to tell the user, on one or two lines."""

    code: ClassVar[ExitCode]


class UsageError(StoppedError):
    """It cannot be carried out as it was given; nothing was sent."""

    code = ExitCode.USAGE


class NotPossibleError(StoppedError):
    """It cannot be done as things are; nothing was changed."""

    code = ExitCode.FAILED


def exit_code_for(error: FieldingKitError) -> ExitCode:
    """The exit code that an error stands for."""
    if error.maybe_applied:
        return ExitCode.UNKNOWN
    if isinstance(error, InvalidCommandError | ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, JournalError):
        return ExitCode.UNKNOWN
    if isinstance(error, JobFailedError | WorkflowError):
        return ExitCode.FAILED
    if isinstance(error, ApiError | TransportError):
        return ExitCode.REFUSED
    # The job goes on, but its end was not seen; or the answer to a success could not be read.
    return ExitCode.UNKNOWN if isinstance(error, JobError) else ExitCode.REFUSED


_LONGEST = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")

_ADVICE: tuple[tuple[type[FieldingKitError], str], ...] = (
    (ConnectionFailedError, "Nothing was sent. Check the network and --base-url; `fieldingkit doctor` looks closer."),
    (RequestTimeoutError, "Try again, or give it more time with --timeout."),
    (DeadlineExceededError, "Try again, or give it more time with --deadline."),
    (InvalidCommandError, "Nothing was sent. Correct it and try again."),
    (ConfigurationError, "`fieldingkit doctor` looks at the configuration."),
    (ConflictError, "Another request is in the way: look again in a minute."),
    (ServerError, "The API failed. Try again later; its support finds the call by the trace id."),
    (JobFailedError, "Correct the cause and submit it again."),
    (StatusUnreachableError, "Nothing was done. Choose a status that one action leads to."),
    (TransportError, "Check the network and --base-url; `fieldingkit doctor` looks closer."),
    (ClientClosedError, "Run the command again."),
    (DecodeError, "The action itself was done. Read the resource; and tell us, this may be a defect of fieldingkit."),
)


def strip_control_chars(text: object) -> str:
    """Text of somebody else's on one line, without anything that a terminal would take for an order."""
    return _CONTROL.sub(" ", str(text))


def format_error(error: FieldingKitError) -> str:
    """One or two lines on an error."""
    about = type(error.command).__name__ if error.command is not None else error.operation_id
    what = f"{about}: {error.message}" if about else error.message
    next_steps = [_advice(error)]
    if error.maybe_applied:
        next_steps.insert(0, "It may have been applied.")
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        next_steps.append(f"There is room again in {error.retry_after:g} s.")
    if isinstance(error, JobTimeoutError) and error.token:
        next_steps.append(f"`fieldingkit jobs wait {error.token}`")
    if error.trace_id:
        next_steps.append(f"Trace id {error.trace_id}.")
    elif isinstance(error, ApiError) and error.request_id:
        next_steps.append(f"Request id {strip_control_chars(error.request_id)}.")
    said = strip_control_chars(what or type(error).__name__)
    said = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1].rstrip()}…"
    second = strip_control_chars(" ".join(filter(None, next_steps)))
    return f"{said}\n{second}" if second else said


def _advice(error: FieldingKitError) -> str:
    if isinstance(error, AmbiguousOutcomeError):
        return error.advice
    for kind, advice in _ADVICE:
        if isinstance(error, kind):
            return advice
    return error.advice
