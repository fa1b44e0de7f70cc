"""A finished job of 10,000 target groups, a fifth of them failed: requested, read, decoded and typed."""

from collections.abc import Sequence
from functools import partial

from benchmarks.measure import Side, compare, missing_extras
from benchmarks.rows import Excluded, Row, compared
from benchmarks.server import Stub
from benchmarks.ways import Make, aiohttp_way, fieldingkit_way, jobs

ROUNDS = 25
GROUPS = 10_000
RAW, AGAIN, RAW_ORJSON = "raw aiohttp, json", "raw aiohttp, json, again", "raw aiohttp, orjson"
KIT, KIT_ORJSON = "fieldingkit", "fieldingkit, orjson"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    plain = {RAW: aiohttp_way.asynchronous, AGAIN: aiohttp_way.asynchronous, KIT: fieldingkit_way.asynchronous}
    fast = {RAW_ORJSON: aiohttp_way.with_orjson, KIT_ORJSON: fieldingkit_way.asynchronous}
    missing = "orjson" in missing_extras()
    with Stub() as stub:

        def side(name: str, make: Make, *, speed: bool) -> Side:
            return Side(name=name, open=partial(jobs, make, stub.url, GROUPS), calls=1 if quick else 5, speed=speed)

        sides = [side(name, make, speed=False) for name, make in plain.items()]
        sides += [] if missing else [side(name, make, speed=True) for name, make in fast.items()]
        cpu = {name: times.cpu for name, times in compare(sides, rounds).items()}

    def row(mine: str, theirs: str, budget: float | None = None) -> Row:
        return compared(f"job of {GROUPS:,}: CPU", (mine, cpu[mine]), (theirs, cpu[theirs]), budget=budget, unit="ms")

    rows = [row(KIT, RAW, 1.05), row(AGAIN, RAW)]
    if missing:
        return [*rows, Excluded(what=f"job of {GROUPS:,} with orjson", reason="orjson is not installed")]
    return [*rows, row(KIT_ORJSON, RAW, 0.85), row(KIT_ORJSON, RAW_ORJSON)]
