"""Sweeping a fleet over a real socket: requests, time and memory beside the least that would do.

    python -m benchmarks.fleet --groups 3000 --projects 40 --rate 20
    python -m benchmarks.fleet --groups 100000 --projects 1000 --rate 30

The least number of requests is a page of the list for each hundred target groups of a project, and for each job one to
create it and one to see that it has ended. The least time is what the rate allows for those.
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

from benchmarks.fleet_server import FleetServer
from benchmarks.measure import Row, keep_off_the_servers_core, machine, report
from fieldingkit import AsyncClient
from fieldingkit.resources.projects import ListProjects
from fieldingkit.sweeps import SweepPlan, SweepReport, sweep

MOST_REQUESTS, MOST_TIME = 1.3, 1.15


class Fleet(NamedTuple):
    """What is swept."""

    groups: int
    projects: int
    rate: float | None
    job_seconds: float

    def __str__(self) -> str:
        rate = "no limit" if self.rate is None else f"{self.rate:g}/s"
        return f"{self.groups:,} groups, {self.projects:,} projects, {rate}"


def most_memory() -> int:
    """The most bytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def swept(server: FleetServer, fleet: Fleet, journal: Path | None) -> tuple[SweepReport, float]:
    """Pause the whole fleet; gives the report and the seconds it took."""
    plan = SweepPlan(action="pause", target_groups=server.fleet)
    async with AsyncClient(**server.options, rate=fleet.rate) as client:
        await client.send(ListProjects())  # connected, and everything imported
        await asyncio.sleep(0 if fleet.rate is None else 1 / fleet.rate)
        server.counts()
        began = time.perf_counter()
        done = await sweep(client, plan, journal=journal)
        return done, time.perf_counter() - began


def measure(fleet: Fleet) -> Sequence[Row]:
    """All rows of one fleet."""
    before, cpu = most_memory(), time.process_time()
    with FleetServer(fleet.groups, fleet.projects, fleet.job_seconds) as server, TemporaryDirectory() as folder:
        jobs = sum(math.ceil(len(ids) / 100) for ids in server.fleet.values())
        least = jobs + 2 * jobs
        done, took = asyncio.run(swept(server, fleet, Path(folder) / "sweeps.db"))
        counts = server.counts()
    cpu = time.process_time() - cpu
    grown = most_memory() - before
    assert tuple(done.counts) == (fleet.groups, 0, 0, 0, 0), done.counts
    assert counts["jobs"] == counts["different_jobs"] == jobs, counts
    assert counts["refused"] == 0, counts
    bound = max((least - 1) / fleet.rate if fleet.rate else 0.0, fleet.job_seconds)
    return [
        Row(
            what=f"{fleet}: requests",
            side="sweep",
            value=counts["requests"],
            unit="",
            beside="the least",
            reference=least,
            ratio=counts["requests"] / least,
            budget=MOST_REQUESTS,
        ),
        Row(
            what=f"{fleet}: time",
            side="sweep, with a journal",
            value=took,
            unit="s",
            beside="what the rate allows" if fleet.rate else "one job",
            reference=bound,
            ratio=took / bound,
            budget=MOST_TIME if fleet.rate else None,
        ),
        Row(what=f"{fleet}: busiest second", side="sweep", value=counts["busiest_second"], unit="requests"),
        Row(what=f"{fleet}: CPU for each group", side="sweep", value=cpu / fleet.groups * 1e6, unit="us"),
        Row(what=f"{fleet}: memory for each group", side="sweep", value=grown / fleet.groups, unit="bytes"),
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, help="target groups; two fleets of the usual sizes if not given")
    parser.add_argument("--projects", type=int, default=40)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second; 0 for no limit")
    parser.add_argument("--job-seconds", type=float, default=0.2, help="how long a job takes")
    parser.add_argument("--rounds", type=int, default=1, help="how often")
    parser.add_argument("--json", type=Path, help="a file to write the rows to as well")
    arguments = parser.parse_args()
    fleets = [Fleet(3_000, 40, 20.0, 0.2), Fleet(100_000, 1_000, 30.0, 0.2)]
    if arguments.groups is not None:
        fleets = [Fleet(arguments.groups, arguments.projects, arguments.rate or None, arguments.job_seconds)]
    keep_off_the_servers_core()
    rows = [line for fleet in fleets for line in measure(fleet)]
    print(f"{machine()}\n{report(rows)}", flush=True)
    if arguments.json:
        found = {"machine": machine(), "rounds": 1, "rows": [line.as_json() for line in rows]}
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
