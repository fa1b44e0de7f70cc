"""The number of function calls of one pause within a trace, in Python and in C: exact on any machine.

fieldingkit is also counted on aiohttp's session.
"""

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
BUDGET, ON_SESSION = 0.90, 1.17


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return both rows; further rounds would give the same."""
    del rounds, quick
    with Stub() as stub, within_trace():
        theirs, mine, on_session = asyncio.run(_count_all(stub.url))
    return [
        _row("fieldingkit", mine, theirs, budget=BUDGET),
        _row("fieldingkit, on the session", on_session, theirs, budget=ON_SESSION),
    ]


def _row(side: str, mine: float, theirs: float, *, budget: float) -> Row:
    return Row(
        what="function calls of a pause",
        side=side,
        value=mine,
        unit="calls",
        beside="raw aiohttp",
        reference=theirs,
        ratio=mine / theirs,
        budget=budget,
    )


async def _count_all(url: str) -> list[float]:
    found: list[float] = []
    # The last changes the whole process.
    for make in (aiohttp_way.asynchronous, fieldingkit_way.asynchronous, fieldingkit_way.over_session):
        way = make(url)
        found.append(await _count(way.pause))
        await way.close()
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
