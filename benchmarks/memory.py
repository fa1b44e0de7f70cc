"""Leaks: memory, open files and threads after many calls, many jobs and many clients.

Run: ``python -m benchmarks.memory [--rounds N]``; a round has 1,000 calls, 100 jobs and 10 clients.
"""

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TOKEN
from benchmarks.calls import kit, pause
from benchmarks.measure import Row, main
from benchmarks.server import Stub
from fieldingkit import AsyncClient, Client, batch_jobs

AT_ONCE = 50
MOST_KIB = 1024


class Held(NamedTuple):
    """The resources of this process."""

    kib: float
    files: int
    threads: int


def held() -> Held:
    """Return the current resources, after a garbage collection."""
    gc.collect()
    return Held(
        tracemalloc.get_traced_memory()[0] / 1024, len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    )


async def job(client: AsyncClient) -> object:
    """Run a job from its creation to its result."""
    return await client.run(batch_jobs.PauseTargetGroups(project_id=PROJECT, target_group_ids=(GROUP,)))


async def several(client: AsyncClient, do: Callable[[AsyncClient], Awaitable[object]], count: int) -> None:
    """Do the work this many times, partly concurrently."""

    async def some() -> None:
        for _ in range(count // AT_ONCE):
            await do(client)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def kept(url: str, do: Callable[[AsyncClient], Awaitable[object]], count: int) -> tuple[Held, Held]:
    """Return the resources after a tenth of the work, and after all of it."""
    async with kit(url) as client:
        await several(client, do, max(count // 10, AT_ONCE))
        before = held()
        await several(client, do, count)
        return before, held()


def clients(url: str, count: int) -> tuple[Held, Held]:
    """Return the resources after a few clients of both kinds were used and closed, and after many more."""

    async def one() -> None:
        async with kit(url) as client:
            await pause(client)

    def some(count: int) -> None:
        for _ in range(count):
            asyncio.run(one())
            with Client(account_id=ACCOUNT, auth=TOKEN, base_url=url) as client:
                client.call(pause)

    some(max(count // 10, 5))
    before = held()
    some(count)
    return before, held()


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    tracemalloc.start()
    with Stub() as stub:
        taken = {
            f"{1000 * rounds:,} calls": asyncio.run(kept(stub.url, pause, 1000 * rounds)),
            f"{100 * rounds:,} jobs": asyncio.run(kept(stub.url, job, 100 * rounds)),
            f"{10 * rounds:,} clients of each kind": clients(stub.url, 10 * rounds),
        }
    tracemalloc.stop()
    rows: list[Row] = []
    for what, (before, after) in taken.items():
        grown = [
            ("memory", after.kib - before.kib, "KiB", MOST_KIB),
            ("open files", after.files - before.files, "files", 0),
            ("threads", after.threads - before.threads, "threads", 0),
        ]
        rows += [
            Row(what=f"after {what}: {name} more", side="fieldingkit", value=value, unit=unit, budget=budget)
            for name, value, unit, budget in grown
        ]
    return rows


if __name__ == "__main__":
    main(measure, rounds=100)
