"""The delay until a job's end is found, and the polls it takes, with the default policy: simulated, without waiting.

Run: ``python -m benchmarks.detection [--rounds TRIALS]``
"""

import asyncio
import math
import random
import statistics
from collections.abc import Callable, Sequence

from benchmarks.measure import Row, main
from fieldingkit import PollPolicy
from fieldingkit.commands import JobStatus
from fieldingkit.jobs.poller import Poller, PollerGroup, PollResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult

DURATIONS = [0.2 * 1.12**number for number in range(87)]
"""Durations of jobs from 0.2 seconds to an hour."""
SIDE = "PollPolicy()"
SHOWN = (0.2, 2.0, 20.0, 200.0, 3600.0)


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
        return PollResult(FieldingJobResult(job_id="1", status=JobStatus.COMPLETED if ended else JobStatus.PROCESSING))

    await Poller(poll, PollerGroup(PollPolicy(), clock, jitter=jitter)).wait()
    return times


async def trials(count: int) -> list[list[float]]:
    """Return the poll times of a number of jobs; the same in each run."""
    chance = random.Random(20261121)
    return [await poll_times(lambda bound: chance.uniform(0.0, bound)) for _ in range(count)]


def found(times: Sequence[float], seconds: float) -> tuple[int, float]:
    """Return the number and the time of the poll that finds the end of a job that takes a number of seconds."""
    return next((number, time) for number, time in enumerate(times, 1) if time >= seconds)


def measure(rounds: int) -> Sequence[Row]:
    """Measure all durations, and report the mean, the worst and some of them."""
    tried = asyncio.run(trials(rounds))
    late = {
        seconds: (statistics.mean(found(times, seconds)[1] for times in tried) - 0.1) / seconds for seconds in DURATIONS
    }
    spare = {
        seconds: max(found(times, seconds)[0] for times in tried) / (4 + 3 * math.log2(1 + seconds))
        for seconds in DURATIONS
    }
    nearest = [min(DURATIONS, key=lambda seconds, shown=shown: abs(seconds - shown)) for shown in SHOWN]
    what = "a job of T s is found after, less 0.1 s"
    rows = {
        "the mean, 0.2 s to 1 h": (statistics.mean(late.values()), 1.2),
        "the worst T": (max(late.values()), 1.35),
        **{f"{seconds:.3g} s": (late[seconds], None) for seconds in nearest},
    }
    return [
        *(
            Row(what=f"{what}: {name}", side=SIDE, value=value, unit="T", budget=budget)
            for name, (value, budget) in rows.items()
        ),
        Row(
            what="most polls, of 4 + 3 log2(1 + T): the worst T",
            side=SIDE,
            value=max(spare.values()),
            unit="",
            budget=1.0,
        ),
    ]


if __name__ == "__main__":
    main(measure, rounds=300)
