"""Poll policy and poller: when a job's status is read, and what a failed poll means.

A waited-for job costs a timer, not a task: a task exists only while a poll is in flight, so one process can wait for
thousands of jobs. Nothing is polled while no task waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import ApiError, ConfigurationError, DecodeError, FieldingKitError, JobGoneError, TransportError
from fieldingkit.transport.delays import Jitter, poll_intervals

if TYPE_CHECKING:
    from fieldingkit.jobs.observer import JobObserver
    from fieldingkit.resources.batch_jobs import BatchResult
    from fieldingkit.resources.fielding_jobs import FieldingJobResult

__all__ = ["Poll", "PollPolicy", "PollResult", "Poller"]


def _not_negative(policy: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not value >= 0:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must not be negative; got {value}")


def _at_least_one(policy: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not value >= 1:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must be at least 1; got {value}")


@attrs.frozen(kw_only=True)
class PollPolicy:
    """Intervals between the polls of a job, and the tolerance for failed polls."""

    first_delay: float = attrs.field(default=0.1, validator=_not_negative)
    """Seconds before the first poll, unless the API asks for another delay."""
    min_interval: float = attrs.field(default=0.15, validator=_not_negative)
    """Shortest interval between two polls in seconds, even if the API asks for less."""
    max_interval: float = attrs.field(default=300.0, validator=_not_negative)
    """Longest interval between two polls in seconds, even if the API asks for more."""
    growth: float = attrs.field(default=1.5, validator=_at_least_one)
    """Factor by which the interval grows from poll to poll; it starts over when the job makes progress."""
    error_tolerance: int = attrs.field(default=5, validator=_not_negative)
    """Failed polls in a row before the wait ends with an error. A failed poll is not a failed job."""
    not_found_grace: float = attrs.field(default=5.0, validator=_not_negative)
    """Seconds during which a new job may answer 404 before it counts as gone."""


class PollResult(NamedTuple):
    """The result of one successful poll."""

    result: "BatchResult | FieldingJobResult"
    """The job's status."""
    progress: int = 0
    """Finished items of the job; a change shortens the interval to the next poll."""
    retry_after: float | None = None
    """Seconds after which the API asks to be polled again; None if it did not ask."""


Poll = Callable[[], Awaitable[PollResult]]
"""Reads a job's status once."""


class Poller:
    """Polls one job on behalf of all tasks that wait for it.

    Args:
        poll: Reads the job's status once.
        policy: The intervals, and the tolerance for failed polls.
        clock: The clock for all waits.
        first_delay: Seconds before the first poll, as the API asked; None if it did not ask.
        observer: Is notified of every poll.
        jitter: The random source, for tests.
    """

    __slots__ = (
        "_begun",
        "_clock",
        "_failures",
        "_intervals",
        "_jitter",
        "_last_poll_at",
        "_nudged",
        "_observer",
        "_policy",
        "_poll",
        "_progress",
        "_task",
        "_timer",
        "_waiters",
        "error",
        "finished",
        "next_poll_at",
        "polls",
        "result",
    )

    def __init__(
        self,
        poll: Poll,
        *,
        policy: PollPolicy,
        clock: Clock,
        first_delay: float | None = None,
        observer: "JobObserver | None" = None,
        jitter: Jitter | None = None,
    ) -> None:
        self.result: BatchResult | FieldingJobResult | None = None
        """The last status that was read; None before the first successful poll."""
        self.error: Exception | None = None
        """The error that ended polling; None otherwise."""
        self.finished: bool = False
        """True once the job has ended, or ``error`` ended polling."""
        self.polls: int = 0
        """The number of polls so far."""
        self._poll = poll
        self._policy = policy
        self._clock = clock
        self._observer = observer
        self._jitter = jitter
        self._begun = clock.now()
        self._last_poll_at = self._begun
        self.next_poll_at: float = self._begun + (
            policy.first_delay if first_delay is None else self._bounded(first_delay)
        )
        """The time of the next poll, on the clock."""
        self._intervals = self._new_intervals()
        self._failures = 0
        self._progress = 0
        self._nudged = False
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiters: dict[asyncio.Future[None], int | None] = {}

    async def wait(self, *, beyond: int | None = None, timeout: float | None = None) -> bool:
        """Wait until polling has ended, or until there were more than ``beyond`` polls.

        Args:
            beyond: The number of polls after which to return early; None to wait for the end.
            timeout: Seconds to wait at most; None for no limit.

        Returns:
            Whether the condition was met in time.
        """
        if self._is_enough(beyond):
            return True
        loop = asyncio.get_running_loop()
        if any(waiter.get_loop() is not loop for waiter in self._waiters):
            # After a fork, the child inherits the waiters of the parent's event loop, which does not run here.
            self._waiters, self._timer, self._task = {}, None, None
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = beyond
        if len(self._waiters) == 1 and self._observer is not None:
            self._observer.waiting(1)
        if self._timer is None and self._task is None:
            self._set_timer()
        limit: Timer | None = None
        try:
            if timeout is not None:
                limit = self._clock.call_later(timeout, partial(_release, waiter))
            await waiter
            return self._is_enough(beyond)
        finally:
            if limit is not None:
                limit.cancel()
            del self._waiters[waiter]
            if not self._waiters:
                self._stop()
                if self._observer is not None:
                    self._observer.waiting(-1)

    async def poll_now(self) -> None:
        """Poll at once, without regard to the interval; do nothing if the job has ended.

        If an earlier error ended polling and this poll succeeds, polling resumes.
        """
        if not self._job_has_ended():
            self._succeeded(await self._poll())
            self._release_waiters()

    def nudge(self) -> None:
        """Bring the next poll forward, as far as the shortest interval allows."""
        if self._task is not None:
            self._nudged = True  # the status may have been read before the event that caused the nudge
            return
        soon = max(self._clock.now(), self._last_poll_at + self._policy.min_interval)
        if soon < self.next_poll_at:
            self.next_poll_at = soon
            if self._timer is not None:
                self._timer.cancel()
                self._set_timer()

    def _job_has_ended(self) -> bool:
        return self.finished and self.error is None

    def _is_enough(self, beyond: int | None) -> bool:
        return self.finished or (beyond is not None and self.polls > beyond)

    def _set_timer(self) -> None:
        self._timer = self._clock.call_later(max(0.0, self.next_poll_at - self._clock.now()), self._start)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Poll once and schedule the next poll."""
        self._last_poll_at = self._clock.now()
        try:
            self._succeeded(await self._poll())
        except Exception as exc:  # noqa: BLE001  # every waiter has to learn of it
            self._failed(exc)
        except BaseException as exc:
            if self._task is asyncio.current_task():  # cancelled from outside, while tasks wait
                self._task = None
                self.error = FieldingKitError(f"the poll was interrupted by {type(exc).__name__}")
                self.finished = True
                self._release_waiters()
            raise
        self._task = None
        self._release_waiters()
        if self._nudged:
            self._nudged = False
            self.nudge()
        if self._waiters and not self.finished:
            self._set_timer()

    def _succeeded(self, polled: PollResult) -> None:
        if self._job_has_ended():  # a poll that began later has seen the end already
            return
        self.result = polled.result
        self.error = None
        self.polls += 1
        self._failures = 0
        self.finished = polled.result.status.terminal
        if polled.progress != self._progress:
            self._progress = polled.progress
            self._intervals = self._new_intervals()
        interval = next(self._intervals)
        if polled.retry_after is not None:
            interval = self._bounded(polled.retry_after)
        self.next_poll_at = self._clock.now() + interval
        self._notify(None)

    def _failed(self, exc: Exception) -> None:
        if self._job_has_ended():
            return
        self.polls += 1
        self._failures += 1
        error = self._reason_to_stop(exc)
        if error is not None:
            if error is not exc:
                error.__cause__ = exc
            self.error, self.finished = error, True
            self._notify(exc)
            return
        self._notify(exc)
        asked = exc.retry_after if isinstance(exc, ApiError | TransportError) else None
        self.next_poll_at = self._clock.now() + max(next(self._intervals), self._bounded(asked or 0.0))

    def _reason_to_stop(self, exc: Exception) -> Exception | None:
        """Return the error that ends the wait after a failed poll, or None to poll again."""
        if isinstance(exc, ApiError) and exc.status in (404, 410):
            age = self._clock.now() - self._begun
            if exc.status == 404 and self.result is None and age < self._policy.not_found_grace:
                return None
            return JobGoneError(f"the job cannot be read any more ({exc.status})", trace_id=exc.trace_id)
        passing = isinstance(exc, TransportError | DecodeError) or (isinstance(exc, ApiError) and exc.retryable)
        return None if passing and self._failures <= self._policy.error_tolerance else exc

    def _notify(self, failure: Exception | None) -> None:
        if self._observer is not None:
            elapsed = self._clock.now() - self._begun
            self._observer.polled(
                result=self.result, polls=self.polls, elapsed=elapsed, finished=self.finished, failure=failure
            )

    def _release_waiters(self) -> None:
        for waiter, beyond in self._waiters.items():
            if self._is_enough(beyond):
                _release(waiter)

    def _stop(self) -> None:
        """Stop polling, because no task waits any more. The job itself continues."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _new_intervals(self) -> Generator[float, None, None]:
        policy = self._policy
        return poll_intervals(policy.min_interval, policy.max_interval, growth=policy.growth, jitter=self._jitter)

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self._policy.min_interval), self._policy.max_interval)


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
