"""How soon a job's end is found, with how many looks, and what ten thousand of them have to do with each other."""

import asyncio
import math
import random
from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

import pytest
from support.virtual_loop import LoopClock, run_virtually

from fieldingkit import PollPolicy
from fieldingkit.idempotency import RetrySafety
from fieldingkit.jobs.poller import Poller, PollResult
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.rate_limit import RateLimiter

DURATIONS = [0.2 * 1.12**number for number in range(87)]
"""From 0.2 s to an hour."""
TRIALS = 200
JOBS = 10_000
RATE = 400.0
READ = Request("GET", "/", headers={}, body=None, operation_id="", template="", retry_safety=RetrySafety.READ)


@pytest.fixture(autouse=True)
def chance() -> Iterator[None]:
    """The same chances each time."""
    state = random.getstate()
    random.seed(20261121)
    yield
    random.setstate(state)


class Task:
    """A job that takes so many seconds of the loop's time."""

    def __init__(self, seconds: float) -> None:
        self.clock = LoopClock()
        self.end = self.clock.now() + seconds
        self.looks: list[float] = []

    async def look(self) -> PollResult:
        """Look at it."""
        self.looks.append(self.clock.now())
        return PollResult(self, terminal=self.clock.now() >= self.end, progress=0, retry_after=None)

    @property
    def poller(self) -> Poller:
        """What follows it, with the default policy."""
        return Poller(self.look, policy=PollPolicy(), clock=self.clock, first_delay=None)


def looks_at(seconds: float) -> list[float]:
    """When a job of so many seconds is looked at, in seconds since it began."""

    async def follow() -> list[float]:
        task = Task(seconds)
        await task.poller.wait()
        return task.looks

    return run_virtually(follow())


def test_detection() -> None:
    """From 0.2 s to an hour a job of T seconds is found after 1.2 T + 0.1 s in the mean, 1.35 for the worst T.

    It takes at most 4 + 3 log2(1 + T) looks.
    """
    longest = [looks_at(DURATIONS[-1]) for _ in range(TRIALS)]
    late: list[float] = []
    for seconds in DURATIONS:
        # A job that is shorter is looked at at the same times, but not as long.
        found = [next((number, look) for number, look in enumerate(looks, 1) if look >= seconds) for looks in longest]
        late.append((mean(look for _, look in found) - 0.1) / seconds)
        assert max(number for number, _ in found) <= 4 + 3 * math.log2(1 + seconds), seconds
    assert mean(late) <= 1.2
    assert max(late) <= 1.35


def test_a_finished_job_is_left_alone() -> None:
    """The first look after the end is the last one."""
    looks = looks_at(10.0)
    assert [look >= 10.0 for look in looks] == [False] * (len(looks) - 1) + [True]


def test_ten_thousand_at_once() -> None:
    """Together they ask no faster than the rate, and one whose looks take for ever delays no other."""
    policy = PollPolicy(first_delay=60.0, min_interval=15.0)
    departures: list[float] = []

    async def answer(call: Call) -> Response:
        departures.append(call.clock.now())
        return Response(200, {}, b"")

    async def follow() -> list[float]:
        limits = RateLimiter(answer, RATE)

        class Limited(Task):
            def __init__(self, number: int) -> None:
                super().__init__(60.0 + 60.0 * number / JOBS)
                self.slow = number % 100 == 0

            async def look(self) -> PollResult:
                await limits(Call(READ, clock=self.clock))
                await asyncio.sleep(1000.0 * self.slow)
                return await super().look()

        async def lateness(number: int) -> float:
            task = Limited(number)
            await Poller(task.look, policy=policy, clock=task.clock, first_delay=None).wait()
            return 0.0 if task.slow else task.looks[-1] - task.end

        return await asyncio.gather(*map(lateness, range(JOBS)))

    late = run_virtually(follow())

    assert all(later - sooner > 0.999 / RATE for sooner, later in pairwise(departures))
    assert max(late) < JOBS / RATE + 1.5 * 15.0
