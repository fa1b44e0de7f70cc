"""A pause and a finished job of 10,000 groups with other libraries, compared with aiohttp by hand.

Run: ``python -m benchmarks.alternatives``
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from benchmarks.by_hand import RawClient
from benchmarks.calls import many
from benchmarks.measure import Row, Side, compare, main, row
from benchmarks.server import Stub
from benchmarks.ways import Way, async_ways, blocking_ways

WIDTHS = {1: 100, 64: 256, 512: 512}
GROUPS = 10_000


async def _open(url: str) -> list[Way]:
    raw = RawClient(url)
    return [Way("raw aiohttp", raw.pause, raw.job, raw.aclose), *async_ways(url)]


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    rows: list[Row] = []
    with asyncio.Runner() as runner, Stub() as stub:
        ways = runner.run(_open(stub.url))
        blocking = list(blocking_ways(stub.url))

        def awaited(call: Callable[[], Awaitable[object]], width: int, calls: int) -> None:
            runner.run(many(call, calls, width))

        for width, calls in WIDTHS.items():
            sides = [Side(way.name, partial(awaited, way.pause, width), calls) for way in ways]
            if width == 1:
                sides += [Side(way.name + ", blocking", partial(_repeat, way.pause), calls) for way in blocking]
            rows += _rows(f"pause, {width} at once" if width > 1 else "pause, one by one", sides, rounds)
        sides = [Side(way.name, partial(awaited, partial(way.job, GROUPS), 1), 3) for way in ways]
        sides += [Side(way.name + ", blocking", partial(_repeat, partial(way.job, GROUPS)), 3) for way in blocking]
        rows += _rows("job of 10,000", sides, rounds)
        for way in ways:
            runner.run(way.close())
        for way in blocking:
            way.close()
    return rows


def _repeat(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()


def _rows(what: str, sides: Sequence[Side], rounds: int) -> list[Row]:
    times = compare(sides, rounds)
    first, *others = sides
    return [
        row(f"{what}: CPU", (side.name, times[side.name].cpu), (first.name, times[first.name].cpu)) for side in others
    ]


if __name__ == "__main__":
    main(measure, rounds=7)
