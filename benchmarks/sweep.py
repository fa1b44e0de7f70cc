"""A sweep over a real socket: requests, time and memory compared with the smallest possible values.

    python -m benchmarks.sweep --groups 3000 --projects 40 --rate 20
    python -m benchmarks.sweep --groups 100000 --projects 1000 --rate 30

The smallest number of requests is one page of the list for each hundred target groups of a project, and two requests
for each job: one to create it and one to poll it. The shortest time is what the rate allows for those requests.
"""

import argparse
import asyncio
import json
import math
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.measure import Row, keep_off_the_servers_core, machine, report
from benchmarks.sweep_server import SeededServer
from fieldingkit import AsyncClient
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sweeps import SweepPlan, SweepReport, sweep

MOST_REQUESTS, MOST_TIME = 1.3, 1.15


class Scenario(NamedTuple):
    """The size and the rate of a sweep."""

    groups: int
    projects: int
    rate: float | None
    job_seconds: float

    def __str__(self) -> str:
        rate = "no limit" if self.rate is None else f"{self.rate:g}/s"
        return f"{self.groups:,} groups, {self.projects:,} projects, {rate}"


def most_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def swept(server: SeededServer, scenario: Scenario, journal: Path | None) -> tuple[SweepReport, float]:
    """Pause all target groups; return the report and the duration in seconds."""
    plan = SweepPlan(action="pause", target_groups=server.groups)
    async with AsyncClient(**server.options, rate=scenario.rate) as client:
        await client.send(ListProjects())  # opens the connection and imports everything
        await asyncio.sleep(0 if scenario.rate is None else 1 / scenario.rate)
        server.counts()
        started = time.perf_counter()
        done = await sweep(client, plan, journal=journal)
        return done, time.perf_counter() - started


def measure(scenario: Scenario) -> Sequence[Row]:
    """Return the rows of one scenario."""
    before, cpu = most_memory(), time.process_time()
    with (
        SeededServer(scenario.groups, scenario.projects, scenario.job_seconds) as server,
        TemporaryDirectory() as folder,
    ):
        jobs = sum(math.ceil(len(ids) / 100) for ids in server.groups.values())
        least = jobs + 2 * jobs
        done, took = asyncio.run(swept(server, scenario, Path(folder) / "sweeps.db"))
        counts = server.counts()
    cpu = time.process_time() - cpu
    grown = most_memory() - before
    assert tuple(done.counts) == (scenario.groups, 0, 0, 0, 0), done.counts
    assert counts["jobs"] == counts["different_jobs"] == jobs, counts
    assert counts["refused"] == 0, counts
    bound = max((least - 1) / scenario.rate if scenario.rate else 0.0, scenario.job_seconds)
    return [
        Row(
            what=f"{scenario}: requests",
            side="sweep",
            value=counts["requests"],
            unit="",
            beside="the smallest number",
            reference=least,
            ratio=counts["requests"] / least,
            budget=MOST_REQUESTS,
        ),
        Row(
            what=f"{scenario}: time",
            side="sweep, with a journal",
            value=took,
            unit="s",
            beside="what the rate allows" if scenario.rate else "one job",
            reference=bound,
            ratio=took / bound,
            budget=MOST_TIME if scenario.rate else None,
        ),
        Row(what=f"{scenario}: busiest second", side="sweep", value=counts["busiest_second"], unit="requests"),
        Row(what=f"{scenario}: CPU for each group", side="sweep", value=cpu / scenario.groups * 1e6, unit="us"),
        Row(what=f"{scenario}: memory for each group", side="sweep", value=grown / scenario.groups, unit="bytes"),
    ]


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, help="target groups; two standard scenarios by default")
    parser.add_argument("--projects", type=int, default=40)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second; 0 for no limit")
    parser.add_argument("--job-seconds", type=float, default=0.2, help="duration of a job")
    parser.add_argument("--rounds", type=int, default=1, help="number of rounds")
    parser.add_argument("--json", type=Path, help="a file for the rows")
    arguments = parser.parse_args()
    scenarios = [Scenario(3_000, 40, 20.0, 0.2), Scenario(100_000, 1_000, 30.0, 0.2)]
    if arguments.groups is not None:
        scenarios = [Scenario(arguments.groups, arguments.projects, arguments.rate or None, arguments.job_seconds)]
    keep_off_the_servers_core()
    rows = [line for scenario in scenarios for line in measure(scenario)]
    print(f"{machine()}\n{report(rows)}", flush=True)
    if arguments.json:
        found = {"machine": machine(), "rounds": 1, "rows": [line.as_json() for line in rows]}
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
