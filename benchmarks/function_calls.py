"""The number of function calls of one pause within a trace, in Python and in C: exact on any machine."""

import asyncio
import cProfile
import pstats
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.by_hand import within_trace
from benchmarks.rows import Row
from benchmarks.server import Stub
from benchmarks.ways import aiohttp_way, fieldingkit_way

ROUNDS = 1
CALLS = 100


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return the one row; further rounds would give the same."""
    del rounds, quick
    with Stub() as stub, within_trace():
        theirs, mine = asyncio.run(_count_both(stub.url))
    return [
        Row(
            what="function calls of a pause",
            side="fieldingkit",
            value=mine,
            unit="calls",
            beside="raw aiohttp",
            reference=theirs,
            ratio=mine / theirs,
            budget=0.90,
        )
    ]


async def _count_both(url: str) -> tuple[float, float]:
    raw, kit = aiohttp_way.asynchronous(url), fieldingkit_way.asynchronous(url)
    found = await _count(raw.pause), await _count(kit.pause)
    await raw.close()
    await kit.close()
    return found


async def _count(call: Callable[[], Awaitable[object]]) -> float:
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
