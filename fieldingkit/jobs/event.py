"""The state of a job after each poll, as ``watch`` yields it."""

import attrs

from fieldingkit.commands import OpenEnum
from fieldingkit.job_commands import JobResult

__all__ = ["JobEvent"]


@attrs.frozen(kw_only=True)
class JobEvent:
    """The state of a job after a poll."""

    status: OpenEnum | None
    """The last known status; None if no poll has succeeded yet."""
    polls: int
    """The number of polls so far."""
    elapsed: float
    """Seconds since the handle was created."""
    updated: int | None = None
    """The number of target groups reported as updated; None if the job is not a batch."""
    failed: int | None = None
    """The number of target groups reported as failed; None if the job is not a batch."""
    result: JobResult | None = None
    """The last status in full; None if no poll has succeeded yet."""
    ended: bool = False
    """True if the job has ended."""
