"""Exit codes and error messages."""

import enum
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
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
    InvalidStudyError,
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
    "UnfinishedError",
    "UsageError",
    "advice_on_job",
    "advice_on_outcome",
    "exit_code_for",
    "file_errors",
    "format_error",
    "to_words",
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

  0    everything was done; stderr says if the result could not be printed
  1    something was not done: target groups failed or were not sent, a status
       does not allow the action, a question was answered no, or the report,
       a secret or a list could not be written; of `watch --once`: there is
       trouble
  2    the command line or the configuration is wrong; nothing was sent
  3    the API refused the request or could not be reached; nothing was changed
  4    some outcomes are unknown; of `watch --once`: no trouble was seen, but
       something could not be read, or nothing matched
  70   an internal error, which is a bug in fieldingkit
  129  SIGHUP; the command says what may have been applied, and a sweep how to
       resume it
  130  interrupted by Ctrl-C; the same
  141  the reader of a list has ended; an action continues to its end
  143  SIGTERM; the same"""


class StoppedError(Exception):
    """A command stopped on purpose. The text is the message for the user, on one or two lines."""

    code: ClassVar[ExitCode]


class UsageError(StoppedError):
    """The command line or the configuration is wrong; nothing was sent."""

    code = ExitCode.USAGE


class NotPossibleError(StoppedError):
    """The action is not possible in the present state; nothing was changed."""

    code = ExitCode.FAILED


class UnfinishedError(StoppedError):
    """The action needs the result of an earlier one, which is not known yet; nothing was changed."""

    code = ExitCode.UNKNOWN


class DeclinedError(StoppedError):
    """The answer to a question was not yes; the command changed nothing."""

    code = ExitCode.FAILED


def exit_code_for(error: FieldingKitError) -> ExitCode:
    """Return the exit code of an error."""
    if error.maybe_applied:
        return ExitCode.UNKNOWN
    if isinstance(error, InvalidCommandError | InvalidStudyError | ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, JournalError):
        return ExitCode.UNKNOWN
    if isinstance(error, JobFailedError | WorkflowError):
        return ExitCode.FAILED
    if isinstance(error, DecodeError) and error.command is not None and not error.command.endpoint.only_reads:
        return ExitCode.UNKNOWN  # the action was applied, and its result was not seen
    # The job continues, but its end was not seen.
    return ExitCode.UNKNOWN if isinstance(error, JobError) else ExitCode.REFUSED


_MAX_LENGTH: Final = 300

_FLAGS: Final = {
    "account_id": "--account",
    "api_version": "--api-version",
    "base_url": "--base-url",
    "chunk_size": "--chunk-size",
    "concurrency": "--concurrency",
    "end_date": "--end",
    "events": "--event",
    "or set allow_insecure=True": "or a server on this machine",
    "project_ids": "--project",
    "project_manager_id": "--manager",
    "proxy": "--proxy",
    "run_id": "--run-id",
    "search_string": "--search",
    "start_date": "--start",
    "token_url": "--token-url",
}
"""The flags by the names that messages of the Python API use for them."""
_PYTHON_NAME: Final = re.compile(rf"(?<![\w/.'-])({'|'.join(_FLAGS)}|[a-z]+(?:_[a-z]+)+)(?![\w/.='-])")
_CLASS_NAME: Final = re.compile(r"^[A-Z][A-Za-z]+[a-z](?:\.|: )")
_WORD_START: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")

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
)

_LIST_WEBHOOKS: Final = "See `fieldingkit webhooks list` before you repeat the command."
_SHOW_RUN: Final = "See `fieldingkit runs show` before you repeat the command."
_SUBMIT_AGAIN: Final = "Submit the same list again with the same name: it is the same reconciliation."
_OUTCOMES: Final = {
    "create_webhook": (
        "A webhook with a lost secret may exist: find it with `fieldingkit webhooks list`, and delete it or replace "
        "its secret with `fieldingkit webhooks regenerate-secret`."
    ),
    "regenerate_webhook_secret": (
        "The old secret may have stopped being valid, and a new one is lost: run the command again for another one."
    ),
    "update_webhook": _LIST_WEBHOOKS,
    "delete_webhook": _LIST_WEBHOOKS,
    "generate_report": "See `fieldingkit reports list` before you request it again.",
    "post_reconciliations": _SUBMIT_AGAIN,
    "post_reconciliations_completes": _SUBMIT_AGAIN,
    "update_fielding_run": _SHOW_RUN,
    "pause_fielding_run": _SHOW_RUN,
    "resume_fielding_run": _SHOW_RUN,
    "complete_fielding_run": _SHOW_RUN,
    "relaunch_fielding_run": _SHOW_RUN,
}
"""The advice after an unclear outcome, by operation."""


@contextmanager
def file_errors(state: str = "") -> Generator[None]:
    """Report a file that an option names as it is: its keys are no options, and `doctor` does not check it.

    Args:
        state: A sentence with what was done and what was not; empty for a command that changes nothing.

    Raises:
        UsageError: The file is wrong.
        UnfinishedError: The same, after something was sent.
    """
    try:
        yield
    except ConfigurationError as exc:
        kind = UnfinishedError if exc.maybe_applied else UsageError
        message = _shorten(strip_control_chars(exc.message))
        raise kind(f"{message}\n{state}".rstrip()) from exc


def format_error(error: FieldingKitError) -> str:
    """Format an error on one or two lines: what happened; whether it may have been applied, and what to do."""
    source = type(error.command).__name__ if error.command is not None else error.operation_id
    message = error.message or type(error).__name__
    if isinstance(error, InvalidCommandError | ConfigurationError):
        message = _PYTHON_NAME.sub(_name_flag, _CLASS_NAME.sub("", message))
    first = _shorten(strip_control_chars(f"{to_words(source)}: {message}" if source else message))
    second = strip_control_chars(" ".join(filter(None, _next_steps(error))))
    return f"{first}\n{second}" if second else first


def advice_on_outcome(operation_id: str | None) -> str:
    """Return how to find out, or to settle, an unclear outcome; empty if there is no advice for the operation."""
    return _OUTCOMES.get(operation_id or "", "")


def advice_on_job(operation_id: str | None, job_id: str | None, token: str) -> str:
    """Return the command line that follows a job."""
    if operation_id == "generate_report":
        return f"Run: fieldingkit reports download {job_id} FILE"
    if operation_id in {"post_reconciliations", "post_reconciliations_completes"}:
        return f"Run: fieldingkit reconcile status {job_id}"
    return f"Run: fieldingkit jobs wait {token}"


def _shorten(message: str) -> str:
    return message if len(message) <= _MAX_LENGTH else f"{message[: _MAX_LENGTH - 1].rstrip()}…"


def to_words(name: str) -> str:
    """Return the name of a command, an operation or an error as words, such as ``pause fielding run``."""
    return _WORD_START.sub(" ", name.removesuffix("Error")).replace("_", " ").lower()


def _name_flag(match: re.Match[str]) -> str:
    return _FLAGS.get(match[0]) or match[0].replace("_", " ")


def _next_steps(error: FieldingKitError) -> Iterator[str]:
    if error.maybe_applied:
        earlier = error.unclear_command
        name = "It" if earlier is None else to_words(type(earlier).__name__).capitalize()
        yield f"{name} may have been applied."
    general = next((advice for kind, advice in _ADVICE if isinstance(error, kind)), error.advice)
    unclear = not isinstance(error, JobError) and exit_code_for(error) is ExitCode.UNKNOWN
    special = advice_on_outcome(error.operation_id) if unclear else ""
    if special and isinstance(error, DecodeError):
        special = f"The status, if it is the API's, says that it was. {special} Please report this."
    yield special or general
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        yield f"The API accepts requests again in {error.retry_after:g} s."
    if isinstance(error, JobTimeoutError) and error.token:
        yield advice_on_job(error.operation_id, error.job_id, error.token)
    if error.trace_id:
        yield f"Trace id {error.trace_id}."
    elif isinstance(error, ApiError) and error.request_id:
        yield f"Request id {error.request_id}."
