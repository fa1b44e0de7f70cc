"""The scheduler of looks: it follows any number of jobs with few requests, and no task for a job that is waited for.

The jobs stand on a heap by the moment of their next look. A look is made by the job's own poller, so that what a failed
look means, and what the API asks for in ``Retry-After``, is the poller's affair; only when it is made is decided here.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar, cast

from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.job import AsyncJob, JobEvent

__all__ = ["DurationEstimator", "PollScheduler", "as_completed"]


_SHRINK = 0.97
_STRETCH = 1.12
"""A look in time makes the next ones come a little earlier, one in vain later: about one in five is in vain then."""
_AGAIN = 1.35
"""How much older a job should be for its next look when others of its kind have ended by then."""
_LITTLE = 1.05
"""How much older it should be at least."""
_AFTER_OTHERS = 1.07
"""How much later than another's turn a job's own next turn comes, so that one that is stuck does not take them all."""
_LEAST_GROWTH, _MOST_GROWTH = 0.15, 0.4
_YOUNG = 0.05
"""Seconds of age below which nothing is learned from a job."""


class DurationEstimator:
    """How old the jobs of a sweep should be before they are looked at."""

    def __init__(self) -> None:
        self.expected: float = 0.0
        """The age in seconds at which a job is worth its first look."""
        self.known: bool = False
        """Whether a job has been seen to end."""
        self.jobs = 0
        """How many jobs are being followed."""
        self._longest = 0.0
        self._ended_at = 0.0

    @property
    def growth(self) -> float:
        """How much older a job should be for the next look as long as none has ended: the more jobs, the more looks."""
        return 1 + min(_MOST_GROWTH, max(_LEAST_GROWTH, 2 / max(1, self.jobs)))

    def ended(self, age: float, *, expected: float, looked_before: bool) -> None:
        """A job of this age was seen to have ended.

        Args:
            age: Seconds since it was submitted.
            expected: What was expected when the look at it began.
            looked_before: Whether an earlier look at it was in vain.
        """
        self._ended_at = age
        if not self.known:
            self.known = True
            low = min(max(self._longest, age / _AGAIN**2), age)
            self.expected = math.sqrt(low * age)
        elif not looked_before and age <= expected * _STRETCH and self.expected == expected:
            self.expected *= _SHRINK

    def goes_on(self, age: float, *, expected: float, looked_before: bool) -> float:
        """A job of this age was seen not to have ended; gives the age at which it is worth the next look.

        Args:
            age: Seconds since it was submitted.
            expected: What was expected when the look at it began.
            looked_before: Whether an earlier look at it was in vain too.
        """
        age = max(age, _YOUNG)
        if not self.known:
            self._longest = max(self._longest, age)
            self.expected = max(self.expected, age * self.growth)
            return age * self.growth * (_AFTER_OTHERS if self.jobs > 1 else 1.0)
        # Looks that began together learn the same: only the first of them says so.
        if not looked_before and self.expected == expected:
            self.expected = max(expected * _STRETCH, _YOUNG)
        again = age * _AGAIN
        return max(min(again, self._ended_at), age * _LITTLE) if age < self._ended_at else again


Tell = Callable[[AsyncJob[Any]], object]


class _Entry:
    """A job that is followed."""

    __slots__ = ("added", "give_up", "held", "job", "next_age", "result", "tell")

    def __init__(self, job: AsyncJob[Any], tell: Tell, *, added: float, give_up: float) -> None:
        self.job = job
        self.tell = tell
        self.added = added
        self.give_up = give_up
        self.held = False
        self.next_age: float | None = None
        """The age for its next look; None before the first."""
        self.result: Any = None
        """What the last look showed."""


class PollScheduler:
    """Looks at jobs until they have ended, a limited number of looks at a time.

    Args:
        clock: What its waits go by.
        polls_at_once: How many looks may be under way at the same time.
        estimator: What the jobs teach about each other, if they are alike; without it each is looked at as its poller
            says.
        hold: Gives the seconds for which a look that is due should wait for more important requests. It is asked once
            for each look, so that no look waits for ever.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        polls_at_once: int,
        estimator: DurationEstimator | None = None,
        hold: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._clock = clock
        self._at_once = polls_at_once
        self._pace = estimator
        self._hold = hold
        self._heap: list[tuple[float, int, _Entry]] = []
        self._order = itertools.count()
        self._turns: list[_Entry] | None = None
        """Those who wait for what another's look will teach; None if nobody looks to find out."""
        self._looking: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._timer_due = 0.0

    def add(self, job: AsyncJob[Any], tell: Tell, *, timeout: float | None = None) -> None:
        """Follow a job.

        Args:
            job: The job.
            tell: Is called with the job once it has ended, cannot be followed any further, or has taken too long.
            timeout: Seconds after which it has taken too long; None for no limit.
        """
        now = self._clock.now()
        if self._pace is not None:
            self._pace.jobs += 1
        give_up = math.inf if timeout is None else now + timeout
        followed = _Entry(job, tell, added=now, give_up=give_up)
        self._put(followed, now if job.ended else self._due(followed))
        self._go_on()

    async def aclose(self) -> None:
        """Stop looking. The jobs go on."""
        self._heap.clear()
        self._turns = None
        if self._timer is not None:
            self._timer.cancel()
        looking = list(self._looking)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)

    def _put(self, followed: _Entry, due: float) -> None:
        heapq.heappush(self._heap, (min(due, followed.give_up), next(self._order), followed))

    def _due(self, followed: _Entry) -> float:
        """When the job's next look is allowed by its poller, and worth it."""
        if self._pace is None:
            return followed.job.next_poll_at
        age = self._pace.expected
        if followed.next_age is not None:
            age = followed.next_age if self._pace.known else max(followed.next_age, age)
        return max(followed.job.next_poll_at, followed.added + age)

    def _go_on(self) -> None:
        """Start the looks that are due, and set the timer for the next one."""
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now and len(self._looking) < self._at_once:
            self._consider(heapq.heappop(self._heap)[2], now)
        if self._heap and len(self._looking) < self._at_once:
            self._set_timer(self._heap[0][0], now)

    def _set_timer(self, due: float, now: float) -> None:
        """One timer for all jobs; one that comes too early does no harm."""
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._clock.call_later(max(0.0, due - now), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._go_on()

    def _consider(self, followed: _Entry, now: float) -> None:
        """Start a look, unless it is not worth it any more."""
        if followed.job.ended or now >= followed.give_up:
            self._done(followed)
        elif (due := self._due(followed)) > now:  # others have taught meanwhile that it is too early
            self._put(followed, due)
        elif not followed.held and (hold := self._hold()) > 0:
            followed.held = True
            self._put(followed, now + hold)
        elif self._turns is not None:
            self._turns.append(followed)
        else:
            if self._pace is not None and not self._pace.known:
                self._turns = []
            task = asyncio.create_task(self._look(followed))
            self._looking.add(task)
            task.add_done_callback(partial(self._looked, followed))

    async def _look(self, followed: _Entry) -> None:
        """One look, by the job's own poller; an error that ends the following stays with the job."""
        expected = 0.0 if self._pace is None else self._pace.expected
        async with aclosing(cast("AsyncGenerator[JobEvent, None]", followed.job.watch())) as events:
            event = await anext(events)
        if self._pace is None or event.result is followed.result:
            return  # nothing to learn: where the result is the one before, the look failed and will be repeated
        followed.result = event.result
        age = self._clock.now() - followed.added
        looked_before = followed.next_age is not None
        was_known = self._pace.known
        if event.status is not None and event.status.terminal:
            self._pace.ended(age, expected=expected, looked_before=looked_before)
        else:
            followed.next_age = self._pace.goes_on(age, expected=expected, looked_before=looked_before)
        if self._pace.known and not was_known:
            self._reconsider_all()

    def _looked(self, followed: _Entry, task: "asyncio.Task[None]") -> None:
        self._looking.discard(task)
        if task.cancelled():
            return
        followed.held = False
        turns, self._turns = self._turns, None
        for other in turns or ():
            self._put(other, self._due(other))
        if task.exception() is not None or followed.job.ended:
            self._done(followed)
        else:
            self._put(followed, self._due(followed))
        self._go_on()

    def _done(self, followed: _Entry) -> None:
        if self._pace is not None:
            self._pace.jobs -= 1
        followed.tell(followed.job)

    def _reconsider_all(self) -> None:
        """The first one has ended: the others may be worth a look earlier than it seemed."""
        self._heap = [(min(self._due(item), item.give_up), number, item) for _, number, item in self._heap]
        heapq.heapify(self._heap)


R = TypeVar("R")


async def as_completed(jobs: Iterable[AsyncJob[R]], *, max_concurrency: int = 8) -> AsyncIterator[AsyncJob[R]]:
    """The jobs as they end, each once.

    ::

        async for job in as_completed(jobs):
            try:
                result = await job  # it has ended: no request is made
            except JobError:
                ...

    A job that fails, or cannot be followed any further, comes like any other: awaiting it raises its error, and the
    rest goes on. All jobs are waited for at the same time; one that takes long delays no other. Leaving the loop stops
    the looking, not the jobs.

    Args:
        jobs: The handles, of one client.
        max_concurrency: How many jobs may be looked at in the same moment.

    Raises:
        ConfigurationError: if no job may be looked at.
    """
    if max_concurrency < 1:
        raise ConfigurationError(f"max_concurrency must be at least 1; got {max_concurrency}")
    waited_for = list(dict.fromkeys(jobs))
    if not waited_for:
        return
    ended: asyncio.Queue[AsyncJob[Any]] = asyncio.Queue()
    scheduler = PollScheduler(waited_for[0].clock, polls_at_once=max_concurrency)
    try:
        for job in waited_for:
            scheduler.add(job, ended.put_nowait)
        for _ in waited_for:
            yield await ended.get()
    finally:
        await scheduler.aclose()
