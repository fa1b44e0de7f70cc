"""The delay until a job's end is found, and the polls it takes, with the default policy: simulated, without waiting."""

import asyncio
import math
import random
import statistics
from collections.abc import Callable, Sequence

from benchmarks.rows import Row
from fieldingkit import PollPolicy
from fieldingkit.job_commands import JobStatus
from fieldingkit.jobs.poller import Poller, PollerGroup, PollResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult

DURATIONS = [0.2 * 1.12**number for number in range(87)]
"""Durations of jobs from 0.2 seconds to an hour."""
SIDE = "PollPolicy()"
ROUNDS = 300
"""The number of simulated jobs."""


class JumpingClock:
    """A clock for a single waiter: its time passes at once."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """Return the time."""
        return self.time

    def wall(self) -> float:
        """Return the time of day, which no poll depends on."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.time += seconds

    def call_later(self, seconds: float, function: Callable[[], object]) -> asyncio.Handle:
        """Let the time pass and call the function."""
        self.time += seconds
        return asyncio.get_running_loop().call_soon(function)


async def poll_times(jitter: Callable[[float], float]) -> list[float]:
    """Return the times of the polls of a job of an hour; a shorter job is polled at the same times, but not as long."""
    clock = JumpingClock()
    times: list[float] = []

    async def poll() -> PollResult:
        times.append(clock.now())
        ended = clock.now() >= DURATIONS[-1]
        status = JobStatus.COMPLETED if ended else JobStatus.PROCESSING
        return PollResult(FieldingJobResult(job_id="1", status=status), ended)

    await Poller(poll, PollerGroup(PollPolicy(), clock, jitter=jitter)).wait()
    return times


async def trials(count: int) -> list[list[float]]:
    """Return the poll times of a number of jobs; the same in each run."""
    chance = random.Random(20261121)
    return [await poll_times(lambda bound: chance.uniform(0.0, bound)) for _ in range(count)]


def found(times: Sequence[float], seconds: float) -> tuple[int, float]:
    """Return the number and the time of the poll that finds the end of a job that takes a number of seconds."""
    return next((number, time) for number, time in enumerate(times, 1) if time >= seconds)


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return the means over all durations, and the worst of them."""
    tried = asyncio.run(trials(20 if quick else rounds))
    late = [(statistics.mean(found(times, seconds)[1] for times in tried) - 0.1) / seconds for seconds in DURATIONS]
    polls = [
        max(found(times, seconds)[0] for times in tried) / (4 + 3 * math.log2(1 + seconds)) for seconds in DURATIONS
    ]
    what = "job of T s, found finished after, less 0.1 s"
    return [
        Row(what=f"{what}: mean of 0.2 s to 1 h", side=SIDE, value=statistics.mean(late), unit="T", budget=1.2),
        Row(what=f"{what}: worst T", side=SIDE, value=max(late), unit="T"),
        Row(what="job of T s: most polls, of 4 + 3 log2(1 + T)", side=SIDE, value=max(polls), unit="", budget=1),
    ]
