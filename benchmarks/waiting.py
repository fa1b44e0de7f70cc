"""One process that waits for 10,000 jobs: its memory, its request rate, and the delay until their ends are found.

Run: ``python -m benchmarks.waiting [--rounds HUNDREDS_OF_JOBS]``
"""

import asyncio
import resource
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.sweep_server import SeededServer, busiest_second
from fieldingkit import AsyncClient, AsyncJob, AttemptEvent, PollPolicy
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.workflows import as_completed

RATE = 400.0
JOB_SECONDS = 60.0
POLL = PollPolicy(first_delay=50.0, min_interval=5.0)
"""With the defaults each job would be polled 14 times, and 10,000 of them would keep the server busy for minutes."""
MOST_BYTES = 10 * 2**20
MOST_LATE = 1.2 + 0.1 / JOB_SECONDS


def measure(rounds: int) -> Sequence[Row]:
    """Measure memory first, because the objects that the second part leaves behind would count in it."""
    jobs = 100 * rounds
    return [*measure_memory(jobs), *measure_polls(jobs)]


def measure_memory(count: int) -> Sequence[Row]:
    """Measure the memory of waiting for jobs that do not end."""
    with SeededServer(1, 1, 3600.0) as server:
        handles, waiting = asyncio.run(_remembered(server, count))
    return [
        Row(what=f"{count:,} jobs: memory of the handles", side="Job", value=handles / 2**20, unit="MiB"),
        Row(
            what=f"{count:,} jobs waited for: memory beyond that",
            side="as_completed",
            value=waiting / 2**20,
            unit="MiB",
            budget=MOST_BYTES * count / 10_000 / 2**20,
        ),
    ]


async def _remembered(server: SeededServer, count: int) -> tuple[int, int]:
    """Return the bytes of a number of handles, and of waiting for them."""
    async with AsyncClient(**server.options) as client:
        [(project_id, (id_,))] = server.groups.items()
        token = (await client.submit(PauseTargetGroups(project_id=project_id, target_group_ids=(id_,)))).token()
        before = _resident()
        jobs = [client.job(token) for _ in range(count)]
        handles = _resident() - before
        task = asyncio.ensure_future(_first(jobs))
        await asyncio.sleep(2.0)
        waiting = _resident() - before - handles
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return handles, waiting


async def _first(jobs: Sequence[AsyncJob[Any]]) -> None:
    async for _ in as_completed(jobs):
        return


def _resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure_polls(count: int) -> Sequence[Row]:
    """Measure how jobs that take a minute are polled at a limited rate."""
    with SeededServer(count, min(count, 100), JOB_SECONDS) as server:
        ages, departures = asyncio.run(_polled(server))
        counts = server.counts()
    assert counts["jobs"] == len(ages) == count
    assert counts["refused"] == 0
    busiest = busiest_second(departures)
    return [
        Row(
            what=f"{count:,} jobs of {JOB_SECONDS:g} s: busiest second",
            side="as_completed",
            value=busiest,
            unit="requests",
            beside="the rate set",
            reference=RATE,
            ratio=busiest / RATE,
            # The limiter makes up for a slot that the event loop missed: one request more may leave in a second.
            budget=1 + 1 / RATE,
        ),
        Row(
            what=f"{count:,} jobs of {JOB_SECONDS:g} s: polls of each",
            side="as_completed",
            value=counts["requests"] / count - 1,
            unit="polls",
        ),
        Row(
            what=f"{count:,} jobs of {JOB_SECONDS:g} s: found finished after",
            side="as_completed",
            value=statistics.mean(ages),
            unit="s",
            beside="how long they take",
            reference=JOB_SECONDS,
            ratio=statistics.mean(ages) / JOB_SECONDS,
            budget=MOST_LATE,
        ),
    ]


async def _polled(server: SeededServer) -> tuple[list[float], list[datetime]]:
    """Return the age of each job when its end was found, and the departure times of all requests."""
    departures: list[datetime] = []

    def note(attempt: AttemptEvent) -> None:
        departures.append(datetime.now(UTC) - timedelta(seconds=attempt.duration))

    options = {**server.options, "rate": RATE, "deadline": None, "poll": POLL, "on_attempt": note}
    async with AsyncClient(**options) as client:

        async def submit(project_id: str, id_: str) -> tuple[AsyncJob[BatchResult], float]:
            job = await client.submit(PauseTargetGroups(project_id=project_id, target_group_ids=(id_,)))
            return job, time.perf_counter()

        groups = ((project_id, id_) for project_id, ids in server.groups.items() for id_ in ids)
        submitted = dict(await asyncio.gather(*(submit(*group) for group in groups)))
        ages = [time.perf_counter() - submitted[job] async for job in as_completed(submitted)]
    return ages, sorted(departures)


if __name__ == "__main__":
    main(measure, rounds=100)
