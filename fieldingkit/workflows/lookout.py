"""The scheduler of looks: it follows any number of jobs with few requests, and no task for a job that is waited for.

The jobs stand on a heap by the moment of their next look. A look is made by the job's own poller, so that what a failed
look means, and what the API asks for in ``Retry-After``, is the poller's affair; only when it is made is decided here.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from fieldingkit.clock import Clock, Timer
from fieldingkit.jobs.handle import Job, JobEvent
from fieldingkit.workflows.pace import Pace

__all__ = ["Lookout"]

Tell = Callable[[Job[Any]], object]


class _Followed:
    """A job that is followed."""

    __slots__ = ("added", "give_up", "held", "job", "next_age", "pace", "result", "tell")

    def __init__(self, job: Job[Any], pace: Pace, tell: Tell, *, added: float, give_up: float) -> None:
        self.job = job
        self.pace = pace
        self.tell = tell
        self.added = added
        self.give_up = give_up
        self.held = False
        self.next_age: float | None = None
        """The age for its next look; None before the first."""
        self.result: Any = None
        """What the last look showed."""


class Lookout:
    """Looks at jobs until they have ended, a limited number of looks at a time.

    Args:
        clock: What its waits go by.
        looks_at_once: How many looks may be under way at the same time.
        hold: Gives the seconds for which a look that is due should wait for more important requests. It is asked once
            for each look, so that no look waits for ever.
    """

    def __init__(self, clock: Clock, *, looks_at_once: int, hold: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._at_once = looks_at_once
        self._hold = hold
        self._heap: list[tuple[float, int, _Followed]] = []
        self._order = itertools.count()
        self._paces: dict[str, Pace] = {}
        self._probing: dict[Pace, list[_Followed]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._timer_due = 0.0

    def add(self, job: Job[Any], tell: Tell, *, timeout: float | None = None) -> None:
        """Follow a job.

        Args:
            job: The job.
            tell: Is called with the job once it has ended, cannot be followed any further, or has taken too long.
            timeout: Seconds after which it has taken too long; None for no limit.
        """
        now = self._clock.now()
        pace = self._paces.setdefault(job.operation_id, Pace())
        pace.jobs += 1
        give_up = math.inf if timeout is None else now + timeout
        followed = _Followed(job, pace, tell, added=now, give_up=give_up)
        self._put(followed, now if job.ended else self._due(followed))
        self._go_on()

    async def aclose(self) -> None:
        """Stop looking. The jobs go on."""
        self._heap.clear()
        self._probing.clear()
        if self._timer is not None:
            self._timer.cancel()
        looking = list(self._looking)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)

    def _put(self, followed: _Followed, due: float) -> None:
        heapq.heappush(self._heap, (min(due, followed.give_up), next(self._order), followed))

    def _due(self, followed: _Followed) -> float:
        """When the job's next look is worth it, and allowed by its poller."""
        expected = followed.pace.expected
        if followed.next_age is None:
            age = expected
        else:
            age = followed.next_age if followed.pace.known else max(followed.next_age, expected)
        return max(followed.job.next_look, followed.added + age)

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

    def _consider(self, followed: _Followed, now: float) -> None:
        """Start a look, unless it is not worth it any more."""
        if followed.job.ended or now >= followed.give_up:
            followed.pace.jobs -= 1
            followed.tell(followed.job)
        elif (due := self._due(followed)) > now:  # others have taught meanwhile that it is too early
            self._put(followed, due)
        elif not followed.held and (hold := self._hold()) > 0:
            followed.held = True
            self._put(followed, now + hold)
        elif (waiting := self._probing.get(followed.pace)) is not None and not followed.pace.known:
            waiting.append(followed)
        else:
            if not followed.pace.known:
                self._probing[followed.pace] = []
            task = asyncio.create_task(self._look(followed))
            self._looking.add(task)
            task.add_done_callback(partial(self._looked, followed))

    async def _look(self, followed: _Followed) -> None:
        """One look, by the job's own poller; an error that ends the following stays with the job."""
        async with aclosing(cast("AsyncGenerator[JobEvent, None]", followed.job.watch())) as events:
            event = await anext(events)
        if event.result is followed.result:
            return  # the look failed and will be repeated: nothing was learned
        followed.result = event.result
        age = self._clock.now() - followed.added
        looked_before = followed.next_age is not None
        was_known = followed.pace.known
        if event.status is not None and event.status.terminal:
            followed.pace.ended(age, looked_before=looked_before)
        else:
            followed.next_age = followed.pace.goes_on(age, looked_before=looked_before)
        if followed.pace.known and not was_known:
            self._reconsider_all()

    def _looked(self, followed: _Followed, task: "asyncio.Task[None]") -> None:
        self._looking.discard(task)
        if task.cancelled():
            return
        followed.held = False
        for other in self._probing.pop(followed.pace, []):
            self._put(other, self._due(other))
        failed = task.exception() is not None
        if followed.job.ended or failed:
            followed.pace.jobs -= 1
            followed.tell(followed.job)
        else:
            self._put(followed, self._due(followed))
        self._go_on()

    def _reconsider_all(self) -> None:
        """The first of a kind has ended: the others may be worth a look earlier than it seemed."""
        self._heap = [(min(self._due(item), item.give_up), number, item) for _, number, item in self._heap]
        heapq.heapify(self._heap)
