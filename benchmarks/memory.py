"""Leaks: memory, open files and threads after many calls, many jobs and many clients."""

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TOKEN
from benchmarks.rows import Row
from benchmarks.server import Stub
from benchmarks.ways import fieldingkit_way, many
from fieldingkit import AsyncClient, batch_jobs

ROUNDS = 1
CALLS = 100_000
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


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return all rows; further rounds would give the same."""
    del rounds
    calls = 1_000 if quick else CALLS
    tracemalloc.start()
    with Stub() as stub:
        taken = {
            f"{calls:,} calls": asyncio.run(after_calls(stub.url, calls)),
            f"{calls // 10:,} jobs": asyncio.run(after_jobs(stub.url, calls // 10)),
            f"{calls // 100:,} clients of each kind": after_clients(stub.url, calls // 100),
        }
    tracemalloc.stop()
    return [row for what, found in taken.items() for row in _rows(what, found)]


async def after_calls(url: str, count: int) -> list[Held]:
    """Return the resources after the first calls, after half of the others, and after all."""
    way = fieldingkit_way.asynchronous(url)
    found = await _held_after(way.pause, count)
    await way.close()
    return found


async def after_jobs(url: str, count: int) -> list[Held]:
    """Return the same for jobs that are created and polled."""
    async with AsyncClient(account_id=ACCOUNT, auth=TOKEN, base_url=url) as client:
        command = batch_jobs.PauseTargetGroups(project_id=PROJECT, target_group_ids=(GROUP,))
        return await _held_after(lambda: client.run(command), count)


def after_clients(url: str, count: int) -> list[Held]:
    """Return the same for clients of both kinds that are used and closed."""

    async def one() -> None:
        way = fieldingkit_way.asynchronous(url)
        await way.pause()
        await way.close()

    def some(count: int) -> None:
        for _ in range(count):
            asyncio.run(one())
            way = fieldingkit_way.blocking(url)
            way.pause()
            way.close()

    found: list[Held] = []
    for number in (max(count // 10, 5), count // 2, count // 2):
        some(number)
        found.append(held())
    return found


async def _held_after(call: Callable[[], Awaitable[object]], count: int) -> list[Held]:
    found: list[Held] = []
    for number in (max(count // 100, 500), count // 2, count // 2):
        await many(call, number, AT_ONCE)
        found.append(held())
    return found


def _rows(what: str, found: Sequence[Held]) -> list[Row]:
    before, between, after = found
    # A leak grows in both halves. The interpreter's table of names doubles at some moment, by nearly 1 MiB.
    more = 2 * min(between.kib - before.kib, after.kib - between.kib)
    grown = [
        ("memory", more, "KiB", MOST_KIB),
        ("open files", after.files - before.files, "files", 0),
        ("threads", after.threads - before.threads, "threads", 0),
    ]
    return [
        Row(what=f"after {what}: {name} more", side="fieldingkit", value=value, unit=unit, budget=budget)
        for name, value, unit, budget in grown
    ]
