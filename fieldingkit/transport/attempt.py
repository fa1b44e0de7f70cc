"""One send of a call while it runs: the time limit that applies to it, and its record."""

import asyncio
from typing import Any

from fieldingkit.errors import Attempt, DeadlineExceededError, TransportError
from fieldingkit.transport.failures import Route
from fieldingkit.transport.http import Call
from fieldingkit.transport.timeouts import Timeouts

__all__ = ["RunningAttempt"]


class RunningAttempt:
    """One send of a call while it runs: its start, and the limit that applies to it at present.

    Args:
        call: The call.
        task: The task that sends it.
        timeouts: Cancels the task at the end of the limit.
    """

    __slots__ = ("_timeouts", "call", "limit", "route", "started_at", "status", "task", "too_late", "waits")

    def __init__(self, call: Call, task: asyncio.Task[Any], timeouts: Timeouts) -> None:
        self.call: Call = call
        self.task: asyncio.Task[Any] = task
        self._timeouts = timeouts
        self.status: int | None = None
        self.route: Route | None = None
        """Its route through a proxy; None if there is none."""
        self.waits: bool = False
        """True while it waits for a free connection."""
        self.started_at: float = call.clock.now()
        self.limit: float | None
        self.too_late: type[TransportError]
        self.limit, self.too_late = call.allowance(self.started_at)
        call.bytes_sent = False

    def start_timeout(self) -> None:
        """Start the time of the present limit."""
        if self.limit is not None:
            self._timeouts.start(self.task, self.limit)

    def wait_for_connection(self) -> None:
        """Limit the wait for a free connection by the deadline only: the server is not the reason for the wait."""
        self._timeouts.stop(self.task)
        self.waits, self.limit, self.too_late = True, self.call.remaining(), DeadlineExceededError
        self.start_timeout()

    def start_again(self) -> None:
        """Start the attempt's own time at the end of such a wait."""
        self._timeouts.stop(self.task)
        self.waits, self.started_at = False, self.call.clock.now()
        self.limit, self.too_late = self.call.allowance(self.started_at)
        self.start_timeout()

    def record(self, failure: str | None) -> None:
        """Add this attempt to the call's attempts.

        Args:
            failure: The name of the exception that ended the attempt; None if there was none.
        """
        call = self.call
        started, duration = self.started_at - call.started, call.clock.now() - self.started_at
        number = len(call.attempts) + 1
        call.attempts.append(Attempt(number, self.status, failure, call.bytes_sent, started, duration, call.delay))
