"""The poller: when a job's status is read, and what a failed poll means.

A waited-for job costs a timer, not a task: a task exists only while a poll is in flight, so one process can wait for
thousands of jobs. No poll begins while no task waits; a poll in flight ends even if the wait for it does not.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    DecodeError,
    FieldingKitError,
    JobGoneError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.job_commands import JobResult
from fieldingkit.jobs.poll_policy import PollPolicy
from fieldingkit.transport.delays import Jitter, poll_interval

if TYPE_CHECKING:
    from fieldingkit.jobs.observer import JobObserver

__all__ = ["Poll", "PollPolicy", "PollResult", "Poller", "PollerGroup"]


class PollResult(NamedTuple):
    """The result of one successful poll."""

    result: JobResult
    """The job's status."""
    ended: bool
    """True if the job has ended."""
    progress: int = 0
    """Finished items of the job; a change shortens the interval to the next poll."""
    retry_after: float | None = None
    """Seconds after which the API asks to be polled again; None if it did not ask."""


Poll = Callable[[], Awaitable[PollResult]]
"""Reads a job's status once."""


class PollerGroup:
    """The settings that the pollers of one client share, and the pollers that are in use.

    Args:
        policy: The intervals, and the tolerance for failed polls.
        clock: The clock for all waits.
        jitter: The random source, for tests.
    """

    def __init__(self, policy: PollPolicy, clock: Clock, *, jitter: Jitter | None = None) -> None:
        self.policy = policy
        self.clock = clock
        self.jitter = jitter
        self.active: set[Poller] = set()
        """The pollers that tasks wait for, or that have a poll in flight."""
        self.closed: bool = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def bind_loop(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop, which all polls belong to.

        Raises:
            ConfigurationError: if the pollers belong to another event loop.
        """
        loop, pid = asyncio.get_running_loop(), os.getpid()
        if self._loop is loop and self._pid == pid:
            return loop
        if self._pid == pid and self._loop is not None and not self._loop.is_closed():
            raise ConfigurationError("the client belongs to another event loop: create one client for each event loop")
        # After a fork, the child inherits the waits of the parent's event loop, which does not run here.
        for poller in self.active:
            poller.forget_waiters()
        self.active.clear()
        self._loop, self._pid = loop, pid
        return loop

    def adopt_loop(self) -> None:
        """Bind the pollers to the running event loop, in which the client has just received a response."""
        self._loop, self._pid = asyncio.get_running_loop(), os.getpid()

    def close(self) -> None:
        """End all waits with ``ClientClosedError``, because the client is closed."""
        self.closed = True
        for poller in list(self.active):
            poller.close()


class _Waiter(NamedTuple):
    """A task that waits."""

    beyond: int | None
    """The number of polls after which it is released; None for the end of the job."""
    context: Context
    """Its context variables, such as the current span."""


class Poller:
    """Polls one job on behalf of all tasks that wait for it.

    Args:
        poll: Reads the job's status once.
        group: The pollers of the client.
        policy: The intervals, and the tolerance for failed polls; the group's by default.
        first_delay: Seconds before the first poll, as the API asked; None if it did not ask.
        age: Seconds since the job was created, which have passed of the policy's own ``first_delay``.
        observer: Is notified of every poll.
    """

    __slots__ = (
        "_begun",
        "_bound",
        "_failing_since",
        "_group",
        "_missing_since",
        "_not_before",
        "_nudged",
        "_observer",
        "_policy",
        "_poll",
        "_polled_at",
        "_progress",
        "_task",
        "_timer",
        "_waiters",
        "error",
        "failure",
        "finished",
        "next_poll_at",
        "polls",
        "result",
    )

    def __init__(
        self,
        poll: Poll,
        group: PollerGroup,
        *,
        policy: PollPolicy | None = None,
        first_delay: float | None = None,
        age: float = 0.0,
        observer: "JobObserver | None" = None,
    ) -> None:
        self.result: JobResult | None = None
        """The last status that was read; None before the first successful poll."""
        self.error: Exception | None = None
        """The error that ended polling; None otherwise."""
        self.failure: Exception | None = None
        """The failure of the last poll; None if it succeeded."""
        self.finished: bool = False
        """True once the job has ended, or ``error`` ended polling."""
        self.polls: int = 0
        """The number of polls so far."""
        self._poll = poll
        self._group = group
        self._policy = policy or group.policy
        self._observer = observer
        self._begun = group.clock.now()
        delay = max(0.0, self._policy.first_delay - age) if first_delay is None else self._bounded(first_delay)
        self.next_poll_at: float = self._begun + delay
        """The time of the next poll, on the clock."""
        self._polled_at = self._begun
        self._not_before = self._begun + self._bounded(first_delay)
        self._bound: float | None = None
        self._failing_since: float | None = None
        self._missing_since: float | None = None
        self._progress = 0
        self._nudged = False
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiters: dict[asyncio.Future[None], _Waiter] = {}

    @property
    def ended(self) -> bool:
        """True once the job has ended."""
        return self.finished and self.error is None

    @property
    def latest_poll_at(self) -> float:
        """The time of the next poll at the latest: ``max_interval`` after the last one."""
        return self._polled_at + self._policy.max_interval

    @property
    def earliest_poll_at(self) -> float:
        """The time of the next poll at the earliest, by ``min_interval`` and the API's ``Retry-After``."""
        return min(self._not_before, self.next_poll_at)

    async def wait(self, *, beyond: int | None = None, timeout: float | None = None) -> bool:
        """Wait until polling has ended, or until there were more than ``beyond`` polls.

        Args:
            beyond: The number of polls after which to return early; None to wait for the end.
            timeout: Seconds to wait at most; None for no limit.

        Returns:
            Whether the condition was met in time.

        Raises:
            ConfigurationError: if the job belongs to another event loop.
        """
        if self._group.closed:
            self.close()
        if self._is_enough(beyond):
            return True
        waiter: asyncio.Future[None] = self._group.bind_loop().create_future()
        limit: Timer | None = None
        if not self._waiters and self._observer is not None:
            self._observer.waiting(1)
        self._waiters[waiter] = _Waiter(beyond, copy_context())
        self._group.active.add(self)
        try:
            if self._timer is None and self._task is None:
                self._set_timer()
            if timeout is not None:
                limit = self._group.clock.call_later(timeout, partial(_release, waiter))
            await waiter
            return self._is_enough(beyond)
        finally:
            if limit is not None:
                limit.cancel()
            if self._waiters.pop(waiter, None) is not None and not self._waiters:
                self._cancel_timer()
                self._leave_group()
                if self._observer is not None:
                    self._observer.waiting(-1)

    async def resume(self) -> None:
        """Let the next wait poll again after an error that ended polling, and forget earlier failures."""
        self._group.bind_loop()
        while self.error is not None and self._waiters:  # noqa: ASYNC110  # until they have seen the error
            await asyncio.sleep(0)
        if self.error is not None:
            self.error = self._failing_since = self._missing_since = None
            self.finished = False

    async def poll_now(self) -> None:
        """Poll at once, unless the job has ended. A success clears the error that ended polling."""
        if not self.ended:
            self._succeeded(await self._poll())
            self._release_waiters()

    def nudge(self) -> None:
        """Bring the next poll forward, as far as ``min_interval`` and the API's ``Retry-After`` allow."""
        if self._task is not None:
            self._nudged = True  # the status may have been read before the event that caused the nudge
            return
        soon = max(self._group.clock.now(), self._not_before)
        if soon < self.next_poll_at:
            self.next_poll_at = soon
            if self._timer is not None:
                self._cancel_timer()
                self._set_timer()

    def close(self) -> None:
        """End all waits, because the client is closed. The job itself continues."""
        if not self.finished:
            self.error = ClientClosedError("the client was closed")
            self.finished = True
        self._cancel_timer()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._release_waiters()

    def forget_waiters(self) -> None:
        """Forget the waits that a forked process inherited from its parent."""
        self._waiters, self._timer, self._task = {}, None, None

    def _is_enough(self, beyond: int | None) -> bool:
        return self.finished or (beyond is not None and self.polls > beyond)

    def _set_timer(self) -> None:
        delay = max(0.0, self.next_poll_at - self._group.clock.now())
        self._timer = self._group.clock.call_later(delay, self._start)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        """Start a poll in the context of a task that waits now, not of one that has left."""
        self._timer = None
        waiter = next(iter(self._waiters.values()))
        self._task = asyncio.create_task(self._run(), context=waiter.context.copy())

    async def _run(self) -> None:
        """Poll once and schedule the next poll."""
        policy = self._policy
        if self._group.clock.now() - self.next_poll_at > policy.error_tolerance:
            self._failing_since = None  # no task waited meanwhile, so that earlier failures are out of date
        try:
            self._succeeded(await self._poll())
        except Exception as exc:  # noqa: BLE001  # every waiter has to learn of it
            self._failed(exc)
        except BaseException as exc:
            if self._task is asyncio.current_task():  # cancelled from outside
                self._task = None
                if self._waiters:
                    self.error = FieldingKitError(f"the poll was interrupted by {type(exc).__name__}")
                    self.finished = True
                    self._release_waiters()
                self._leave_group()
            raise
        if self._task is not asyncio.current_task():  # the poller was closed meanwhile
            return
        self._task = None
        self._release_waiters()
        if self._nudged:
            self._nudged = False
            self.nudge()
        if self._waiters and not self.finished:
            self._set_timer()
        self._leave_group()

    def _succeeded(self, polled: PollResult) -> None:
        if self.ended:  # a poll that began later has seen the end already
            return
        self.result = polled.result
        self.error = self.failure = None
        self.polls += 1
        self._failing_since = self._missing_since = None
        self.finished = polled.ended
        if polled.progress != self._progress:
            self._progress = polled.progress
            self._bound = None
        interval = self._next_interval()
        if polled.retry_after is not None:
            interval = self._bounded(polled.retry_after)
        self._schedule(interval, polled.retry_after)
        self._notify(None)

    def _failed(self, exc: Exception) -> None:
        if self.finished:
            return
        self.failure = exc
        asked = exc.retry_after if isinstance(exc, ApiError | TransportError) else None
        if isinstance(exc, TransportError) and not exc.attempts:
            # The client itself refused to send, such as for its rate limit: the job was not polled.
            self._schedule(max(self._next_interval(), self._bounded(asked)), asked)
            return
        self.polls += 1
        error = self._reason_to_stop(exc)
        if error is None:
            exc.__traceback__ = None  # in an outage thousands of jobs would keep its frames
        else:
            if error is not exc:
                error.__cause__ = exc
            self.error, self.finished = error, True
        # However long the interval has grown, several polls have to fail before the wait ends.
        policy = self._policy
        longest = policy.error_tolerance / 10 if self._missing_since is None else policy.not_found_grace
        self._schedule(max(min(self._next_interval(), longest), self._bounded(asked)), asked)
        self._notify(exc)

    def _reason_to_stop(self, exc: Exception) -> Exception | None:
        """Return the error that ends the wait after a failed poll, or None to poll again."""
        now, policy = self._group.clock.now(), self._policy
        # The token endpoint's 404 says nothing on the job.
        if isinstance(exc, ApiError) and exc.status in (404, 410) and not isinstance(exc, UnauthorizedError):
            if self._missing_since is None:
                self._missing_since = now
            elif now - self._missing_since >= policy.not_found_grace:
                return JobGoneError(f"the job cannot be read any more ({exc.status})", trace_id=exc.trace_id)
            return None
        if not isinstance(exc, TransportError | DecodeError) and not (isinstance(exc, ApiError) and exc.retryable):
            return exc
        if self._failing_since is None:
            self._failing_since = now
        return exc if now - self._failing_since >= policy.error_tolerance else None

    def _schedule(self, interval: float, asked: float | None) -> None:
        """Set the time of the next poll, and the earliest time to which an event may bring it forward."""
        now = self._polled_at = self._group.clock.now()
        self.next_poll_at = now + interval
        self._not_before = now + self._bounded(asked)

    def _notify(self, failure: Exception | None) -> None:
        if self._observer is not None:
            elapsed = self._group.clock.now() - self._begun
            self._observer.polled(
                result=self.result, polls=self.polls, elapsed=elapsed, finished=self.finished, failure=failure
            )

    def _release_waiters(self) -> None:
        for future, waiter in self._waiters.items():
            if self._is_enough(waiter.beyond):
                _release(future)

    def _leave_group(self) -> None:
        if not self._waiters and self._task is None:
            self._group.active.discard(self)

    def _next_interval(self) -> float:
        """Return the next interval; its bound grows with each poll, and starts again after progress."""
        policy = self._policy
        grown = max(policy.min_interval, 0.01) if self._bound is None else self._bound * policy.growth
        self._bound = min(grown, policy.max_interval)
        return poll_interval(self._bound, policy.min_interval, jitter=self._group.jitter)

    def _bounded(self, asked: float | None) -> float:
        """Return the delay that the API asked for, within the bounds of the policy."""
        policy = self._policy
        return min(max(asked or 0.0, policy.min_interval), policy.max_interval)


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
