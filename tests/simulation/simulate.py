"""One simulation: from a seed to an outcome; shrinking of a failing seed, and the story of one target group."""

import asyncio
import gc
import random
import shutil
import tempfile
from collections.abc import Set as AbstractSet
from pathlib import Path

import attrs

from simulation.actors import URLS, Operator, Site, colleague, set_clock
from simulation.loop import SimulatedLoop, StalledError
from simulation.machine import Host, Machine, Trace
from simulation.network import Network
from simulation.oracle import Oracle, Violation
from simulation.server import Server
from simulation.story import story_of
from simulation.worlds import GENERATOR, SWITCHES, draw

__all__ = ["Outcome", "Stats", "shrink", "simulate"]

QUIET_PAUSE = 9000.0
"""Seconds between the end of the commands and the quiet end, in which everything under way arrives."""


@attrs.frozen(kw_only=True)
class Stats:
    """What happened in a simulation, so that one without events is noticed."""

    processes: int = 0
    crashes: int = 0
    requests: int = 0
    faults: int = 0
    moves: int = 0
    reports: int = 0
    undos: int = 0
    resumed: int = 0
    unknown: int = 0
    iterations: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Stats") -> "Stats":
        ours, theirs = attrs.asdict(self), attrs.asdict(other)
        return Stats(**{name: value + theirs[name] for name, value in ours.items()})


@attrs.frozen(kw_only=True)
class Outcome:
    """The result of a simulation."""

    seed: int
    off: frozenset[str]
    violations: tuple[Violation, ...]
    story: str
    """The story of the first violation; empty without one."""
    digest: str
    stats: Stats
    trace: tuple[str, ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        """The broken invariants."""
        return frozenset(violation.code for violation in self.violations)

    def __str__(self) -> str:
        off = f" without {', '.join(sorted(self.off))}" if self.off else ""
        lines = [f"seed {self.seed} of generator {GENERATOR}{off}:", *map(str, self.violations[:5]), self.story]
        return "\n".join(lines)


def simulate(
    seed: int, off: AbstractSet[str] = frozenset(), *, keep_trace: bool = False, group: str | None = None
) -> Outcome:
    """Run one simulation and judge it.

    Args:
        seed: The seed; the same one gives the same trace on the same version of Python.
        off: The causes to switch off.
        keep_trace: Whether to keep all steps.
        group: The target group of the story; that of the first violation by default.
    """
    world = draw(seed, off)
    random.seed(seed)
    loop = SimulatedLoop(Machine.adopt)
    trace = Trace(loop, keep=keep_trace)
    folder = Path(tempfile.mkdtemp(prefix="fieldingkit-", dir=_memory()))
    violations: list[Violation] = []
    site = Site(
        world=world,
        loop=loop,
        folder=folder,
        trace=trace,
        host=Host(loop, world.disk_delays),
        servers={},
        networks={},
        chance=random.Random(f"{seed}/disk"),
    )
    for url in URLS[: world.apis]:
        server = site.servers[url] = Server(url, loop, world, random.Random(f"{seed}/{url}/jobs"))
        network = site.networks[url] = Network(loop, world, random.Random(f"{seed}/{url}/network"), server)
        if world.forbidden_project is not None:
            projects = server.projects[101]
            network.forbidden = (projects[int(world.forbidden_project * len(projects))],)
    try:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_play(site))
        except StalledError as exc:
            violations.append(Violation("L1", str(exc)))
        violations += Oracle(site).judge()
        story = ""
        if violations or group is not None:
            subject = group or next((found.group for found in violations if found.group is not None), None)
            story = story_of(site, subject)
        return Outcome(
            seed=seed,
            off=frozenset(off),
            violations=tuple(violations),
            story=story,
            digest=trace.digest,
            stats=_stats(site),
            trace=tuple(trace.lines),
        )
    finally:
        _end(loop)
        shutil.rmtree(folder, ignore_errors=True)


async def _play(site: Site) -> None:
    background = [asyncio.create_task(colleague(site)), asyncio.create_task(set_clock(site))]
    operator = Operator(site)
    await operator.work()
    for task in background:
        task.cancel()
    for network in site.networks.values():
        network.quiet = True
    for server in site.servers.values():
        server.quiet = True
    await asyncio.sleep(QUIET_PAUSE)
    await operator.quiet_end()


def _end(loop: SimulatedLoop) -> None:
    """Cancel what is left, and close the loop."""
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop._files.iterations = 0
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    asyncio.set_event_loop(None)
    loop.close()


def _memory() -> str | None:
    """Return a folder in memory, if there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _stats(site: Site) -> Stats:
    reports = [process for process in site.processes if process.report is not None]
    return Stats(
        processes=len(site.processes),
        crashes=sum(process.died for process in site.processes),
        requests=sum(len(server.requests) for server in site.servers.values()),
        faults=sum(network.faults for network in site.networks.values()),
        moves=sum(len(moves) for server in site.servers.values() for moves in server.moves().values()),
        reports=len(reports),
        undos=sum(process.kind == "undo" for process in reports),
        unknown=sum(process.report.counts.unknown for process in reports if process.report is not None),
        iterations=site.loop.iterations,
        seconds=site.loop.time(),
    )


def shrink(seed: int, code: str) -> Outcome:
    """Return the same violation with as few causes as possible."""
    off: set[str] = set()
    outcome = simulate(seed)
    for switch in SWITCHES:
        smaller = simulate(seed, off | {switch})
        if code in smaller.codes:
            off.add(switch)
            outcome = smaller
    gc.collect()
    return outcome
