"""Sweeps: requests and time beside the smallest possible, CPU and memory.

Requests and times of equal jobs and the costs at 100,000 target groups are measured with a sandbox over a socket. The
other scenarios are simulated in virtual time, which makes them exact; the rounds differ in their random numbers.

The smallest number of requests is one page of the list for each project, and two requests for each job: one to create
it and one to poll it. The shortest time is what the rate allows for those requests, or the end of the last job.
"""

import asyncio
import random
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.rows import Excluded, Row, compared
from benchmarks.sweep_server import SeededServer
from fieldingkit import AsyncClient
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sweeps import SweepPlan, SweepReport, sweep

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.sweep_simulation import CountingApi, make_groups, simulate, spread

ROUNDS = 20
JOB_SECONDS = 0.2


class Size(NamedTuple):
    """The size of a sweep, and its requests per second."""

    groups: int
    projects: int
    rate: float

    def __str__(self) -> str:
        return f"sweep of {self.groups:,} in {self.projects:,} projects at {self.rate:g}/s"


SMALL, LARGE = Size(3_000, 40, 20.0), Size(100_000, 1_000, 100.0)


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    small, large = (Size(30, 3, 20.0), Size(100, 10, 100.0)) if quick else (SMALL, LARGE)
    return [*over_a_socket(small), *simulated(small, rounds), *costs(large)]


def over_a_socket(size: Size) -> list[Row]:
    """Return the requests and the time of a sweep with equal jobs."""
    with SeededServer(size.groups, size.projects, JOB_SECONDS) as server:
        swept = asyncio.run(run_sweep(server, size))
        counts = server.counts()
    assert counts["jobs"] == counts["different_jobs"] == size.projects, counts
    assert counts["refused"] == 0, counts
    least = 3 * size.projects
    bound = (least - 1) / size.rate
    what = f"{size}, equal jobs"
    return [
        Row(
            what=f"{what}: requests",
            side="sweep",
            value=counts["requests"],
            unit="",
            beside="the least",
            reference=least,
            ratio=counts["requests"] / least,
            budget=1.00,
        ),
        compared(f"{what}: time", ("sweep", [swept.wall]), ("what the rate allows", [bound]), unit="s", budget=1.03),
    ]


def costs(size: Size) -> list[Row]:
    """Return the CPU time and the memory of a large sweep."""
    before = most_memory()
    with SeededServer(size.groups, size.projects, JOB_SECONDS) as server:
        swept = asyncio.run(run_sweep(server, size))
    grown = most_memory() - before
    what = f"sweep of {size.groups:,}"
    return [
        Row(what=f"{what}: CPU of a group", side="sweep", value=swept.cpu / size.groups * 1e6, unit="us", budget=90),
        Row(what=f"{what}: memory of a group", side="sweep", value=grown / size.groups, unit="bytes", budget=1024),
    ]


class Swept(NamedTuple):
    """The CPU seconds and the wall seconds of a sweep."""

    cpu: float
    wall: float


async def run_sweep(server: SeededServer, size: Size) -> Swept:
    """Pause all target groups with a journal, without the verification after the last job."""
    plan = SweepPlan(action="pause", target_groups=server.groups)
    with TemporaryDirectory() as folder:
        async with AsyncClient(**server.options, rate=size.rate) as client:
            await client.send(ListProjects())  # opens the connection and imports everything
            await asyncio.sleep(1 / size.rate)
            server.counts()
            cpu, wall = time.process_time(), time.perf_counter()
            report = await sweep(client, plan, journal=Path(folder) / "sweeps.db", verify=False)
            swept = Swept(time.process_time() - cpu, time.perf_counter() - wall)
    assert tuple(report.counts) == (size.groups, 0, 0, 0, 0, 0), report.counts
    return swept


def most_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def simulated(size: Size, rounds: int) -> list[Row]:
    """Return the rows of the scenarios in virtual time."""
    groups = make_groups(size.groups, size.projects)

    def runs(**options: Any) -> tuple[list[CountingApi], list[float]]:
        apis = [CountingApi(groups, seed=seed, **options) for seed in range(rounds)]
        return apis, [_simulate(api, size.rate, seed) for seed, api in enumerate(apis)]

    def row(what: str, value: list[float], beside: tuple[str, list[float]], budget: float, unit: str = "s") -> Row:
        return compared(f"{size}, {what}", ("sweep", value), beside, unit=unit, budget=budget)

    different, took = runs(seconds=spread(2.0, 60.0))
    ready = [api.bound(size.rate) for api in different]
    requests, least = [float(api.requests) for api in different], [3.0 * size.projects] * rounds
    rows = [
        row("jobs of 2 to 60 s: time", took, ("the last job", ready), 1.08),
        row("jobs of 2 to 60 s: requests", requests, ("the least", least), 2.0, unit=""),
    ]
    slow, took = runs(latency=0.2)
    rows.append(
        row("latency of 200 ms: time", took, ("what the rate allows", [api.bound(size.rate) for api in slow]), 1.05)
    )
    failing, took = runs(failures=0.05)
    own = [(api.requests - 1) / size.rate for api in failing]
    return [*rows, row("5 % of 503: time", took, ("its requests at the rate", own), 1.05)]


def _simulate(api: CountingApi, rate: float, seed: int) -> float:
    """Return the virtual seconds of a sweep."""
    random.seed(seed)
    plan = SweepPlan(action="pause", target_groups=api.groups)

    async def work(client: AsyncClient) -> SweepReport:
        return await sweep(client, plan, verify=False)

    report, took = simulate(api, work, rate=rate)
    assert report.counts.updated == sum(map(len, api.groups.values())), report.counts
    return took
