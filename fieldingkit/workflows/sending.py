"""What follows when a job could not be submitted. Pure."""

import enum

from fieldingkit.errors import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    DuplicateJobError,
    FieldingKitError,
    InvalidCommandError,
    TransportError,
)

__all__ = ["Verdict", "code_of", "judge_submit"]


class Verdict(enum.Enum):
    """What to do when a job could not be submitted."""

    RAISE = enum.auto()
    """It will never work: the sweep itself is wrong, or its client is closed."""
    REFUSED = enum.auto()
    """The API refuses this job; others may fare better."""
    NOBODY = enum.auto()
    """The API refuses us, whatever the job."""
    AGAIN = enum.auto()
    """Send it again with the same key: the API is in trouble, cannot be reached, or did not say where the job is."""
    READ = enum.auto()
    """Sending it again would not help: read what became of its target groups."""


def judge_submit(exc: FieldingKitError) -> Verdict:
    """Decide what to do after a failure to submit a job, whose key makes it safe to send again."""
    match exc:
        case InvalidCommandError() | ConfigurationError() | ClientClosedError():
            return Verdict.RAISE
        case DuplicateJobError():
            return Verdict.READ
        case ApiError(status=401):
            return Verdict.NOBODY
        case ApiError(status=409):
            # The same key is being worked on: the request of a process that died a moment ago.
            return Verdict.AGAIN
        case ApiError():
            return Verdict.AGAIN if exc.retryable else Verdict.REFUSED
        case TransportError():
            return Verdict.AGAIN if exc.retryable else Verdict.NOBODY
        case _:
            return Verdict.AGAIN


def code_of(exc: FieldingKitError) -> str | None:
    """The API's code of a refusal; None where it was not the API that refused."""
    return (exc.code or str(exc.status)) if isinstance(exc, ApiError) else None
