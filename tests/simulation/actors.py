"""Those who act: the operator with his commands, a second process, a colleague, and the clock's owner."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from fieldingkit import AsyncClient
from fieldingkit.errors import FieldingKitError
from fieldingkit.rendering.wording import headline
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun
from fieldingkit.sandbox import TransitionRefusedError
from fieldingkit.sweeps import Action, SweepPlan, TargetGroupQuery, preview, sweep, undo, undo_plan
from fieldingkit.sweeps.checkpoint import load_undecided
from fieldingkit.sweeps.continuation import choose_run
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.locks import lock_sweep
from fieldingkit.sweeps.plan_file import recheck
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import SweepReport
from fieldingkit.sweeps.report_files import to_document
from fieldingkit.workflows import update_run
from simulation.loop import SimulatedLoop
from simulation.machine import CrashPoint, Disk, Host, Machine, Trace
from simulation.network import Network
from simulation.server import Server
from simulation.worlds import ACCOUNTS, Command, World

__all__ = ["Decision", "Identity", "Operator", "Process", "Site", "colleague", "set_clock"]

URLS = ("https://api.example/v1", "https://staging.example/v1")


@attrs.frozen
class Identity:
    """An account at an API."""

    url: str
    account: int


@attrs.frozen
class Decision:
    """A decision after the first target groups of a sweep."""

    at: float
    """When their report was shown."""
    report: SweepReport
    """Their report."""
    goes_on: bool
    """The decision to send the others."""


@attrs.define(eq=False)
class Process:
    """One process: what it was to do, and what it said."""

    name: str
    kind: str
    """``plan``, ``sweep``, ``undo`` or ``update``."""
    identity: Identity
    run_id: str
    began: float
    plan: SweepPlan | None = None
    journal: Path | None = None
    undone: SweepReport | None = None
    """The report that an undo was given."""
    ended: float | None = None
    died: bool = False
    report: SweepReport | None = None
    headline: str = ""
    error: str | None = None
    defect: str | None = None
    """An error that is none of the package's own."""
    named: bool = True
    """False for the same command again, which acts on what matches now."""
    planned: SweepPreview | None = None
    """The content of the plan file that it applies."""
    decision: Decision | None = None
    """Its decision after the first target groups."""
    result: Any = None
    number: int = 0
    """The number of its command."""
    quiet: bool = False
    """Whether it began after the faults had ended."""


@attrs.define(eq=False)
class Site:
    """Everything of one simulation."""

    world: World
    loop: SimulatedLoop
    folder: Path
    trace: Trace
    host: Host
    servers: dict[str, Server]
    networks: dict[str, Network]
    processes: list[Process] = attrs.field(factory=list)
    chance: random.Random = attrs.field(factory=random.Random)

    def identities(self) -> list[Identity]:
        """Return the accounts, that of the operator first."""
        return [
            Identity(url, account) for url in URLS[: self.world.apis] for account in ACCOUNTS[: self.world.accounts]
        ]

    async def run(
        self, process: Process, work: Callable[[Machine], Awaitable[None]], crash: CrashPoint | None = None
    ) -> None:
        """Run a process to its end or death."""
        self.processes.append(process)
        machine = Machine(process.name, self.host, self.trace, chance=self.chance.random, crash=crash)
        self.trace.add(f"{process.name} begins: {process.kind} {process.run_id}")

        async def main() -> bool:
            try:
                await work(machine)
            except FieldingKitError as exc:
                process.error = f"{type(exc).__name__}: {exc.message}"
            except Exception as exc:  # noqa: BLE001  # the oracle judges it
                process.error = process.defect = f"{type(exc).__name__}: {exc}"
            return True

        process.died = not await machine.run(main())
        process.ended = self.loop.time()
        # Messages may name the real process, host and time.
        outcome = "died" if process.died else (process.error or process.headline or "done").partition(":")[0]
        self.trace.add(f"{process.name} ended: {outcome}")

    def client(self, identity: Identity, machine: Machine, rate: float | None) -> AsyncClient:
        """Return a client of a process."""
        server = self.servers[identity.url]
        return AsyncClient(
            auth=server.sandbox.token,
            base_url=identity.url,
            account_id=identity.account,
            transport=self.networks[identity.url],
            clock=machine,
            rate=rate,
        )

    @contextmanager
    def journal(self, path: Path, machine: Machine) -> Generator[Journal]:
        """Open a journal for a process."""
        journal = Journal(path, executor=Disk(machine))
        machine.journals.append(journal)
        with journal:
            yield journal


@attrs.frozen
class _Choice:
    """The journal and the run of a process."""

    journal: Path | None
    run_id: str
    resumed: bool = False
    continues: str | None = None


@attrs.define(eq=False)
class Operator:
    """Gives the commands, one after the other, and starts them again after each death."""

    site: Site
    _names: int = 0

    async def work(self) -> None:
        """Give all commands."""
        if self.site.world.update_run:
            await self._update_run()
        for number, command in enumerate(self.site.world.commands):
            await asyncio.sleep(command.pause if number else 0.0)
            await self._command(number, command)

    async def quiet_end(self) -> None:
        """Resume every run that left something open, after all faults have ended."""
        last: dict[tuple[int, str, Identity], Process] = {}
        for process in self.site.processes:
            if process.journal is not None and process.plan is not None:
                last[process.number, process.kind, process.identity] = process
        refused = ("belongs to", "JournalError", "InvalidCommandError")
        for process in last.values():
            report = process.report
            done = report is not None and not (report.counts.unknown or report.counts.not_sent)
            if done or (process.error or "").startswith(refused) or process.plan is None or process.journal is None:
                continue
            again = self._process(process.kind, process.identity, process.run_id, process.number)
            again.plan, again.journal, again.quiet, again.undone = process.plan, process.journal, True, process.undone
            again.planned = process.planned
            await self.site.run(again, lambda machine, again=again: self._resume(machine, again))

    async def _command(self, number: int, command: Command) -> None:
        site = self.site
        own = site.identities()[0]
        others = site.identities()[1:]
        plan = self._plan(number, command)
        planned = None if command.planned is None else await self._write_plan(number, command, plan, own)
        if command.planned is not None and planned is None:
            return
        first = asyncio.create_task(self._attempts(number, command, plan, own, others))
        if command.twin is not None:
            await asyncio.sleep(command.twin)
            twin = self._process("sweep", own, f"run{number}-twin", number)
            await site.run(twin, lambda machine: self._sweep(machine, twin, number, command, plan, named=False))
        process = await first
        if process is None or process.report is None:
            return
        undone = process.report
        journal = site.folder / f"undo{number}.journal"
        for attempt in command.undo:
            await asyncio.sleep(attempt.pause)
            site.host.offset += attempt.clock
            again = self._process("undo", process.identity, undo_plan(undone).run_id, number)
            again.undone, again.plan, again.journal = undone, undo_plan(undone), journal
            work = partial(self._undo, process=again, undone=undone, path=journal, command=command)
            await site.run(again, work, attempt.crash)
            if not again.died:
                break

    async def _write_plan(self, number: int, command: Command, plan: SweepPlan, identity: Identity) -> Path | None:
        """Write what a command would do to a file; return it after a while, or None if that failed."""
        path = self.site.folder / f"run{number}.plan"
        process = self._process("plan", identity, f"{plan.run_id}-plan", number)

        async def work(machine: Machine) -> None:
            async with self.site.client(identity, machine, command.rate) as client:
                (await preview(client, plan)).save(path)

        await self.site.run(process, work)
        await asyncio.sleep(command.planned or 0.0)
        return path if path.exists() else None

    async def _attempts(
        self, number: int, command: Command, plan: SweepPlan, own: Identity, others: Sequence[Identity]
    ) -> Process | None:
        """Start the command until it ends by itself; return the last process of the operator's own account."""
        site = self.site
        last: Process | None = None
        for attempt in command.attempts:
            await asyncio.sleep(attempt.pause)
            site.host.offset += attempt.clock
            elsewhere = bool(attempt.other_identity and others)
            identity = others[0] if elsewhere else own
            process = self._process("sweep", identity, plan.run_id, number)
            await site.run(
                process,
                lambda machine, process=process, attempt=attempt: self._sweep(
                    machine, process, number, command, plan, named=attempt.by_run_id
                ),
                attempt.crash,
            )
            if not elsewhere:
                last = process
        return last

    async def _sweep(
        self, machine: Machine, process: Process, number: int, command: Command, plan: SweepPlan, *, named: bool
    ) -> None:
        """Do what the command line does for a sweep."""
        site, identity = self.site, process.identity
        planned: SweepPreview | None = None
        if command.planned is not None:
            planned, named = SweepPreview.load(site.folder / f"run{number}.plan"), True
            plan = planned.plan
        process.planned, process.named = planned, named
        async with site.client(identity, machine, command.rate) as client:
            with lock_sweep(RunIdentity.of(client, plan), plan, site.folder / "locks"):
                choice = self._choose(number, command, client, plan, process, named=named)
                process.run_id, process.journal = choice.run_id, choice.journal
                plan = process.plan = attrs.evolve(plan, run_id=choice.run_id)
                shown = None
                if not choice.resumed:
                    shown = await self._show(client, machine, command, plan, planned)
                proceed = partial(self._decide, machine, process, command.decision, command.deciding)
                if choice.journal is None:
                    report = await sweep(client, plan, preview=shown, verify=command.verify, proceed=proceed)
                    self._say(process, report)
                    return
                with site.journal(choice.journal, machine) as journal:
                    if choice.resumed:
                        shown = await self._show_undecided(client, journal, process)
                    report = await sweep(
                        client,
                        plan,
                        journal=journal,
                        preview=shown,
                        verify=command.verify,
                        proceed=proceed,
                        until_none_left=command.until_none_left,
                        continues=choice.continues,
                    )
                    self._say(process, report)
                    journal.mark_reported(report.run_id, site.host.wall())

    @staticmethod
    async def _show(
        client: AsyncClient, machine: Machine, command: Command, plan: SweepPlan, planned: SweepPreview | None
    ) -> SweepPreview | None:
        """Show what would be sent, and wait for the confirmation; a plan file is compared with the API."""
        if planned is None and command.thinking is None:
            return None
        shown = await (preview(client, plan) if planned is None else recheck(client, planned))
        await machine.sleep(command.thinking or 0.0)
        return shown if planned is None or shown.recent(machine.now()) else await recheck(client, planned)

    @staticmethod
    async def _show_undecided(client: AsyncClient, journal: Journal, process: Process) -> SweepPreview | None:
        """Compare a plan file with the API again if statuses could not be read before, or it was not begun."""
        if process.planned is None or process.plan is None:
            return None
        undecided = await load_undecided(journal, process.plan, RunIdentity.of(client, process.plan))
        return None if undecided is not None and not undecided else await recheck(client, process.planned)

    @staticmethod
    async def _decide(machine: Machine, process: Process, decision: str, seconds: float, first: SweepReport) -> bool:
        """Decide after the first target groups."""
        goes_on = first.ok if decision == "ok" else decision == "yes"
        process.decision = Decision(machine.now(), first, goes_on)
        await machine.sleep(seconds)
        return goes_on

    async def _undo(
        self, machine: Machine, process: Process, undone: SweepReport, path: Path, command: Command
    ) -> None:
        async with self.site.client(process.identity, machine, command.rate) as client:
            with self.site.journal(path, machine) as journal:
                self._say(process, await undo(client, undone, journal=journal))

    async def _resume(self, machine: Machine, process: Process) -> None:
        """Resume a run by its name."""
        assert process.plan is not None
        assert process.journal is not None
        async with self.site.client(process.identity, machine, None) as client:
            with self.site.journal(process.journal, machine) as journal:
                proceed = partial(self._decide, machine, process, "ok", 0.0)
                shown = await self._show_undecided(client, journal, process)
                if process.kind == "undo" and process.undone is not None and not _has_run(journal, process.run_id):
                    self._say(process, await undo(client, process.undone, journal=journal))
                else:
                    report = await sweep(client, process.plan, journal=journal, preview=shown, proceed=proceed)
                    self._say(process, report)
                journal.mark_reported(process.run_id, self.site.host.wall())

    def _choose(
        self, number: int, command: Command, client: AsyncClient, plan: SweepPlan, process: Process, *, named: bool
    ) -> _Choice:
        """Choose the journal and the run, as the command line does."""
        site = self.site
        fresh = f"run{number}-{len(site.processes)}"
        if command.journal == "none" and command.planned is None:
            return _Choice(None, fresh)
        folder = site.folder / process.identity.url.split("/")[2]
        folder.mkdir(exist_ok=True)
        fixed = site.folder / f"named{number}.journal"
        candidates = [fixed] if command.journal == "named" else sorted(folder.glob("*.journal"), reverse=True)
        max_age = timedelta(hours=12 if command.journal == "named" else 1)
        for path in [candidate for candidate in candidates if candidate.exists()]:
            reader = Machine(f"{process.name} reads", site.host, site.trace, chance=lambda: 0.0)
            with Journal(path, read_only=True, executor=Disk(reader)) as journal:
                runs = journal.runs()
            now = datetime.fromtimestamp(site.host.wall(), UTC)
            identity = RunIdentity.of(client, plan)
            choice = choose_run(runs, identity, plan.fingerprint, now=now, named=named, max_age=max_age)
            if choice.kind == "resume" and choice.run is not None:
                return _Choice(path, choice.run.run_id, resumed=True)
            if choice.kind == "continue" and choice.run is not None:
                return _Choice(path, fresh, continues=choice.run.run_id)
        run_id = plan.run_id if named or not self._was_used(plan.run_id) else fresh
        return _Choice(fixed if command.journal == "named" else folder / f"{run_id}.journal", run_id)

    def _was_used(self, run_id: str) -> bool:
        return any(process.run_id == run_id and process.journal is not None for process in self.site.processes)

    @staticmethod
    def _say(process: Process, report: SweepReport) -> None:
        process.report = report
        process.run_id = report.run_id
        process.headline = headline(to_document(report))

    def _process(self, kind: str, identity: Identity, run_id: str, number: int = 0) -> Process:
        self._names += 1
        return Process(f"p{self._names}", kind, identity, run_id, self.site.loop.time(), number=number)

    def _plan(self, number: int, command: Command) -> SweepPlan:
        action = Action(command.action)
        common: dict[str, Any] = {
            "action": action,
            "run_id": f"run{number}",
            "chunk_size": command.chunk_size,
            "concurrency": command.concurrency,
            "max_retries": command.max_retries,
            "first": command.first,
        }
        if command.by_query:
            return SweepPlan(query=TargetGroupQuery(status=tuple(sorted(action.sources))), **common)
        identity = self.site.identities()[0]
        wanted: dict[str, list[str]] = {}
        chance = random.Random(f"{self.site.world.seed}/{number}/ids")
        for group in self.site.servers[identity.url].groups(identity.account):
            if chance.random() < command.share:
                wanted.setdefault(group.project_id, []).append(group.id)
        return SweepPlan(target_groups=wanted, check_status_first=command.check_status_first, **common)

    async def _update_run(self) -> None:
        """Give several target groups one day more."""
        site = self.site
        identity = site.identities()[0]
        for group in site.servers[identity.url].groups(identity.account)[:6]:
            run = group.run
            if run is None or run.status == "completed":
                continue
            process = self._process("update", identity, group.id)
            before = run.end_at
            process.plan = None

            async def work(machine: Machine, process: Process = process, run: Any = run, group: Any = group) -> None:
                command = GetFieldingRun(project_id=group.project_id, target_group_id=group.id, fielding_run_id=run.id)
                async with site.client(identity, machine, None) as client:
                    process.result = await update_run(client, command, _one_day_more)

            await site.run(process, work)
            await asyncio.sleep(25.0)  # what is still on its way arrives
            after = group.run
            process.run_id = f"{(after.end_at - before) / timedelta(days=1):g}"


def _one_day_more(run: FieldingRun) -> FieldingRun:
    assert run.end_fielding_at is not None
    return attrs.evolve(run, end_fielding_at=run.end_fielding_at + timedelta(days=1))


def _has_run(journal: Journal, run_id: str) -> bool:
    return any(run.run_id == run_id for run in journal.runs())


async def colleague(site: Site) -> None:
    """Change target groups, as another user would."""
    opposites = {"live": "pause", "paused": "resume", "completed": "relaunch", "scheduled": "complete"}
    groups = [group for server in site.servers.values() for acc in server.projects for group in server.groups(acc)]
    for move in site.world.colleague:
        await asyncio.sleep(max(0.0, move.at - site.loop.time()))
        group = groups[int(move.choice * len(groups))]
        for action in (move.action, opposites.get(group.status)):
            try:
                if action is not None:
                    group.act(action, by="colleague")
                    site.trace.add(f"colleague {action} {group.id}")
                    break
            except TransitionRefusedError:
                continue


async def set_clock(site: Site) -> None:
    """Set the host's time of day."""
    for at, seconds in sorted(site.world.clock_jumps):
        await asyncio.sleep(max(0.0, at - site.loop.time()))
        site.host.offset += seconds
        site.trace.add(f"clock {seconds:+g}")
