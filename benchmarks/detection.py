"""How long after its end a job is found, and with how many looks, by the default policy: simulated, without waiting.

Run: ``python -m benchmarks.detection [--rounds TRIALS]``
"""

import asyncio
import math
import statistics
from collections.abc import Callable, Sequence

from benchmarks.measure import Row, main
from fieldingkit import PollPolicy
from fieldingkit.jobs.poller import EventStore, Poller

DURATIONS = [0.2 * 1.12**number for number in range(87)]
"""From a fifth of a second to an hour."""
SIDE = "PollPolicy()"
SHOWN = (0.2, 2.0, 20.0, 200.0, 3600.0)


class JumpingClock:
    """A clock for one who waits: the time passes at once."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """What it shows."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        self.time += seconds

    def call_later(self, seconds: float, function: Callable[[], object]) -> asyncio.Handle:
        """Call, as if so many seconds had passed."""
        self.time += seconds
        return asyncio.get_running_loop().call_soon(function)


async def looks() -> list[float]:
    """When a job of an hour is looked at; a shorter one is looked at at the same times, but not as long."""
    clock = JumpingClock()
    moments: list[float] = []

    async def look() -> EventStore:
        moments.append(clock.now())
        return EventStore(None, terminal=clock.now() >= DURATIONS[-1], progress=0, retry_after=None)

    await Poller(look, policy=PollPolicy(), clock=clock, first_delay=None).wait()
    return moments


async def trials(count: int) -> list[list[float]]:
    """So many of them."""
    return [await looks() for _ in range(count)]


def found(moments: Sequence[float], seconds: float) -> tuple[int, float]:
    """With which look, and when, a job of so many seconds is found finished."""
    return next((number, moment) for number, moment in enumerate(moments, 1) if moment >= seconds)


def measure(rounds: int) -> Sequence[Row]:
    """The worst of all durations, and some of them."""
    tried = asyncio.run(trials(rounds))
    late = {
        seconds: (statistics.mean(found(moments, seconds)[1] for moments in tried) - 0.1) / seconds
        for seconds in DURATIONS
    }
    spare = {
        seconds: max(found(moments, seconds)[0] for moments in tried) / (4 + 3 * math.log2(1 + seconds))
        for seconds in DURATIONS
    }
    nearest = [min(DURATIONS, key=lambda seconds, shown=shown: abs(seconds - shown)) for shown in SHOWN]
    what = "a job of T s is found after, less 0.1 s"
    rows = {
        "the mean, 0.2 s to 1 h": (statistics.mean(late.values()), 1.2),
        "the worst T": (max(late.values()), None),
        **{f"{seconds:.3g} s": (late[seconds], None) for seconds in nearest},
    }
    return [
        *(
            Row(what=f"{what}: {name}", side=SIDE, value=value, unit="T", budget=budget)
            for name, (value, budget) in rows.items()
        ),
        Row(
            what="most looks, of 4 + 3 log2(1 + T): the worst T",
            side=SIDE,
            value=max(spare.values()),
            unit="",
            budget=1.0,
        ),
    ]


if __name__ == "__main__":
    main(measure, rounds=300)
