"""Scheduling the polls of many jobs: duration estimates, the poll scheduler, and ``as_completed``.

The scheduler keeps the jobs on a heap, ordered by the time of their next poll. The poll itself is made by the job's own
poller, which also handles failed polls and ``Retry-After``; the scheduler only decides when it is made.
"""

import asyncio
import heapq
import itertools
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar, cast

from fieldingkit._repr import brief_repr
from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.event import JobEvent
from fieldingkit.jobs.job import AsyncJob

__all__ = ["DurationEstimator", "PollScheduler", "as_completed"]


_SHRINK = 0.97
"""Factor on the estimate after a first poll that found the job ended."""
_STRETCH = 1.12
"""Factor on the estimate after a first poll that came too early; about 20 % of first polls do."""
_REPEAT_GROWTH = 1.35
"""Factor from a job's age at one poll to its age at the next, once jobs have ended."""
_MIN_REPEAT_GROWTH = 1.1
"""Smallest such factor: for a job that is younger than others were at their end, or one of a few jobs that are left."""
_FEW_JOBS = 4
"""The number of jobs that are polled with the smallest factor while nothing else is sent; it grows with each more."""
_YIELD_TO_OTHERS = 1.07
"""Extra delay of a job's own next poll while no job has ended, so that a stuck job does not take every turn."""
_MAX_STRETCH = 1.5
"""Largest estimate relative to the age at which a job was last found ended, so that stuck jobs do not stretch it."""
_MIN_GROWTH, _MAX_GROWTH = 0.13, 0.4
_GENERATION = 10.0
"""Seconds within which jobs are added that count as equally old."""
_MIN_AGE = 0.05
"""Smallest age in seconds that the estimate is based on."""


class DurationEstimator:
    """Estimates the age at which the jobs of a sweep should be polled."""

    def __init__(self) -> None:
        self.expected: float = 0.0
        """The age in seconds at which a job is due for its first poll."""
        self.known: bool = False
        """True once a job has ended."""
        self.jobs = 0
        """The number of jobs that are polled."""
        self._longest = 0.0
        self._ended_at = 0.0
        self._youngest = -math.inf
        """The time at which the youngest job was added that taught the estimate, while no job has ended."""

    @property
    def growth(self) -> float:
        """The factor between a job's ages at two polls while no job has ended: the more jobs, the smaller."""
        return 1 + min(_MAX_GROWTH, max(_MIN_GROWTH, 2 / max(1, self.jobs)))

    def applies_to(self, added: float) -> bool:
        """Return False for a job that is much younger than those that taught the estimate: they may be stuck.

        Args:
            added: The time at which the job was added.
        """
        return self.known or added <= self._youngest + self.expected / 2 + _GENERATION

    def job_ended(self, age: float, *, expected: float, polled_before: bool) -> None:
        """Learn from a poll that found a job ended.

        Args:
            age: Seconds since the job was submitted.
            expected: The value of ``expected`` when the poll began.
            polled_before: Whether an earlier poll found the job running.
        """
        self._ended_at = age
        if not self.known:
            self.known = True
            low = min(max(self._longest, age / _REPEAT_GROWTH**2), age)
            self.expected = math.sqrt(low * age)
        elif not polled_before and age <= expected * _STRETCH and self.expected == expected:
            self.expected *= _SHRINK

    @property
    def idle_growth(self) -> float:
        """The factor between a job's ages at two polls while nothing else is to be sent: the fewer jobs, the smaller.

        The last jobs decide when a sweep ends, and polling a few of them often costs little.
        """
        return min(_REPEAT_GROWTH, 1 + (_MIN_REPEAT_GROWTH - 1) * max(1.0, self.jobs / _FEW_JOBS))

    def job_running(
        self, age: float, *, added: float, expected: float, polled_before: bool, idle: bool = False
    ) -> float:
        """Learn from a poll that found a job running, and return the age at which it is due for its next poll.

        Args:
            age: Seconds since the job was submitted.
            added: The time at which the job was added.
            expected: The value of ``expected`` when the poll began.
            polled_before: Whether an earlier poll found the job running, too.
            idle: Whether nothing else is to be sent.
        """
        age = max(age, _MIN_AGE)
        if not self.known:
            self._longest = max(self._longest, age)
            grown = age * self.growth
            if not self.applies_to(added):
                self.expected, self._youngest = grown, added
            elif added >= self._youngest - grown / 2 - _GENERATION:
                self.expected, self._youngest = max(self.expected, grown), max(self._youngest, added)
            return age * self.growth * (_YIELD_TO_OTHERS if self.jobs > 1 else 1.0)
        # Polls that began together learn the same; only the first of them changes the estimate.
        if not polled_before and self.expected == expected:
            self.expected = max(min(expected * _STRETCH, self._ended_at * _MAX_STRETCH), _MIN_AGE)
        repeat = age * (self.idle_growth if idle else _REPEAT_GROWTH)
        return max(min(repeat, self._ended_at), age * _MIN_REPEAT_GROWTH) if age < self._ended_at else repeat


Callback = Callable[[AsyncJob[Any]], object]

_MAX_DEFERRAL = 1.0
"""Seconds that due polls wait for the result of a poll in flight; it may hang."""
_SAMPLE_INTERVAL = 0.06
"""Seconds between the first samples, which do not wait for each other's result: a slow response costs no time."""
_OLDER_SAMPLES = 8
"""The number of samples that are taken from the oldest quarter of the jobs; later ones from all, as many may be
stuck."""
_FIRST_SAMPLES = 4
"""The largest number of samples in flight before the first result."""


class _Entry:
    """A job that is being polled."""

    __slots__ = ("added", "callback", "expires", "held", "job", "may_hurry", "next_age", "polled_age", "result")

    def __init__(self, job: AsyncJob[Any], callback: Callback, *, added: float, expires: float) -> None:
        self.job = job
        self.callback = callback
        self.added = added
        self.expires = expires
        self.held = False
        """True if the next poll was already put off in favor of other requests."""
        self.next_age: float | None = None
        """The age at which it is due for its next poll; None before the first poll."""
        self.may_hurry = False
        """True if its next poll may come before the time that its own poller has chosen."""
        self.polled_age = 0.0
        """Its age at the last poll that found it running."""
        self.result: Any = None
        """The result of the last poll."""


class PollScheduler:
    """Polls jobs until they have ended, a limited number at a time.

    While no job has ended yet, a scheduler with an estimator polls one job at a time as a sample, at random among those
    of about the same age. So jobs that never end, wherever they are in the order, hardly delay the others.

    Args:
        clock: The clock for all waits.
        polls_at_once: The number of polls that may be in flight at the same time.
        estimator: Learns from each job when to poll the others, if the jobs are alike; without it each job is polled
            at the intervals of its own poller.
        hold: Returns the seconds by which a due poll should be put off in favor of more important requests. It is
            called once for each poll, so that no poll is put off forever.
        idle: Returns whether nothing else is to be sent, so that jobs can be polled more often.
        choose: Returns a random number below its argument, for tests.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        polls_at_once: int,
        estimator: DurationEstimator | None = None,
        hold: Callable[[], float] = lambda: 0.0,
        idle: Callable[[], bool] = lambda: False,
        choose: Callable[[int], int] = random.randrange,
    ) -> None:
        self._clock = clock
        self._polls_at_once = polls_at_once
        self._estimator = estimator
        self._hold = hold
        self._idle = idle
        self._choose = choose
        self._heap: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()
        self._deferred: list[_Entry] | None = None
        """Jobs that are due while a sample is in flight, which decides when to poll them; None if there is none."""
        self._deferral: Timer | None = None
        self._samples = 0
        """The number of samples that were begun."""
        self._results = 0
        """The number of polls that have shown a status."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._closed = False
        # The span of a task that adds a job may have ended by the time of a poll.
        self._context = copy_context()

    def add(self, job: AsyncJob[Any], callback: Callback, *, timeout: float | None = None) -> None:
        """Poll a job until it has ended.

        Args:
            job: The job.
            callback: Is called with the job when it has ended, cannot be polled any more, or has timed out.
            timeout: Seconds after which polling stops; None for no limit.
        """
        now = self._clock.now()
        if self._estimator is not None:
            self._estimator.jobs += 1
        expires = math.inf if timeout is None else now + timeout
        entry = _Entry(job, callback, added=now, expires=expires)
        self._push(entry, now if job.ended else self._due(entry))
        self._run_due()

    async def aclose(self) -> None:
        """Stop polling. The jobs themselves continue, and polls in flight end by themselves."""
        self._closed = True  # a poll that has just ended still calls `_polled`
        self._heap.clear()
        self._deferred = None
        for timer in (self._timer, self._deferral):
            if timer is not None:
                timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _push(self, entry: _Entry, due: float) -> None:
        heapq.heappush(self._heap, (min(due, entry.expires), next(self._numbers), entry))

    def _due(self, entry: _Entry) -> float:
        """Return the time of a job's next poll: not before the estimated age, within the bounds of its own poller."""
        if self._estimator is None:
            return entry.job.next_poll_at
        age = self._estimator.expected if self._estimator.applies_to(entry.added) else 0.0
        if entry.next_age is not None:
            age = entry.next_age if self._estimator.known else max(entry.next_age, age)
        earliest = entry.job.earliest_poll_at if entry.may_hurry else entry.job.next_poll_at
        return max(earliest, min(entry.added + age, entry.job.latest_poll_at))

    def _run_due(self) -> None:
        """Start the polls that are due, and set the timer for the next one."""
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now and len(self._tasks) < self._polls_at_once:
            self._dispatch(heapq.heappop(self._heap)[2], now)
        if self._heap and len(self._tasks) < self._polls_at_once:
            self._set_timer(self._heap[0][0], now)

    def _set_timer(self, due: float, now: float) -> None:
        """Set the one timer for all jobs; it may fire early, never late."""
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._clock.call_later(max(0.0, due - now), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._run_due()

    def _dispatch(self, entry: _Entry, now: float) -> None:
        """Poll a job whose time has come, unless the poll is not due or not needed any more."""
        if entry.job.ended or now >= entry.expires:
            self._finish(entry)
        elif (due := self._due(entry)) > now:  # the estimate has changed since
            self._push(entry, due)
        elif not entry.held and (hold := self._hold()) > 0:
            entry.held = True
            self._push(entry, now + hold)
        elif self._deferred is not None:
            self._deferred.append(entry)
        else:
            if self._estimator is not None and not self._estimator.known:
                entry = self._sample(entry, now, (now - entry.added) * (self._estimator.growth - 1))
                self._deferred = []
                self._samples += 1
                hurry = not self._results and self._samples < _FIRST_SAMPLES
                wait = _SAMPLE_INTERVAL if hurry else _MAX_DEFERRAL
                self._deferral = self._clock.call_later(wait, self._end_deferral)
            task = asyncio.create_task(self._poll(entry), context=self._context.copy())
            self._tasks.add(task)
            task.add_done_callback(partial(self._polled, entry))

    def _sample(self, entry: _Entry, now: float, step: float) -> _Entry:
        """Exchange a due job for a random one of about its age.

        Args:
            entry: The due job.
            now: The present time.
            step: Seconds until the next sample, if the sampled job is as old as this one.
        """
        others = [
            place
            for place, (due, _, other) in enumerate(self._heap)
            if (due <= now + step or other.held) and other.added <= entry.added + step / 10
            if other.job.next_poll_at <= now and not other.job.ended
        ]
        candidates = [*others, -1]
        if self._results < _OLDER_SAMPLES:  # a sample teaches less, the younger it is
            candidates.sort(key=lambda place: entry.added if place < 0 else self._heap[place][2].added)
            candidates = candidates[: (len(candidates) + 3) // 4]
        chosen = candidates[self._choose(len(candidates))]
        if chosen < 0:
            return entry
        due, number, other = self._heap[chosen]
        self._heap[chosen] = (due, number, entry)
        return other

    def _end_deferral(self) -> None:
        """Let the deferred jobs be polled, when the sample has its result or takes too long."""
        if self._deferral is not None:
            self._deferral.cancel()
            self._deferral = None
        deferred, self._deferred = self._deferred, None
        for entry in deferred or ():
            self._push(entry, self._due(entry))
        self._run_due()

    async def _poll(self, entry: _Entry) -> None:
        """Have the job's own poller poll once; an error that ends polling stays with the job."""
        expected = 0.0 if self._estimator is None else self._estimator.expected
        if entry.may_hurry:
            entry.may_hurry = False
            entry.job.nudge()
        async with aclosing(cast("AsyncGenerator[JobEvent, None]", entry.job.watch())) as events:
            event = await anext(events)
        if self._estimator is None or event.result is entry.result:
            return  # an unchanged result means that the poll failed and will be repeated
        self._results += 1
        entry.result = event.result
        age = self._clock.now() - entry.added
        polled_before = entry.next_age is not None
        was_known = self._estimator.known
        if event.ended:
            self._estimator.job_ended(age, expected=expected, polled_before=polled_before)
        else:
            entry.polled_age = age
            entry.next_age = self._estimator.job_running(
                age, added=entry.added, expected=expected, polled_before=polled_before, idle=self._idle()
            )
            entry.may_hurry = self._estimator.known
        if self._estimator.known and not was_known:
            self._reschedule()

    def _polled(self, entry: _Entry, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if self._closed or task.cancelled():
            return
        entry.held = False
        if task.exception() is not None:
            entry.job.raise_again()
            self._finish(entry)
        elif entry.job.ended:
            self._finish(entry)
        else:
            self._push(entry, self._due(entry))
        self._end_deferral()

    def _finish(self, entry: _Entry) -> None:
        if self._estimator is not None:
            self._estimator.jobs -= 1
            if self._estimator.known and self._estimator.idle_growth < _REPEAT_GROWTH and self._idle():
                self._poll_sooner(self._estimator.idle_growth)
        entry.callback(entry.job)

    def _poll_sooner(self, growth: float) -> None:
        """Bring the next polls forward, because fewer jobs are left."""
        for _, _, entry in self._heap:
            if entry.next_age is not None:
                entry.next_age = min(entry.next_age, entry.polled_age * growth)
        self._reschedule()

    def _reschedule(self) -> None:
        """Compute all due times again, after the first job has ended, or with fewer jobs left."""
        self._heap = [(min(self._due(entry), entry.expires), number, entry) for _, number, entry in self._heap]
        heapq.heapify(self._heap)


def _check_concurrency(number: object) -> None:
    if type(number) is not int or number < 1:
        raise ConfigurationError(f"max_concurrency must be an integer of at least 1; got {brief_repr(number)}")


R = TypeVar("R")


async def as_completed(jobs: Iterable[AsyncJob[R]], *, max_concurrency: int = 8) -> AsyncIterator[AsyncJob[R]]:
    """Yield the jobs as they end, each once.

    ::

        async for job in as_completed(jobs):
            try:
                result = await job  # it has ended: no request is made
            except JobError:
                ...

    A job that failed, or that cannot be polled any more, is yielded like any other; awaiting it raises its error. All
    jobs are waited for at the same time, so a slow job delays no other. Leaving the loop stops polling; the jobs
    themselves continue.

    Args:
        jobs: The handles, all of one client.
        max_concurrency: The number of polls that may be in flight at the same time.

    Raises:
        ConfigurationError: if ``jobs`` are not job handles, or ``max_concurrency`` is not an integer of at least 1.
    """
    _check_concurrency(max_concurrency)
    pending = dict.fromkeys(_handles(jobs))
    if not pending:
        return
    ended: asyncio.Queue[AsyncJob[Any]] = asyncio.Queue()
    scheduler = PollScheduler(next(iter(pending)).clock, polls_at_once=max_concurrency)
    try:
        for job in pending:
            scheduler.add(job, ended.put_nowait)
        while pending:
            job = await ended.get()
            del pending[job]
            yield job
    except asyncio.CancelledError as exc:
        for job in pending:
            exc.add_note(job.resume_note())
        raise
    finally:
        await scheduler.aclose()


def _handles(jobs: object) -> list[AsyncJob[Any]]:
    """Return the handles, each once."""
    handles = list(cast("Iterable[object]", jobs)) if isinstance(jobs, Iterable) else [jobs]
    for handle in handles:
        if not isinstance(handle, AsyncJob):
            raise ConfigurationError(f"jobs must be a list of job handles; got {type(handle).__name__}")
    return list(dict.fromkeys(cast("list[AsyncJob[Any]]", handles)))
