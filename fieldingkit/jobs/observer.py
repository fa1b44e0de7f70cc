"""What is told of jobs while they are followed: to the metrics, to the log, and to the callback that asked for it."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

import attrs

from fieldingkit.commands import JobStatus
from fieldingkit.jobs.token import JobToken
from fieldingkit.transport.telemetry.attempts import notify

__all__ = ["JobMetrics", "JobReport", "JobReports", "PollEvent"]


_logger = logging.getLogger("fieldingkit.jobs")


@attrs.frozen(kw_only=True)
class PollEvent:
    """One look at a job, as ``on_poll`` is told of it."""

    job_id: str
    """The API's id of the job."""
    operation_id: str
    """The operation that created it."""
    status: JobStatus | None
    """Where it stood when it was last seen; None if it was not yet."""
    polls: int
    """How often it has been looked at."""
    elapsed: float
    """Seconds since the handle was made."""
    finished: bool
    """Whether this was the last look: it has ended, or cannot be followed any further."""
    error: str | None
    """The name of what went wrong with this look; None if it went well."""
    result: Any = attrs.field(repr=False)
    """The last status that was read: a ``BatchResult`` or ``FieldingJobResult``; None if there was none."""


class JobMetrics(Protocol):
    """Measures how jobs go."""

    def add_jobs_in_flight(self, operation_id: str, change: int) -> None:
        """So many more jobs of an operation are being waited for."""
        ...

    def record_job(self, operation_id: str, outcome: str, *, polls: int, duration: float | None) -> None:
        """A job has ended, or was lost sight of."""
        ...


class JobReports:
    """Who is told of the jobs of one client.

    Args:
        metrics: Measures them.
        callback: Is called with an event after each look.
    """

    def __init__(self, metrics: JobMetrics, callback: Callable[[PollEvent], object] | None) -> None:
        self.metrics = metrics
        self.callback = callback

    def of(self, facts: JobToken, *, resumed: bool) -> "JobReport":
        """What is told of one job.

        Args:
            facts: Which job it is.
            resumed: Whether it was created by another handle: how long it took is not known then.
        """
        return JobReport(self, facts, resumed=resumed)


class JobReport:
    """Tells of one job."""

    __slots__ = ("_ended", "_facts", "_odd", "_reports", "_resumed")

    def __init__(self, reports: JobReports, facts: JobToken, *, resumed: bool) -> None:
        self._reports = reports
        self._facts = facts
        self._resumed = resumed
        self._odd: str | None = None
        self._ended = False

    def waiting(self, change: int) -> None:
        """Somebody has begun to wait for it, or nobody waits any more."""
        self._reports.metrics.add_jobs_in_flight(self._facts.operation_id, change)

    def foreign(self) -> None:
        """Its ``Location`` names another origin."""
        self._log(logging.INFO, "a job's Location names another origin; it is read from our own")

    def looked(self, *, result: Any, polls: int, elapsed: float, finished: bool, failure: Exception | None) -> None:
        """It was looked at.

        Args:
            result: The last status that was read.
            polls: How often it has been looked at.
            elapsed: Seconds since it was first looked for.
            finished: Whether there is nothing more to look for.
            failure: What went wrong with this look.
        """
        status: JobStatus | None = None if result is None else result.status
        error = None if failure is None else type(failure).__name__
        if failure is not None:
            then = "it is given up" if finished else "it is repeated"
            self._log(logging.INFO, f"a look at a job failed; {then}", polls=polls, error=error)
        elif finished:
            self._log(logging.DEBUG, "a job has ended", polls=polls, status=status, duration=elapsed)
        elif status is not None and not status.known and status != self._odd:
            self._odd = status
            self._log(logging.INFO, "a job has a status that this release does not know", status=status)
        if finished and not self._ended:  # two looks at a time may both see the end
            self._ended = True
            outcome = "lost" if status is None or failure is not None else status.value.lower()
            duration = None if self._resumed else elapsed
            self._reports.metrics.record_job(self._facts.operation_id, outcome, polls=polls, duration=duration)
        if self._reports.callback is not None:
            event = PollEvent(
                job_id=self._facts.job_id,
                operation_id=self._facts.operation_id,
                status=status,
                polls=polls,
                elapsed=elapsed,
                finished=finished,
                error=error,
                result=result,
            )
            notify(self._reports.callback, event)

    def _log(self, level: int, message: str, **fields: object) -> None:
        _logger.log(
            level,
            message,
            extra={"job_id": self._facts.job_id, "operation_id": self._facts.operation_id, **fields},
        )
