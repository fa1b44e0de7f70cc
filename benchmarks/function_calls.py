"""The number of function calls of one pause, in Python and in C: exact on any machine.

Run: ``python -m benchmarks.function_calls``
"""

import asyncio
import cProfile
import pstats
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from benchmarks.by_hand import RawClient
from benchmarks.calls import kit, pause
from benchmarks.measure import Row, main
from benchmarks.server import Stub

CALLS = 100


async def count(call: Callable[[], Awaitable[object]]) -> float:
    """Count the function calls of one call, after the work that happens only once."""
    for _ in range(5):
        await call()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(CALLS):
        await call()
    profile.disable()
    total: int = vars(pstats.Stats(profile))["total_calls"]
    return total / CALLS


async def _count_both(url: str) -> tuple[float, float]:
    raw, client = RawClient(url), kit(url)
    found = await count(raw.pause), await count(partial(pause, client))
    await raw.aclose()
    await client.aclose()
    return found


def measure(rounds: int) -> Sequence[Row]:
    """Return the one row; further rounds would give the same."""
    del rounds
    with Stub() as stub:
        theirs, mine = asyncio.run(_count_both(stub.url))
    return [
        Row(
            what="function calls in a pause",
            side="fieldingkit",
            value=mine,
            unit="calls",
            beside="raw aiohttp",
            reference=theirs,
            ratio=mine / theirs,
            budget=1.15,
        )
    ]


if __name__ == "__main__":
    main(measure)
