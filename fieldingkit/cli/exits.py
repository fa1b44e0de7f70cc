"""How a command ends: the exit codes, and which of them an error stands for."""

import enum
from typing import ClassVar

from fieldingkit.errors import (
    ApiError,
    ConfigurationError,
    FieldingKitError,
    InvalidCommandError,
    JobError,
    JobFailedError,
    JournalError,
    TransportError,
    WorkflowError,
)

__all__ = ["EXIT_CODES", "Exit", "NotPossibleError", "StoppedError", "UsageError", "exit_of"]


class Exit(enum.IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNKNOWN = 4
    DEFECT = 70
    INTERRUPTED = 130
    CLOSED_PIPE = 141


EXIT_CODES = """Exit codes:

  0    all done
  1    some failed; the rest was done
  2    the command line or the configuration is wrong; nothing was sent
  3    the API refused, or could not be reached; nothing was changed
  4    the outcome of some is not known
  130  interrupted; a sweep names its journal, which goes on where it stopped"""


class StoppedError(Exception):
    """A command stopped on purpose; its text is what to tell the user, on one or two lines."""

    code: ClassVar[Exit]


class UsageError(StoppedError):
    """It cannot be carried out as it was given; nothing was sent."""

    code = Exit.USAGE


class NotPossibleError(StoppedError):
    """It cannot be done as things are; nothing was changed."""

    code = Exit.FAILED


def exit_of(error: FieldingKitError) -> Exit:
    """The exit code that an error stands for."""
    if error.maybe_applied:
        return Exit.UNKNOWN
    if isinstance(error, InvalidCommandError | ConfigurationError):
        return Exit.USAGE
    if isinstance(error, JournalError):
        return Exit.UNKNOWN
    if isinstance(error, JobFailedError | WorkflowError):
        return Exit.FAILED
    if isinstance(error, ApiError | TransportError):
        return Exit.REFUSED
    # The job goes on, but its end was not seen; or the answer to a success could not be read.
    return Exit.UNKNOWN if isinstance(error, JobError) else Exit.REFUSED
