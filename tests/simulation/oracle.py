"""The oracle: holds what processes did and said against the API's record. Nothing else knows the invariants.

Words: a *move* of a target group is a status change in the API's history, with its time and author. A *read* of a
process at a target group is an answer that showed its status, or its changelog. A process began at ``b`` and makes its
claim at ``c``. Times are the API's; ties of a few milliseconds are excused.
"""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import attrs

from fieldingkit.rendering.wording import headline
from fieldingkit.sweeps.report import GroupOutcome, Outcome
from fieldingkit.sweeps.report_files import to_document
from simulation.actors import Identity, Process, Site
from simulation.machine import EPOCH
from simulation.server import Job, Move, StatusRead

__all__ = ["CODES", "Oracle", "Violation"]

GRACE = 30.0
"""The age in seconds up to which a read counts as recent."""
TIE = 0.003

CODES = {
    "A1": "a report has every target group exactly once",
    "A2": "a run moves a target group at most once",
    "A3": "no second job for a target group while an earlier one is open, or after it has reported success",
    "A4": "each row is true",
    "A5": "a headline in the present tense is true",
    "A6": "an undo takes back only what its run changed last",
    "A7": "no move against a colleague's later will",
    "A8": "no target group that matched is missing, unless the report shows doubt",
    "A9": "all requests and claims of a run are of one account at one API",
    "A10": "a report is not ok if something was not sent",
    "A11": "update_run applies a change at most once",
    "A12": "a run moves nothing that is not in its report",
    "A13": "no row claims an update over a colleague's later change",
    "A15": "two processes with the same sweep never both create jobs for a target group",
    "A16": "nothing but the first target groups is sent before it is decided, nor after a refusal",
    "A17": "a plan file is applied only to its target groups, and only while they have their planned status",
    "L1": "every command ends, in time and without an error of another kind than the package's own",
    "L2": "nothing is unknown if nothing went wrong",
    "L3": "after a quiet end nothing is unknown or unsent, but what no job and no read can show",
    "L4": "the end of a job is read in time",
}


@attrs.frozen
class Violation:
    """A broken invariant."""

    code: str
    text: str
    group: str | None = None
    process: str | None = None

    def __str__(self) -> str:
        where = f" [{self.group}]" if self.group else ""
        return f"{self.code} ({CODES[self.code]}): {self.text}{where}"


class Oracle:
    """The judge of one simulation."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.found: list[Violation] = []
        self.processes = {process.name: process for process in site.processes}
        self.jobs: list[tuple[Job, Identity]] = []
        self.moves: dict[str, dict[str, list[Move]]] = {}
        self.reads: dict[str, dict[str, list[StatusRead]]] = {}
        self.keys, self.continued, self.recorded = _read_journals(site)
        for url, server in site.servers.items():
            self.moves[url] = server.moves()
            self.reads[url] = server.reads
            for job in server.jobs():
                self.jobs.append((job, self.processes[job.machine].identity))
        self.jobs_of: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
        """The jobs of each run with each target group: by API, run (with those that continue it) and target group."""
        self.run_jobs: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
        for job, identity in self.jobs:
            for group in job.ids:
                self.run_jobs[identity.url, self.run_of(job), group].append(job)
                self.jobs_of[identity.url, self.chain(self.run_of(job)), group].append(job)
        self.blind = {
            (process.identity.url, self.chain(process.run_id))
            for process in site.processes
            if process.plan is not None
            if process.plan.query is None and not process.plan.check_status_first
        }
        """The runs that send without reading first; a list for another target group shows theirs by chance."""
        self.chain_reads: dict[tuple[str, str, str], list[StatusRead]] = defaultdict(list)
        for url, reads in self.reads.items():
            for group, seen in reads.items():
                for read in seen:
                    process = self.processes[read.machine]
                    if process.identity.url == url:
                        self.chain_reads[url, self.chain(process.run_id), group].append(read)

    def run_of(self, job: Job) -> str:
        """Return the run that a job belongs to."""
        return self.keys.get(job.key) or self.processes[job.machine].run_id

    def chain(self, run_id: str) -> str:
        """Return the first run of those that continue each other."""
        seen: set[str] = set()
        while run_id in self.continued and run_id not in seen:
            seen.add(run_id)
            run_id = self.continued[run_id]
        return run_id

    def scope(self, run_id: str) -> set[str]:
        """Return a run and those that it continues."""
        found: set[str] = set()
        while run_id not in found:
            found.add(run_id)
            run_id = self.continued.get(run_id, run_id)
        return found

    def judge(self) -> list[Violation]:
        """Return all violations."""
        for process in self.site.processes:
            if process.defect is not None:
                self._break("L1", f"{process.name}: {process.defect}", process=process)
            if process.kind == "update":
                self._update(process)
            elif process.report is not None:
                for check in (
                    self._report,
                    self._rows,
                    self._headline,
                    self._query,
                    self._same_command,
                    self._liveness,
                ):
                    check(process)
            if process.decision is not None:
                self._decided(process)
            if process.planned is not None:
                self._applied(process)
        self._runs()
        self._canaries()
        self._identity()
        self._twins()
        self._quiet_end()
        self._timeliness()
        return self.found

    def _break(self, code: str, text: str, group: str | None = None, process: Process | None = None) -> None:
        self.found.append(Violation(code, text, group, None if process is None else process.name))

    def _moves(self, process: Process, group: str) -> list[Move]:
        return self.moves[process.identity.url].get(group, [])

    def _resumed_later(self, machine: str | None, ended: float) -> bool:
        """Return whether a process that began after another one had ended resumed its run."""
        return any(other.name == machine and other.began >= ended for other in self.site.processes)

    def _run_of_move(self, move: Move, url: str) -> str | None:
        for job, identity in self.jobs:
            if move.job == job.id and identity.url == url:
                return self.run_of(job)
        return None

    def _stood_at(self, moves: list[Move], status: str, begins: float, ends: float, now: str) -> bool:
        """Return whether a target group had a status at some moment of an interval."""
        at = moves[0].before if moves else now
        for move in moves:
            if move.at > ends + TIE:
                break
            if move.at >= begins - TIE and at == status:
                return True
            at = move.after
        return at == status

    # Claims.

    def _report(self, process: Process) -> None:
        report = process.report
        assert report is not None
        assert process.plan is not None
        ids = [row.target_group_id for row in report.groups]
        if len(ids) != len(set(ids)) or report.counts.total != len(ids):
            self._break("A1", f"{process.name}: rows are repeated, or the counts do not add up", process=process)
        if process.plan.target_groups is not None and report.plan.target_groups is not None:
            wanted = {id_ for members in report.plan.target_groups.values() for id_ in members}
            # The report of an undo also names what stayed unknown.
            if not (set(ids) >= wanted if process.kind == "undo" else set(ids) == wanted):
                self._break("A1", f"{process.name}: the report has not the named target groups", process=process)
        sent = {
            id_
            for run in self.scope(process.run_id)
            for (url, other, id_), jobs in self.run_jobs.items()
            if (url, other) == (process.identity.url, run) and jobs[0].made <= (process.ended or 0.0)
        }
        if missing := sent - set(ids):
            self._break("A1", f"{process.name}: the report lacks what was sent", min(missing), process)
        unsent = report.counts.not_sent or any("not sent" in (row.reason or "") for row in report.groups)
        if report.ok and unsent:
            self._break("A10", f"{process.name}: ok, and not everything was sent", process=process)

    def _rows(self, process: Process) -> None:
        """A4 and A13: each row agrees with the record."""
        assert process.report is not None
        for row in process.report.groups:
            jobs = [job for job in self._jobs(process, row.target_group_id) if job.made <= (process.ended or 0.0)]
            if (text := self._contradiction(process, row, jobs)) is not None:
                self._break("A4", f"{process.name}: {text}", row.target_group_id, process)
            if row.outcome is Outcome.UPDATED:
                self._unseen_change(process, row.target_group_id, jobs)

    def _contradiction(self, process: Process, row: GroupOutcome, jobs: list[Job]) -> str | None:
        """Return what contradicts a row."""
        group, report, ended = row.target_group_id, process.report, process.ended
        assert report is not None
        assert ended is not None
        chain, target = self.chain(process.run_id), report.action.target.value
        moves, status = self._moves(process, group), self._status(process, group)
        reads = self.chain_reads[process.identity.url, chain, group]
        first_read = min((read.at for read in reads), default=process.began)
        sent = min((job.made for job in jobs), default=first_read)  # an earlier process may have read it, without a job
        if row.verified and not self._stood_at(moves, target, sent, ended, status):
            return f"verified, and it never was {target} since"
        if "may have been sent" in (row.reason or "") and self._was_accepted(process, jobs):
            return "it may have been sent, although a process had seen the API's answer"
        match row.outcome:
            case Outcome.UPDATED:
                said = any(group in job.updated and job.done is not None and job.done <= ended for job in jobs)
                return None if said else "updated, and no job says so"
            case Outcome.UNCHANGED:
                stood = self._stood_at(moves, target, first_read, ended, status)
                return None if stood else f"unchanged, and it never was {target}"
            case Outcome.FAILED:
                mine = [move for move in moves if self._run_of_move(move, process.identity.url) == process.run_id]
                if any(not self._resumed_later(move.machine, ended) for move in mine):
                    return "failed, and the run moved it"
                before = [self._run_of_move(move, process.identity.url) for move in moves if move.at <= ended]
                if before and before[-1] in self.scope(process.run_id):
                    return "failed, and an earlier run moved it"
                return "failed, and a job with it is open" if any(self._open(job, ended) for job in jobs) else None
            case Outcome.SKIPPED | Outcome.NOT_SENT:
                if "it is not known whether" in (row.reason or ""):
                    return None  # the job's outcome stays unknown, and the status allows no other job
                every = self._jobs(process, group)  # a send that arrives after the report counts as well
                sent_by_then = [job for job in every if not self._resumed_later(job.machine, ended)]
                return f"{row.outcome}, and a job has it" if sent_by_then else None
        return None

    def _was_accepted(self, process: Process, jobs: list[Job]) -> bool:
        """Return whether processes saw that all jobs with a target group were accepted, and lived on for a second."""
        world = self.site.world
        if world.failing_rate or world.forgetful_rate or len(self.scope(process.run_id)) > 1:
            return False  # another job for a retry may have been sent, of which the API knows nothing
        accepted = self.site.servers[process.identity.url].accepted
        return bool(jobs) and all(
            any((self.processes[name].ended or at) >= at + 1.0 for at, name in accepted[job.key]) for job in jobs
        )

    @staticmethod
    def _open(job: Job, at: float) -> bool:
        return not job.stuck and job.due > at

    def _is_of(self, move: Move, process: Process, chain: str) -> bool:
        run = self._run_of_move(move, process.identity.url)
        return run is not None and self.chain(run) == chain

    def _status(self, process: Process, group: str) -> str:
        server = self.site.servers[process.identity.url]
        try:
            return server.sandbox.group(group).status
        except KeyError:
            return ""

    def _unseen_change(self, process: Process, group: str, jobs: list[Job]) -> None:
        """A13: a row says updated over a change that a colleague made after the last read."""
        chain = self.chain(process.run_id)
        for job in jobs:
            if group in job.updated and (late := self._against_will(process.identity.url, chain, group, job)):
                self._break("A13", f"{process.name}: updated over a colleague's {late.after}", group, process)

    def _against_will(self, url: str, chain: str, group: str, job: Job) -> Move | None:
        """Return a colleague's move between the last read before a job and a little before the job."""
        if (url, chain) in self.blind:
            return None
        # A key that is sent again is the same job, even if its first send was lost or only recorded.
        first = self.site.servers[url].first_sent.get(job.key, job.made)
        sent = min(job.made, first, self.recorded.get(job.key, job.made))
        reads = [read.at for read in self.chain_reads[url, chain, group] if read.at <= min(first, job.made) + TIE]
        if not reads:
            return None
        for move in self.moves[url].get(group, ()):
            if move.by == "colleague" and max(reads) + TIE < move.at < sent - GRACE:
                return move
        return None

    def _headline(self, process: Process) -> None:
        report, ended = process.report, process.ended
        assert report is not None
        assert ended is not None
        target = report.action.target.value
        if not re.search(rf"target groups? (?:is|are) {target}", process.headline):
            return
        moved = {straggler.target_group_id for straggler in report.stragglers}
        for row in report.of(Outcome.UPDATED, Outcome.UNCHANGED):
            if row.target_group_id in moved:
                continue
            moves = self._moves(process, row.target_group_id)
            status = self._status(process, row.target_group_id)
            if not self._stood_at(moves, target, process.began, ended, status):
                text = f"{process.name}: {process.headline!r}, and it was not {target} in that time"
                self._break("A5", text, row.target_group_id, process)
                return

    def _query(self, process: Process) -> None:
        """A8: what matched all the time, or during all of the verification, is in the report."""
        report, ended, plan = process.report, process.ended, process.plan
        assert report is not None
        assert ended is not None
        # Only a run or a plan file that was named may know less than what matches now, if nothing was verified.
        resumed = report.started_at.timestamp() - EPOCH < process.began - GRACE or process.planned is not None
        if plan is None or report.as_of is not None or not report.ok:
            return
        if process.named and resumed and report.verified_at is None:
            return
        wanted = {str(status) for status in report.action.sources}
        known = {row.target_group_id for row in report.groups}
        last = self._last_listings(process)
        for group in self.site.servers[process.identity.url].groups(process.identity.account):
            if (group.id not in known and plan.query is None) or group.project_id not in last:
                continue
            begins, ends = last[group.project_id] if report.verified_at is not None else (process.began, ended)
            statuses = _statuses_in(self._moves(process, group.id), begins, ends, group.status)
            claimed = group.id in known and report.by_id[group.id].outcome in {Outcome.UPDATED, Outcome.UNCHANGED}
            if statuses <= wanted and (group.id not in known or (claimed and report.verified_at is not None)):
                what = "claimed" if claimed else "missing"
                self._break("A8", f"{process.name}: ok, and {what}: it was {min(statuses)}", group.id, process)

    def _same_command(self, process: Process) -> None:
        """A8: the same command again sends what matches all the time, instead of claiming an earlier outcome."""
        report, ended, plan, world = process.report, process.ended, process.plan, self.site.world
        assert report is not None
        assert ended is not None
        reads_first = plan is not None and (plan.query is not None or plan.check_status_first)
        faulty = bool(world.fault_kinds or world.outages) or world.forbidden_project is not None
        if process.named or not reads_first or faulty:
            return  # what cannot be read keeps its earlier outcome, and is reported as unverified
        wanted = {str(status) for status in report.action.sources}
        for row in report.of(Outcome.UPDATED, Outcome.UNCHANGED):
            group = row.target_group_id
            if any(job.machine == process.name for job in self._jobs(process, group)):
                continue
            moves, status = self._moves(process, group), self._status(process, group)
            if (seen := _statuses_in(moves, process.began, ended, status)) <= wanted:
                text = f"{process.name}: {row.outcome}, although it was {min(seen)} all the time and was not sent"
                self._break("A8", text, group, process)
                return

    def _decided(self, process: Process) -> None:
        """A4 and A5: what is shown of the first target groups is true."""
        assert process.decision is not None
        first = process.decision.report
        shown = attrs.evolve(
            process, report=first, ended=process.decision.at, headline=headline(to_document(first)), decision=None
        )
        self._rows(shown)
        self._headline(shown)

    def _canaries(self) -> None:
        """A16: per run."""
        decisions: dict[tuple[str, str], list[Process]] = defaultdict(list)
        limits: dict[tuple[str, str], int] = {}
        for process in self.site.processes:
            if process.plan is None:
                continue
            # The runs for stragglers, after the decision, have ids of their own.
            place = process.identity.url, process.plan.run_id
            if process.plan.first is not None:
                limits[place] = process.plan.first
            if process.decision is not None:
                decisions[place].append(process)
        for place, limit in limits.items():
            yes = [each.decision.at for each in decisions[place] if each.decision is not None and each.decision.goes_on]
            jobs = [
                (job, group) for (url, run, group), jobs in self.run_jobs.items() if (url, run) == place for job in jobs
            ]
            early = {group for job, group in jobs if job.made < min(yes, default=float("inf")) - TIE}
            if len(early) > limit:
                self._break("A16", f"{place[1]} sent {len(early)} before a decision about {limit}", min(early))
            for process in decisions[place]:
                assert process.decision is not None
                first = {row.target_group_id for row in process.decision.report.groups}
                others = {group for job, group in jobs if job.machine == process.name and group not in first}
                if others and not process.decision.goes_on:
                    self._break("A16", f"{process.name} sent others after a refusal", min(others), process)

    def _applied(self, process: Process) -> None:
        """A17: each job of a process that applies a plan file."""
        assert process.planned is not None
        planned = {group.target_group_id: group for group in process.planned.to_send}
        url = process.identity.url
        for (place, run, group), jobs in self.run_jobs.items():
            if (place, run) != (url, process.run_id) or jobs[0].machine != process.name:
                continue
            if group not in planned:
                self._break("A17", f"{process.name} sent what the plan does not send", group, process)
                continue
            status = planned[group].status
            # A key that is sent again is the same job, even if its first send was lost or only recorded.
            # Recorded times have a resolution of a second.
            recorded = self.recorded.get(jobs[0].key, jobs[0].made) + 1.0
            sent = min(jobs[0].made, self.site.servers[url].first_sent.get(jobs[0].key, jobs[0].made), recorded)
            reads = [
                read
                for read in self.reads[url].get(group, ())
                if self.processes[read.machine].run_id == run and read.status is not None and read.at <= sent + TIE
            ]
            if status is not None and reads and reads[-1].status != status:
                text = f"{process.name} sent it as {reads[-1].status}, and the plan has it as {status}"
                self._break("A17", text, group, process)

    def _last_listings(self, process: Process) -> dict[str, tuple[float, float]]:
        """Return when the last list of each project began and ended that the process read to its end."""
        begun: dict[str, float] = {}
        found: dict[str, tuple[float, float]] = {}
        for listing in self._listings(process):
            if listing.machine == process.name:
                if listing.first:
                    begun[listing.project] = listing.at
                if listing.last and listing.project in begun:
                    found[listing.project] = (begun[listing.project], listing.at)
        return found

    def _listings(self, process: Process) -> list[Any]:
        return self.site.servers[process.identity.url].listings

    def _liveness(self, process: Process) -> None:
        report, world = process.report, self.site.world
        assert report is not None
        if not world.calm or world.clock_jumps or not self._alone(process):
            return
        for row in report.of(Outcome.UNKNOWN):
            if "may still" in (row.reason or "") and self._was_interrupted(process):
                continue  # nothing shows whether the last send of a dead process created a job
            if process.kind != "undo" and not self._moved_by_others(process, row.target_group_id):
                self._break("L2", f"{process.name}: unknown: {row.reason}", row.target_group_id, process)
                return

    def _jobs(self, process: Process, group: str) -> list[Job]:
        """Return the jobs with a target group of the process's run, and of those that it continues."""
        runs = self.scope(process.run_id)
        jobs = self.jobs_of[process.identity.url, self.chain(process.run_id), group]
        return [job for job in jobs if self.run_of(job) in runs]

    def _known_jobs(self, process: Process, group: str) -> list[Job]:
        """Return the jobs of the run with a target group, without those of processes that began after this one."""
        ended = process.ended or 0.0
        return [job for job in self._jobs(process, group) if self.processes[job.machine].began < ended]

    def _was_interrupted(self, process: Process) -> bool:
        runs = self.scope(process.run_id)
        return any((other.died or other.error) and other.run_id in runs for other in self.site.processes)

    def _moved_by_others(self, process: Process, group: str) -> bool:
        """Return whether a colleague or another run moved a target group after the run had read or sent it first."""
        chain = self.chain(process.run_id)
        seen = [read.at for read in self.chain_reads[process.identity.url, chain, group]]
        first = min([*seen, *(job.made for job in self._jobs(process, group))], default=process.began)
        return any(move.at >= first and not self._is_of(move, process, chain) for move in self._moves(process, group))

    def _alone(self, process: Process) -> bool:
        """Return whether no identity but the operator's own took part."""
        return process.identity == self.site.identities()[0] and not any(
            other.identity != process.identity for other in self.site.processes
        )

    # Runs.

    def _runs(self) -> None:
        for url, moves_of in self.moves.items():
            for group, moves in moves_of.items():
                self._moves_of(url, group, moves)
        for (_, chain, group), jobs in self.jobs_of.items():
            self._overlap(chain, group, jobs)
        for (url, run, group), jobs in self.run_jobs.items():
            self._repeated(url, run, group, jobs)

    def _moves_of(self, url: str, group: str, moves: list[Move]) -> None:
        jobs = {job.id: job for job, identity in self.jobs if identity.url == url}
        by_run: dict[str, list[Move]] = defaultdict(list)
        for move in moves:
            if move.job is None or move.job not in jobs:
                continue
            run = self.run_of(jobs[move.job])
            by_run[run].append(move)
            job = jobs[move.job]
            process = self.processes[job.machine]
            if (late := self._against_will(url, self.chain(run), group, job)) is not None:
                text = f"{run} makes it {move.after} at {move.at:.1f} although a colleague made it {late.after}"
                self._break("A7", f"{text} at {late.at:.1f}", group, process)
            if process.kind == "undo":
                self._undo(url, group, moves, move, job, process)
            self._in_report(process, group, run, move.at)
        for run, own in by_run.items():
            if len(own) > 1:
                times = ", ".join(f"{move.at:.1f}" for move in own)
                self._break("A2", f"{run} moved it {len(own)} times, at {times}", group)

    def _in_report(self, process: Process, group: str, run: str, at: float) -> None:
        for other in self.site.processes:
            if other.report is None or other.identity != process.identity or (other.ended or 0.0) < at:
                continue
            if other.run_id == run:
                if group not in other.report.by_id:
                    self._break("A12", f"{run} moved it, and {other.name} does not report it", group, other)
                return

    def _undo(self, url: str, group: str, moves: list[Move], move: Move, job: Job, process: Process) -> None:
        assert process.undone is not None
        undone = self.chain(process.undone.run_id)
        mine = [
            other
            for other in moves
            if other.at <= job.made and (run := self._run_of_move(other, url)) is not None and self.chain(run) == undone
        ]
        if not mine:
            if not self._passes_for_ours(url, process.undone.run_id, group, moves, job):
                self._break("A6", "the undo moved what its run did not", group, process)
            return
        names = {other.name for other in self.site.processes if other.run_id == process.run_id}
        reads = [read.at for read in self.reads[url].get(group, ()) if read.machine in names and read.at <= job.made]
        last = max(reads, default=mine[-1].at)
        between = [other for other in moves if mine[-1].at + TIE < other.at < last - TIE and other is not move]
        if between:
            self._break("A6", f"the undo took back a later {between[-1].after} by {between[-1].by}", group, process)

    def _passes_for_ours(self, url: str, run_id: str, group: str, moves: list[Move], undo: Job) -> bool:
        """Return whether the changelog cannot show that a change was not the run's.

        Another run of the same user may have made it while a job of the run was open; or the run has changed nothing
        else, so that nothing shows the user id with which the API records its changes.
        """
        jobs = [job for run in self.scope(run_id) for job in self.run_jobs.get((url, run, group), ())]
        since = min((job.made for job in jobs), default=undo.made)
        later = [move for move in moves if since - TIE <= move.at <= undo.made]
        if len(later) == 1 and later[0].by == "run":
            return True
        chain = self.chain(run_id)
        return not any(
            move.job is not None and (run := self._run_of_move(move, url)) is not None and self.chain(run) == chain
            for of_group in self.moves[url].values()
            for move in of_group
        )

    def _overlap(self, chain: str, group: str, jobs: list[Job]) -> None:
        for number, job in enumerate(jobs):
            for earlier in jobs[:number]:
                if earlier.kind == job.kind and self._open(earlier, job.made - TIE):
                    self._break(
                        "A3",
                        f"{chain}: a job at {job.made:.1f} while that of {earlier.made:.1f} ends at {earlier.due:.1f}",
                        group,
                        self.processes[job.machine],
                    )
                    return

    def _repeated(self, url: str, run: str, group: str, jobs: list[Job]) -> None:
        reads = self.chain_reads[url, self.chain(run), group]
        for number, job in enumerate(jobs):
            for earlier in jobs[:number]:
                if earlier.done is None or group not in earlier.updated or earlier.stuck or earlier.gone:
                    continue
                if not any(earlier.done - TIE <= read.at <= job.made + TIE for read in reads):
                    text = f"{run}: a second job at {job.made:.1f} after {earlier.done:.1f} reported success"
                    self._break("A3", text, group, self.processes[job.machine])
                    return

    def _identity(self) -> None:
        """A9: per journal and run id."""
        users: dict[tuple[Any, str], dict[Identity, list[Process]]] = defaultdict(lambda: defaultdict(list))
        for process in self.site.processes:
            if process.journal is not None:
                users[process.journal, process.run_id][process.identity].append(process)
        for (_, run), identities in users.items():
            active = [
                (identity, process)
                for identity, members in identities.items()
                for process in members
                if process.report is not None or any(job.machine == process.name for job, _ in self.jobs)
            ]
            if len({identity for identity, _ in active}) > 1:
                first = active[0][0]
                other = next(process for identity, process in active if identity != first)
                self._break("A9", f"{run} was of {first}; {other.name} used it as {other.identity}", process=other)
            for _, process in active:
                report = process.report
                if report is not None and (report.base_url, str(report.account_id)) != (
                    process.identity.url,
                    str(process.identity.account),
                ):
                    self._break("A9", f"{process.name} got the report of {report.account_id}", process=process)

    def _twins(self) -> None:
        makers: dict[tuple[str, str], list[tuple[Job, Process]]] = defaultdict(list)
        for job, identity in self.jobs:
            for group in job.ids:
                makers[identity.url, group].append((job, self.processes[job.machine]))
        for (_, group), made in makers.items():
            for number, (job, process) in enumerate(made):
                for earlier, other in made[:number]:
                    if (
                        other is not process
                        and process.plan is not None
                        and other.plan is not None
                        and other.plan.fingerprint == process.plan.fingerprint
                        and other.identity == process.identity
                        and other.ended is not None
                        and job.made < other.ended
                        and job.made <= (process.ended or job.made)
                        and process.began <= earlier.made
                    ):
                        self._break("A15", f"{other.name} and {process.name} both sent it", group, process)
                        return

    def _update(self, process: Process) -> None:
        days = process.run_id
        if days not in {"0", "1"}:
            self._break("A11", f"{process.name}: update_run moved the end by {days} days", process=process)
        elif process.result is not None and process.result.changed and days != "1":
            self._break("A11", f"{process.name}: changed, and the end was moved by {days} days", process=process)

    def _quiet_end(self) -> None:
        for process in self.site.processes:
            if not process.quiet or process.report is None or process.identity != self.site.identities()[0]:
                continue
            for row in process.report.of(Outcome.UNKNOWN, Outcome.NOT_SENT):
                jobs = self._jobs(process, row.target_group_id)
                if any(job.stuck or job.gone for job in jobs) or self._moved_by_others(process, row.target_group_id):
                    continue
                if process.kind == "undo" and (row.reason or "").startswith("not undone"):
                    continue  # what the run did not change is not shown as its change
                if "continued by the run" in (row.reason or ""):
                    continue  # the other run has it
                if process.decision is not None and not process.decision.goes_on:
                    continue  # the others wait for a better decision
                if re.search("may still|may have", row.reason or "") and self._was_interrupted(process):
                    continue  # whether the last send of a dead process created a job cannot be known any more
                text = f"{process.name}: still {row.outcome} at the end: {row.reason}"
                self._break("L3", text, row.target_group_id, process)
                break

    def _timeliness(self) -> None:
        world = self.site.world
        if not world.calm or max(world.job_seconds) > 5 or world.clock_jumps:
            return
        for job, _ in self.jobs:
            process = self.processes[job.machine]
            duration = job.due - job.made
            seen = self._read_at(process, job)
            if process.died or process.error is not None or seen is None:
                continue
            if seen > job.due + 60 + 2 * duration:
                text = f"{process.name}: job of {job.made:.1f} ended at {job.due:.1f} and was read at {seen:.1f}"
                self._break("L4", text, process=process)

    def _read_at(self, process: Process, job: Job) -> float | None:
        """Return when the process first saw the end of a job."""
        polls = self.site.servers[process.identity.url].polls.get(job.id, ())
        return next((at for at, machine in polls if machine == process.name and at >= job.due - TIE), None)


def _statuses_in(moves: list[Move], begins: float, ends: float, now: str) -> set[str]:
    """Return all statuses of a target group in an interval."""
    at = moves[0].before if moves else now
    found: set[str] = set()
    for move in moves:
        if move.at > ends + TIE:
            break
        if move.at >= begins - TIE:
            found.add(at)
        at = move.after
    return found | {at}


def _read_journals(site: Site) -> tuple[dict[str, str], dict[str, str], dict[str, float]]:
    """Return the run of each idempotency key, the run that each run continues, and the API's time of each send."""
    recorded: dict[str, float] = {}
    keys: dict[str, str] = {}
    continued: dict[str, str] = {}
    for path in sorted(site.folder.rglob("*.journal")):
        keys |= dict(_rows(path, "SELECT key, run_id FROM chunks"))
        recorded |= {
            key: date - EPOCH
            for key, date in _rows(path, "SELECT key, sent_date FROM chunks WHERE sent_date IS NOT NULL")
        }
        continued |= dict(_rows(path, "SELECT run_id, continues FROM runs WHERE continues IS NOT NULL"))
    return keys, continued, recorded


def _rows(path: Any, sql: str) -> Iterator[Any]:
    database = sqlite3.connect(path)
    try:
        yield from database.execute(sql).fetchall()
    except sqlite3.Error:
        return
    finally:
        database.close()
