"""Metrics, log records and callbacks for job polling."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from fieldingkit.commands import OpenEnum
from fieldingkit.job_commands import JobResult
from fieldingkit.jobs.token import JobToken
from fieldingkit.transport.telemetry.attempts import notify

if TYPE_CHECKING:
    from fieldingkit.transport.telemetry.metrics import Metrics

__all__ = ["JobObserver", "PollEvent"]


_logger = logging.getLogger("fieldingkit.jobs")


@attrs.frozen(kw_only=True)
class PollEvent:
    """One poll of a job, as passed to the ``on_poll`` callback."""

    job_id: str
    """The API's id of the job."""
    operation_id: str
    """The operation that created the job."""
    status: OpenEnum | None
    """The last known status; None before the first successful poll."""
    polls: int
    """The number of polls so far, this one included."""
    elapsed: float
    """Seconds since the handle was created."""
    finished: bool
    """True for the last poll: the job has ended or cannot be polled any more."""
    error: str | None
    """The name of the exception that failed this poll; None if the poll succeeded."""
    result: JobResult | None = attrs.field(repr=False)
    """The last status that was read, in full; None before the first successful poll."""


class JobObserver:
    """Reports the polls of one job to the metrics, the log and the ``on_poll`` callback.

    Args:
        token: The facts of the job.
        metrics: Receives the measurements.
        callback: Is called with an event after each poll.
        resumed: Whether another handle created the job, so that its duration is not known.
    """

    __slots__ = ("_callback", "_end_recorded", "_metrics", "_resumed", "_token", "_unknown_status")

    def __init__(
        self, token: JobToken, *, metrics: "Metrics", callback: Callable[[PollEvent], object] | None, resumed: bool
    ) -> None:
        self._token = token
        self._metrics = metrics
        self._callback = callback
        self._resumed = resumed
        self._unknown_status: str | None = None
        self._end_recorded = False

    def waiting(self, change: int) -> None:
        """Record that the job is waited for (1), or no longer (-1)."""
        self._metrics.add_jobs_in_flight(self._token.operation_id, change)

    def foreign_location(self) -> None:
        """Log that the job's ``Location`` names another origin."""
        self._log(logging.INFO, "job Location names another origin; polling the client's own origin")

    def polled(
        self,
        *,
        result: JobResult | None,
        polls: int,
        elapsed: float,
        finished: bool,
        failure: Exception | None,
    ) -> None:
        """Report one poll.

        Args:
            result: The last status that was read.
            polls: The number of polls so far.
            elapsed: Seconds since the handle was created.
            finished: Whether this was the last poll.
            failure: The exception that failed this poll; None if the poll succeeded.
        """
        status = None if result is None else result.status
        error = None if failure is None else type(failure).__name__
        if failure is not None:
            message = "poll failed; polling ends" if finished else "poll failed; polling continues"
            self._log(logging.INFO, message, polls=polls, error=error)
        elif finished:
            self._log(logging.DEBUG, "job ended", polls=polls, status=status, duration=elapsed)
        elif status is not None and not status.known and status != self._unknown_status:
            self._unknown_status = status
            self._log(logging.INFO, "job has an unknown status", status=status)
        if finished and not self._end_recorded:  # two polls at a time may both see the end
            self._end_recorded = True
            outcome = "lost" if status is None or failure is not None else status.value.lower()
            duration = None if self._resumed else elapsed
            self._metrics.record_job(self._token.operation_id, outcome, polls=polls, duration=duration)
        if self._callback is not None:
            event = PollEvent(
                job_id=self._token.job_id,
                operation_id=self._token.operation_id,
                status=status,
                polls=polls,
                elapsed=elapsed,
                finished=finished,
                error=error,
                result=result,
            )
            notify(self._callback, event)

    def _log(self, level: int, message: str, **fields: object) -> None:
        _logger.log(
            level,
            message,
            extra={"job_id": self._token.job_id, "operation_id": self._token.operation_id, **fields},
        )
