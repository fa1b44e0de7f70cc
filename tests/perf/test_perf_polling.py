"""How soon a job's end is found, with how many looks, and what ten thousand of them have to do with each other."""

import math
import random
from collections.abc import Iterator
from statistics import mean

import pytest
from fake_clock import FakeClock

from fieldingkit import PollPolicy
from fieldingkit.jobs.poller import Poller, Seen

DURATIONS = [0.2 * 1.12**number for number in range(87)]
"""From 0.2 s to an hour."""
JOBS = 300


class Task:
    """A job that takes so many seconds of a clock."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self.clock = clock
        self.end = clock.now() + seconds
        self.looks: list[float] = []

    async def look(self) -> Seen:
        """Look at it."""
        self.looks.append(self.clock.now())
        return Seen(None, terminal=self.clock.now() >= self.end, progress=0, retry_after=None)


@pytest.fixture(autouse=True)
def chance() -> Iterator[None]:
    """The same chances each time."""
    state = random.getstate()
    random.seed(20261121)
    yield
    random.setstate(state)


async def looks_at(seconds: float) -> list[float]:
    """When a job of so many seconds is looked at, in seconds since it began."""
    clock = FakeClock()
    began = clock.now()
    task = Task(clock, seconds)
    await Poller(task.look, policy=PollPolicy(), clock=clock, first_delay=None).wait()
    return [look - began for look in task.looks]


async def test_detection() -> None:
    """A job that takes T seconds is found within 1.2 T + 0.1 s in the mean, with at most 4 + 3 log2(1 + T) looks."""
    longest = [await looks_at(DURATIONS[-1]) for _ in range(JOBS)]
    for seconds in DURATIONS:
        # A job that is shorter is looked at at the same times, but not as long.
        found = [next((number, look) for number, look in enumerate(looks, 1) if look >= seconds) for looks in longest]
        assert mean(look for _, look in found) <= 1.2 * seconds + 0.1, seconds
        assert max(number for number, _ in found) <= 4 + 3 * math.log2(1 + seconds), seconds


async def test_found_with_the_first_look_after_the_end() -> None:
    """A finished job is not looked at again."""
    looks = await looks_at(10.0)
    assert looks == sorted(looks)
    assert all(look < 10.0 for look in looks[:-1])
    assert looks[-1] >= 10.0
