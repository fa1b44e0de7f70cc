"""Following a job: when to look again, and what a look means.

A job that is waited for costs a timer, not a task: a task runs only while a look is under way, so that one process can
wait for thousands. Nothing looks while nobody waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, NamedTuple

import attrs

from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import ApiError, ConfigurationError, DecodeError, FieldingKitError, JobGoneError, TransportError
from fieldingkit.jobs.observer import JobReport
from fieldingkit.transport.delays import poll_intervals

__all__ = ["Look", "PollPolicy", "PollResult", "Poller", "judge_failure"]


def _not_negative(policy: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not value >= 0:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must not be negative; got {value}")


def _at_least_one(policy: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not value >= 1:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must be at least 1; got {value}")


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often a job's status is read while one waits for it."""

    first_delay: float = attrs.field(default=0.1, validator=_not_negative)
    """Seconds before the first look, unless the API names a time."""
    min_interval: float = attrs.field(default=0.15, validator=_not_negative)
    """Seconds between two looks at least, also if the API asks for less."""
    max_interval: float = attrs.field(default=300.0, validator=_not_negative)
    """Seconds between two looks at most, also if the API asks for more."""
    growth: float = attrs.field(default=1.5, validator=_at_least_one)
    """By how much the interval grows from look to look; it starts anew when the job makes progress."""
    error_tolerance: int = attrs.field(default=5, validator=_not_negative)
    """How many looks in a row may fail before the wait gives up. A failing look is not a failing job."""
    not_found_grace: float = attrs.field(default=5.0, validator=_not_negative)
    """Seconds for which a new job may be not readable yet (404) before it counts as gone."""


class PollResult(NamedTuple):
    """What one look at a job showed."""

    result: Any
    """The job's status: a ``BatchResult`` or ``FieldingJobResult``."""
    terminal: bool
    """Whether the job has ended."""
    progress: int
    """How much of the job is done, in whatever unit; a change makes the next look come soon."""
    retry_after: float | None
    """Seconds after which the API suggests to look again."""


Look = Callable[[], Awaitable[PollResult]]
"""Reads a job's status once."""


def judge_failure(
    exc: Exception, *, failures: int, age: float, seen_before: bool, policy: PollPolicy
) -> Exception | None:
    """Decide on a look that failed: the error to end the wait with, or None to look again.

    Args:
        exc: What went wrong.
        failures: How many looks in a row have failed, this one included.
        age: Seconds since the job was first looked for.
        seen_before: Whether an earlier look found the job.
        policy: How much to put up with.
    """
    if isinstance(exc, ApiError) and exc.status in (404, 410):
        if exc.status == 404 and not seen_before and age < policy.not_found_grace:
            return None
        return JobGoneError(f"the job cannot be read any more ({exc.status})", trace_id=exc.trace_id)
    passing = isinstance(exc, TransportError | DecodeError) or (isinstance(exc, ApiError) and exc.retryable)
    return None if passing and failures <= policy.error_tolerance else exc


class Poller:
    """Follows one job for everybody who waits for it."""

    __slots__ = (
        "_begun",
        "_clock",
        "_due",
        "_failures",
        "_intervals",
        "_look",
        "_looked",
        "_nudged",
        "_policy",
        "_progress",
        "_report",
        "_task",
        "_timer",
        "_waiters",
        "error",
        "finished",
        "polls",
        "result",
    )

    def __init__(
        self,
        look: Look,
        *,
        policy: PollPolicy,
        clock: Clock,
        first_delay: float | None,
        report: JobReport | None = None,
    ) -> None:
        self.result: Any = None
        """The last status that was read; None before the first look."""
        self.error: Exception | None = None
        """Why the job cannot be followed any further."""
        self.finished: bool = False
        """Whether there is nothing more to look for."""
        self.polls: int = 0
        """How often the job was looked at."""
        self._look = look
        self._looked = clock.now()
        self._report = report
        self._policy = policy
        self._clock = clock
        self._begun = clock.now()
        self._due = self._begun + (policy.first_delay if first_delay is None else self._bounded(first_delay))
        self._intervals = _intervals(policy)
        self._failures = 0
        self._progress = 0
        self._nudged = False
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiters: dict[asyncio.Future[None], int | None] = {}

    async def wait(self, *, beyond: int | None = None, timeout: float | None = None) -> bool:
        """Wait until the job has ended, or until there were more than ``beyond`` looks.

        Args:
            beyond: Be content with a further look.
            timeout: Seconds to wait at most; None for no limit.

        Returns:
            Whether it came to that within the time.
        """
        if self._enough(beyond):
            return True
        loop = asyncio.get_running_loop()
        if any(waiter.get_loop() is not loop for waiter in self._waiters):
            # A forked child inherits the waits that its parent had going on; here nobody would ever end them.
            self._waiters, self._timer, self._task = {}, None, None
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = beyond
        if len(self._waiters) == 1 and self._report is not None:
            self._report.waiting(1)
        if self._timer is None and self._task is None:
            self._set_timer()
        limit: Timer | None = None
        try:
            if timeout is not None:
                limit = self._clock.call_later(timeout, partial(_release, waiter))
            await waiter
            return self._enough(beyond)
        finally:
            if limit is not None:
                limit.cancel()
            del self._waiters[waiter]
            if not self._waiters:
                self._rest()
                if self._report is not None:
                    self._report.waiting(-1)

    @property
    def due(self) -> float:
        """When to look next, on the clock."""
        return self._due

    async def look(self) -> None:
        """Look now, whether or not it is time; does nothing once the job has ended.

        A job that could not be followed any further is taken up again if this look succeeds.
        """
        if not self._has_ended():
            self._saw(await self._look())
            self._wake()

    def nudge(self) -> None:
        """Something has happened: look soon, though no sooner than the shortest interval allows."""
        if self._task is not None:
            self._nudged = True  # the look that is under way may have been answered before
            return
        soon = max(self._clock.now(), self._looked + self._policy.min_interval)
        if soon < self._due:
            self._due = soon
            if self._timer is not None:
                self._timer.cancel()
                self._set_timer()

    def _has_ended(self) -> bool:
        return self.finished and self.error is None

    def _enough(self, beyond: int | None) -> bool:
        return self.finished or (beyond is not None and self.polls > beyond)

    def _set_timer(self) -> None:
        self._timer = self._clock.call_later(max(0.0, self._due - self._clock.now()), self._start)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        self._looked = self._clock.now()
        try:
            self._saw(await self._look())
        except Exception as exc:  # noqa: BLE001  # whatever it is, those who wait must hear of it
            self._failed(exc)
        except BaseException as exc:
            if self._task is asyncio.current_task():  # it was not given up here, so there are some who wait
                self._task = None
                self.error, self.finished = FieldingKitError(f"the look was broken off by a {type(exc).__name__}"), True
                self._wake()
            raise
        self._task = None
        self._wake()
        if self._nudged:
            self._nudged = False
            self.nudge()
        if self._waiters and not self.finished:
            self._set_timer()

    def _saw(self, seen: PollResult) -> None:
        if self._has_ended():  # seen by a look that began later and was answered sooner
            return
        self.result = seen.result
        self.error = None
        self.polls += 1
        self._failures = 0
        self.finished = seen.terminal
        if seen.progress != self._progress:
            self._progress = seen.progress
            self._intervals = _intervals(self._policy)
        own = next(self._intervals)
        self._due = self._clock.now() + (own if seen.retry_after is None else self._bounded(seen.retry_after))
        self._tell(None)

    def _failed(self, exc: Exception) -> None:
        if self._has_ended():
            return
        self.polls += 1
        self._failures += 1
        age = self._clock.now() - self._begun
        verdict = judge_failure(
            exc, failures=self._failures, age=age, seen_before=self.result is not None, policy=self._policy
        )
        if verdict is not None:
            if verdict is not exc:
                verdict.__cause__ = exc
            self.error, self.finished = verdict, True
            self._tell(exc)
            return
        self._tell(exc)
        asked = exc.retry_after if isinstance(exc, ApiError | TransportError) else None
        self._due = self._clock.now() + max(next(self._intervals), self._bounded(asked or 0.0))

    def _tell(self, failure: Exception | None) -> None:
        if self._report is not None:
            elapsed = self._clock.now() - self._begun
            self._report.looked(
                result=self.result, polls=self.polls, elapsed=elapsed, finished=self.finished, failure=failure
            )

    def _wake(self) -> None:
        for waiter, beyond in self._waiters.items():
            if self._enough(beyond):
                _release(waiter)

    def _rest(self) -> None:
        """Nobody waits any more: look no further. The job itself goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self._policy.min_interval), self._policy.max_interval)


def _intervals(policy: PollPolicy) -> Generator[float, None, None]:
    return poll_intervals(policy.min_interval, policy.max_interval, growth=policy.growth)


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
