"""One process that waits for 10,000 jobs: its memory, its requests, and the delay until their ends are found.

Memory is measured with a sandbox over a socket; requests and delays are simulated in virtual time, which makes them
exact.
"""

import asyncio
import itertools
import random
import resource
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import Excluded, Row
from benchmarks.sweep_server import SeededServer
from fieldingkit import AsyncClient, AsyncJob, PollPolicy
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.workflows import as_completed

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.sweep_simulation import CountingApi, make_groups, simulate

ROUNDS = 1
JOBS = 10_000
RATE = 400.0
JOB_SECONDS = 60.0
POLL = PollPolicy(first_delay=50.0, min_interval=5.0)
"""With the defaults the polls of 10,000 jobs would need more than the rate."""
SHORT, SLOW = 10.0, 1000.0
KIT = "as_completed"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows; further rounds would give the same. Memory is measured first, while the process is new."""
    del rounds
    jobs = 100 if quick else JOBS
    return [memory(jobs), *polls(jobs), slowness(jobs // 10)]


def memory(count: int) -> Row:
    """Measure the memory of jobs that do not end, and of waiting for them."""
    with SeededServer(1, 1, 3600.0) as server:
        grown = asyncio.run(_resident_of(server, count))
    return Row(
        what=f"{count:,} jobs waited for: memory, handles included",
        side=KIT,
        value=grown / 2**20,
        unit="MiB",
        budget=25 * count / JOBS,
    )


async def _resident_of(server: SeededServer, count: int) -> int:
    async with AsyncClient(**server.options) as client:
        [(project_id, (id_,))] = server.groups.items()
        job = await client.submit(PauseTargetGroups(project_id=project_id, target_group_ids=(id_,)))
        token = job.token()
        tasks = [asyncio.create_task(_first([job]))]  # imports everything
        await asyncio.sleep(0.5)
        before = _resident()
        tasks.append(asyncio.create_task(_first([client.job(token) for _ in range(count)])))
        await asyncio.sleep(2.0)
        grown = _resident() - before
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return grown


async def _first(jobs: Sequence[AsyncJob[Any]]) -> None:
    async for _ in as_completed(jobs):
        return


def _resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def polls(count: int) -> list[Row]:
    """Measure how jobs that take a minute are polled at a limited rate."""
    api = CountingApi(make_groups(count, count), lambda _: JOB_SECONDS)
    age = JOB_SECONDS + statistics.mean(_delays(api, rate=RATE, deadline=None, poll=POLL).values())
    what = f"{count:,} jobs of {JOB_SECONDS:g} s"
    return [
        Row(
            what=f"{what}: busiest second",
            side=KIT,
            value=api.busiest_second,
            unit="requests",
            beside="the rate",
            reference=RATE,
            ratio=api.busiest_second / RATE,
            budget=1.0,
        ),
        Row(
            what=f"{what}: found finished after",
            side=KIT,
            value=age,
            unit="s",
            beside="their duration",
            reference=JOB_SECONDS,
            ratio=age / JOB_SECONDS,
            budget=1.2 + 0.1 / JOB_SECONDS,
        ),
    ]


def slowness(count: int) -> Row:
    """Measure when jobs of 10 s are found finished among much slower ones, and among as many that are as fast."""
    groups, share = make_groups(count, count), 10
    alike = CountingApi(groups, lambda _: SHORT)
    numbers = itertools.count()
    mixed = CountingApi(groups, lambda _: SLOW if next(numbers) % share else SHORT)
    delays, among = _delays(alike), _delays(mixed)
    short = [delay for id_, delay in among.items() if mixed.jobs[id_].ends < SLOW]
    age, reference = SHORT + statistics.mean(short), SHORT + statistics.mean(delays.values())
    return Row(
        what=f"{count // share:,} jobs of {SHORT:g} s among {count - count // share:,} others: found finished after",
        side=f"others of {SLOW:g} s",
        value=age,
        unit="s",
        beside=f"others of {SHORT:g} s",
        reference=reference,
        ratio=age / reference,
        budget=1.0,
    )


def _delays(api: CountingApi, **options: Any) -> dict[str, float]:
    """Return the virtual seconds from the end of each job, by its id, until it was found."""

    async def submit(client: AsyncClient, project_id: str, ids: Sequence[str]) -> AsyncJob[BatchResult]:
        return await client.submit(PauseTargetGroups(project_id=project_id, target_group_ids=tuple(ids)))

    async def work(client: AsyncClient) -> dict[str, float]:
        jobs = await asyncio.gather(*(submit(client, *project) for project in api.groups.items()))
        return {
            job.id: client.clock.now() - api.jobs[job.id].ends async for job in as_completed(jobs, max_concurrency=64)
        }

    random.seed(20261126)
    delays, _ = simulate(api, work, **options)
    return delays
