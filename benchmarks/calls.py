"""A pause, one by one, 64 and 512 concurrently: fieldingkit against aiohttp by hand.

Run: ``python -m benchmarks.calls``
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TAG, TOKEN, RawClient, next_run
from benchmarks.measure import Row, Side, compare, main, row
from benchmarks.server import Stub
from fieldingkit import AsyncClient, fielding_runs

WIDTHS = {1: 300, 64: 640, 512: 1024}
"""The number of concurrent calls, and of all calls in a round."""


def kit(url: str) -> AsyncClient:
    """Create fieldingkit's client."""
    return AsyncClient(account_id=ACCOUNT, auth=TOKEN, base_url=url)


async def pause(client: AsyncClient) -> object:
    """Send the call with fieldingkit, including the construction of the command."""
    return await client.send(
        fielding_runs.PauseFieldingRun(
            project_id=PROJECT, target_group_id=GROUP, fielding_run_id=next_run(), if_match=TAG
        )
    )


async def many(call: Callable[[], Awaitable[object]], calls: int, width: int) -> None:
    """Make this many calls, ``width`` of them concurrently."""

    async def some() -> None:
        for _ in range(calls // width):
            await call()

    if width == 1:
        await some()
    else:
        await asyncio.gather(*(some() for _ in range(width)))


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    rows: list[Row] = []
    with asyncio.Runner() as runner, Stub() as stub:
        raw, client = runner.run(_open(stub.url))
        before = stub.stats()
        ways = {"raw aiohttp": raw.pause, "fieldingkit": partial(pause, client)}

        def run(call: Callable[[], Awaitable[object]], width: int, calls: int) -> None:
            runner.run(many(call, calls, width))

        for width, calls in WIDTHS.items():
            sides = [Side(name, partial(run, call, width), calls) for name, call in ways.items()]
            times = compare(sides, rounds)
            what = f"pause, {width} at once" if width > 1 else "pause, one by one"
            reference = times["raw aiohttp"]
            mine = times["fieldingkit"]
            rows += [
                row(f"{what}: CPU", ("fieldingkit", mine.cpu), ("raw aiohttp", reference.cpu), budget=1.10),
                row(
                    f"{what}: rate", ("fieldingkit", mine.wall), ("raw aiohttp", reference.wall), budget=0.9, rate=True
                ),
            ]
        runner.run(raw.aclose())
        runner.run(client.aclose())
        after = stub.stats()
    asked, cpu = after["requests"] - before["requests"], after["cpu"] - before["cpu"]
    share = cpu / (after["wall"] - before["wall"])
    return [
        *rows,
        Row(what="the server: what it could answer", side="Stub", value=asked / cpu, unit="calls/s"),
        Row(what="the server: its core in use meanwhile", side="Stub", value=share * 100, unit="%"),
    ]


async def _open(url: str) -> tuple[RawClient, AsyncClient]:
    return RawClient(url), kit(url)


if __name__ == "__main__":
    main(measure)
