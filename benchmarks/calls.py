"""A pause within a trace, one by one, 64 and 512 at once: fieldingkit beside aiohttp by hand.

fieldingkit is also measured on aiohttp's session, which sends its requests where there is a proxy, an instrumentation
or aioresponses. A second process of the same aiohttp by hand shows the noise.
"""

from collections.abc import Sequence
from functools import partial

from benchmarks.measure import Side, compare
from benchmarks.rows import Excluded, Row, compared
from benchmarks.server import Stub
from benchmarks.ways import aiohttp_way, fieldingkit_way, pauses

ROUNDS = 25
CALLS = {1: 400, 64: 640, 512: 1024}
"""How many calls a round has, by the number of calls at once."""
BUDGETS = {1: 0.90, 64: 0.80, 512: 0.80}
ON_SESSION = 1.08
RAW, AGAIN, KIT, SESSION = "raw aiohttp", "raw aiohttp, again", "fieldingkit", "fieldingkit, on the session"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    with Stub() as stub:
        rows = [row for width in CALLS for row in _of_width(stub.url, width, rounds, quick=quick)]
        return [*rows, _without_parent(stub.url, rounds, quick=quick)]


def _of_width(url: str, width: int, rounds: int, *, quick: bool) -> list[Row]:
    ways = {
        RAW: aiohttp_way.asynchronous,
        AGAIN: aiohttp_way.asynchronous,
        KIT: fieldingkit_way.asynchronous,
        SESSION: fieldingkit_way.over_session,
    }
    calls = width if quick else CALLS[width]
    sides = [
        Side(name=name, open=partial(pauses, make, url, width), calls=calls, warm_up=max(width, calls // 10))
        for name, make in ways.items()
    ]
    times = compare(sides, rounds)
    reference = (RAW, times[RAW].cpu)
    what = f"pause, {width} at once: CPU" if width > 1 else "pause, one by one: CPU"
    return [
        compared(what, (KIT, times[KIT].cpu), reference, budget=BUDGETS[width]),
        compared(what, (SESSION, times[SESSION].cpu), reference, budget=ON_SESSION),
        compared(what, (AGAIN, times[AGAIN].cpu), reference),
    ]


def _without_parent(url: str, rounds: int, *, quick: bool) -> Row:
    calls = 1 if quick else CALLS[1]
    ways = {RAW: aiohttp_way.asynchronous, KIT: fieldingkit_way.asynchronous}
    sides = [Side(name=name, open=partial(pauses, make, url, traced=False), calls=calls) for name, make in ways.items()]
    times = compare(sides, rounds)
    return compared("pause outside a trace, one by one: CPU", (KIT, times[KIT].cpu), (RAW, times[RAW].cpu))
