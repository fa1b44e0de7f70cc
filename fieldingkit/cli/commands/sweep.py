"""Carrying out a sweep from the command line: preview, question, progress, report, exit code."""

from pathlib import Path

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.progress import ProgressDisplay
from fieldingkit.cli.prompts import confirm, require_terminal
from fieldingkit.cli.run_store import JournalTarget, choose_journal, open_journal
from fieldingkit.cli.selection import DEFAULT_OPTIONS, NO_SELECTION, Selection, SweepOptions
from fieldingkit.client import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.rendering.files import check_report_path, read_report, write_report
from fieldingkit.rendering.model import SweepRecord
from fieldingkit.rendering.text import counted, preview_facts, preview_text, result_facts, result_text
from fieldingkit.rendering.wording import held_back
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.checkpoint import read_report as read_run
from fieldingkit.sweeps.discovery import SweepPreview, preview
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.journal import JobEndTimes, Journal, spans_of
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome, SweepReport

__all__ = ["carry_out", "complete", "launch", "pause", "relaunch", "resume", "undo"]


_REFUSALS = frozenset({"authorization_error", "required_header_missing", "401", "403"})


async def carry_out(plan: SweepPlan, options: SweepOptions, connection: Connection, *, named: bool) -> ExitCode:
    """Carry out a plan, and give the exit code.

    Args:
        plan: What is to be done.
        options: How.
        connection: At which API.
        named: Whether the plan's run id was given, or follows from something; if not, an unfinished run of the same
            plan is gone on with.

    Raises:
        StoppedError: if it cannot be done so; nothing was sent.
        FieldingKitError: if it broke off; the journal was named then.
    """
    return await _Command(plan, options, connection).run(named=named)


class _Command:
    """One sweep of the command line."""

    def __init__(self, plan: SweepPlan, options: SweepOptions, connection: Connection) -> None:
        self._plan = attrs.evolve(plan, concurrency=options.concurrency)
        self._manner = options
        self._connection = connection
        self._output = Output(json=options.json)
        self._ends = JobEndTimes()

    async def run(self, *, named: bool) -> ExitCode:
        options, output = self._manner, self._output
        if options.report is not None:
            check_report_path(options.report)
        if not options.dry_run:
            require_terminal(f"{self._plan.action.capitalize()} target groups", yes=options.yes)
        async with self._connection.open(rate=options.rate, on_poll=self._ends) as client:
            if options.dry_run:
                await self._preview(client)
                output.note("Nothing was done: this is a dry run.")
                return ExitCode.DONE
            place = choose_journal(self._plan, options.journal, base_url=self._connection.url, named=named)
            self._plan = place.plan
            seen = None if options.yes or place.begun is not None else await self._preview(client)
            if not self._go_on(place, seen):
                output.note("Nothing was done.")
                return ExitCode.DONE
            with open_journal(place.path) as journal:
                output.note(f"Run {self._plan.run_id}, journal {place.path}")
                report = await self._sweep(client, journal, seen)
                return self._tell(report, journal)

    async def _preview(self, client: AsyncClient) -> SweepPreview:
        self._output.note("Looking up the target groups.")
        seen = await preview(client, self._plan)
        self._output.document({"event": "preview", **preview_facts(seen, self._manner.rate)})
        self._output.say(preview_text(seen, self._manner.rate))
        return seen

    def _go_on(self, place: JournalTarget, seen: SweepPreview | None) -> bool:
        """Ask, if there is anything to ask."""
        action = self._plan.action.capitalize()
        if place.begun is not None and place.begun.finished_at is not None:
            self._output.note(
                f"The run {self._plan.run_id} has finished already, and this is its report. "
                "To do it afresh, give it another --run-id."
            )
            return True
        if place.begun is not None:
            settled, total = place.begun.counts.total, place.begun.total
            self._output.note(
                f"Going on with the run of {place.begun.started_at:%Y-%m-%d %H:%M} UTC: {settled:,} of the {total:,} "
                "target groups that it found then are settled."
            )
            return confirm(f"{action} the others", yes=self._manner.yes)
        if place.older is not None and place.older.begun is not None:
            self._output.note(
                f"The run of {place.older.begun.started_at:%Y-%m-%d %H:%M} UTC was never finished; this is a new one. "
                f"To go on with that one: --journal {place.older.path} --run-id {place.older.begun.run_id}"
            )
        if seen is None or not seen.to_send:
            return True
        return confirm(f"{action} {counted(len(seen.to_send))}", yes=self._manner.yes)

    async def _sweep(self, client: AsyncClient, journal: Journal, seen: SweepPreview | None) -> SweepReport:
        try:
            with ProgressDisplay(self._output) as show:
                return await sweep(client, self._plan, journal=journal, on_progress=show, preview=seen)
        except BaseException:
            self._broke_off(journal)
            raise

    def _broke_off(self, journal: Journal) -> None:
        """Say how to go on, and what is known so far."""
        try:
            report = read_run(journal, self._plan.run_id)
        except JournalError:
            return  # it had not begun: there is nothing to go on with
        counts = report.counts
        self._output.note(
            f"Broken off: {counts.total - counts.unknown:,} of {counted(counts.total)} are settled; jobs that were "
            f"submitted go on.\nThe journal is {journal.path}. To go on where it stopped, give the same command again "
            f"with --journal {journal.path} --run-id {self._plan.run_id}"
        )
        if self._manner.report is not None:
            self._write(self._record(report, journal), self._manner.report)

    def _tell(self, report: SweepReport, journal: Journal) -> ExitCode:
        code = _exit_of(report)
        record = self._record(report, journal)
        facts = {"event": "report", "exit": code.value, "journal": str(journal.path), **result_facts(record)}
        self._output.document(facts)
        self._output.say(result_text(record))
        if self._manner.report is not None and not self._write(record, self._manner.report):
            return code or ExitCode.FAILED
        return code

    def _record(self, report: SweepReport, journal: Journal) -> SweepRecord:
        return SweepRecord(
            plan=self._plan,
            report=report,
            base_url=self._connection.url,
            account=self._connection.account or None,
            spans=spans_of(journal, self._plan.run_id, self._ends),
        )

    def _write(self, record: SweepRecord, path: Path) -> bool:
        try:
            write_report(record, path)
        except OSError as exc:
            self._output.note(
                f"The report {path} could not be written: {exc.strerror}.\n"
                f"The same command with --run-id {self._plan.run_id} and the journal writes it without a request."
            )
            return False
        self._output.note(f"The report is {path}.")
        if record.report.counts.updated and record.plan.action.opposite is not None and path.suffix != ".csv":
            self._output.note(f"To take it back: fieldingkit undo {path}")
        return True


def _exit_of(report: SweepReport) -> ExitCode:
    counts = report.counts
    if counts.unknown:
        return ExitCode.UNKNOWN
    if not counts.failed:
        held = any(held_back(report.action, group) for group in report.of(Outcome.SKIPPED))
        return ExitCode.FAILED if held else ExitCode.DONE
    codes = {group.code for group in report.of(Outcome.FAILED)}
    refused = codes <= _REFUSALS and not counts.updated and not counts.unchanged
    return ExitCode.REFUSED if refused else ExitCode.FAILED


async def pause(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Pause live target groups.

    Args:
        selection: Which target groups.
        options: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.PAUSE, selection, options, connection)


async def resume(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Put paused target groups back to live.

    Args:
        selection: Which target groups.
        options: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.RESUME, selection, options, connection)


async def complete(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Complete target groups, whatever their goals and end dates.

    Args:
        selection: Which target groups.
        options: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.COMPLETE, selection, options, connection)


async def relaunch(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Put completed target groups back to live.

    Args:
        selection: Which target groups.
        options: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.RELAUNCH, selection, options, connection)


async def launch(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Launch scheduled target groups now.

    Args:
        selection: Which target groups.
        options: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.LAUNCH, selection, options, connection)


async def _sweep(action: Action, selection: Selection, options: SweepOptions, connection: Connection) -> int:
    plan = selection.plan(action, account=connection.account or None, run_id=options.run_id)
    return await carry_out(plan, options, connection, named=options.run_id is not None)


async def undo(
    report: Path, /, *, options: SweepOptions = DEFAULT_OPTIONS, connection: Connection = DEFAULT_CONNECTION
) -> int:
    """Take a pause or a resume back, for exactly the target groups that it changed.

    Args:
        report: The report of the sweep, .json or .html.
        options: How.
        connection: How to reach the API.
    """
    record = read_report(report)
    account = connection.account or record.account
    if (connection.url, account) != (record.base_url, record.account):
        raise UsageError(
            f"the report is of account {record.account} at {record.base_url}, and not of what this is connected to\n"
            "Nothing was sent. Give --account and --base-url of the report."
        )
    plan = record.plan.inverse(record.report)
    if options.run_id is not None:
        plan = attrs.evolve(plan, run_id=options.run_id)
    if not plan.target_groups:
        Output().note(f"The {record.plan.action} changed nothing: there is nothing to take back.")
        return ExitCode.DONE
    return await carry_out(plan, options, attrs.evolve(connection, account=account), named=True)
