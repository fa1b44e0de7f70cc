"""The sweep commands: ``pause``, ``resume``, ``complete``, ``relaunch``, ``launch`` and ``undo``."""

from pathlib import Path

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.progress import ProgressDisplay
from fieldingkit.cli.prompts import confirm, require_terminal
from fieldingkit.cli.report_file import check_report_file, free_report_path, overwrite_conflict
from fieldingkit.cli.run_store import JournalTarget, choose_journal, lock_sweep, open_journal
from fieldingkit.cli.selection import DEFAULT_OPTIONS, NO_SELECTION, Selection, SweepOptions
from fieldingkit.cli.sweep_summary import preview_fields, preview_text, result_fields, result_text
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError, JournalError
from fieldingkit.rendering.text import format_duration, pluralize
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.checkpoint import read_report
from fieldingkit.sweeps.discovery import SweepPreview, preview
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.inverse import preview_undo, undo_plan
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["complete", "launch", "pause", "relaunch", "resume", "undo"]


_REFUSALS = frozenset({"authorization_error", "required_header_missing", "401", "403"})
"""Failure codes that concern the credentials and not a target group."""


async def pause(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Pause live target groups.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.PAUSE, selection, options, connection)


async def resume(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Resume paused target groups.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.RESUME, selection, options, connection)


async def complete(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Complete target groups, regardless of their goals and end dates.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.COMPLETE, selection, options, connection)


async def relaunch(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Relaunch completed target groups.

    Args:
        selection: The target groups.
        options: The options of the sweep.
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
        selection: The target groups.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.LAUNCH, selection, options, connection)


async def undo(
    report: Path,
    /,
    *,
    no_history_check: bool = False,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Undo a pause or a resume, for exactly the target groups that it changed.

    Args:
        report: The report of the sweep, .json or .html.
        no_history_check: Do not read the changelog of each target group to skip those that were changed again since.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    original = _load_report(report)
    configuration = connection.load()
    configuration = attrs.evolve(configuration, account=configuration.account or original.account_id)
    if (configuration.base_url, configuration.account) != (original.base_url, original.account_id):
        raise UsageError(
            f"the report is of account {original.account_id} at {original.base_url}, "
            f"but the connection is to account {configuration.account} at {configuration.base_url}\n"
            "Nothing was sent. Give the --account and --base-url of the report."
        )
    plan = undo_plan(original)
    if options.run_id is not None:
        plan = attrs.evolve(plan, run_id=options.run_id)
    _note_what_stays(original)
    if not plan.target_groups:
        Output().note(f"No change was reported by the {original.action}, so there is nothing to undo.")
        return ExitCode.UNKNOWN if original.counts.unknown or original.unlisted else ExitCode.DONE
    undone = None if no_history_check else original
    return await _SweepCommand(plan, options, connection, configuration, named=True, undone=undone).run()


def _note_what_stays(original: SweepReport) -> None:
    """Name the target groups that a sweep may have changed, and that an undo does not touch."""
    verified = [group for group in original.of(Outcome.UNCHANGED) if group.verified]
    for groups, why in (
        (original.of(Outcome.UNKNOWN), f"the outcome of the {original.action} is unknown"),
        (verified, f"they were read as {original.action.target}, but no job reported them as changed"),
    ):
        if groups:
            names = "".join(f"\n  {group.project_id} {group.target_group_id}" for group in groups)
            Output().note(f"Not undone, {pluralize(len(groups))}: {why}.{names}")


async def _sweep(action: Action, selection: Selection, options: SweepOptions, connection: Connection) -> int:
    configuration = connection.load()
    plan = selection.plan(action, account=configuration.account, run_id=options.run_id)
    named = options.run_id is not None
    return await _SweepCommand(plan, options, connection, configuration, named=named, ids=selection.ids).run()


class _SweepCommand:
    """One run of a sweep command.

    Args:
        plan: The plan of the sweep.
        options: The options of the sweep.
        connection: How to reach the API.
        configuration: The settings of the connection.
        named: The run id was given or is derived; otherwise an unfinished run of the same plan is resumed.
        ids: The file that lists the target groups, if there is one.
        undone: The report of the sweep to undo; the changelog of its target groups is read first.
    """

    def __init__(
        self,
        plan: SweepPlan,
        options: SweepOptions,
        connection: Connection,
        configuration: Configuration,
        *,
        named: bool,
        ids: Path | None = None,
        undone: SweepReport | None = None,
    ) -> None:
        self._plan = attrs.evolve(plan, concurrency=options.concurrency)
        self._options = options
        self._connection = connection
        self._configuration = configuration
        self._named = named
        self._ids = ids
        self._undone = undone
        self._resumed = False
        self._output = Output(json=options.json, survive=True)

    async def run(self) -> ExitCode:
        """Preview, confirm, sweep and report; return the exit code."""
        options, output = self._options, self._output
        if not options.dry_run:
            require_terminal(f"{self._plan.action.capitalize()} target groups", yes=options.yes)
        async with self._connection.open(self._configuration, rate=options.rate) as client:
            if options.dry_run:
                found = await self._preview(client)
                output.note("Dry run: nothing was changed.")
                return ExitCode.UNKNOWN if found.unlisted else ExitCode.DONE
            with lock_sweep(self._plan, self._configuration, output.note):
                return await self._run(client)

    async def _run(self, client: AsyncClient) -> ExitCode:
        options, output = self._options, self._output
        target = choose_journal(
            self._plan, options.journal, base_url=self._configuration.base_url, named=self._named, warn=output.note
        )
        self._plan = target.plan
        self._resumed = target.resumed is not None
        if options.report is not None:
            check_report_file(
                options.report,
                self._plan.run_id,
                resumed=self._resumed,
                force=options.force,
                journal=target.path,
                ids=self._ids,
            )
        unseen = self._resumed or (options.yes and self._undone is None)
        seen = None if unseen else await self._preview(client)
        if not self._confirmed(target, seen):
            output.note("Nothing was changed.")
            return ExitCode.DONE
        with open_journal(target.path) as journal:
            output.note(f"Run {self._plan.run_id}\nJournal {journal.path}")
            report = await self._sweep(client, journal, seen)
            return self._finish(report, journal)

    async def _preview(self, client: AsyncClient) -> SweepPreview:
        self._output.note("Finding the target groups.")
        if self._undone is None:
            seen = await preview(client, self._plan)
        else:
            self._note_history_cost()
            seen = await preview_undo(client, self._undone)
        self._output.print_json({"event": "preview", **preview_fields(seen, self._options.rate)})
        self._output.print_text(preview_text(seen, self._options.rate))
        return seen

    def _note_history_cost(self) -> None:
        """Print how many requests, and how many seconds at the given rate, the check of the history takes."""
        requests, rate = sum(map(len, (self._plan.target_groups or {}).values())), self._options.rate
        seconds = f", at least {format_duration(requests / rate)}" if rate is not None else ""
        self._output.note(f"Reading the changelog of {pluralize(requests)}{seconds}; --no-history-check leaves it out.")

    def _confirmed(self, target: JournalTarget, seen: SweepPreview | None) -> bool:
        """Ask for confirmation, unless nothing would be sent."""
        action, yes, note = self._plan.action.capitalize(), self._options.yes, self._output.note
        if (run := target.resumed) is not None:
            if run.finished_at is not None:
                note(
                    f"Run {run.run_id} has already finished; this is its report. To sweep again, give another --run-id."
                )
                return True
            settled = f"{run.counts.total - run.counts.unknown:,} of {pluralize(run.total)} are settled"
            note(f"Resuming the run of {run.started_at:%Y-%m-%d %H:%M} UTC: {settled}.")
            return confirm(f"{action} the others", yes=yes)
        if target.too_old is not None and (run := target.too_old.resumed) is not None:
            note(
                f"The run of {run.started_at:%Y-%m-%d %H:%M} UTC did not finish; this is a new run. "
                f"To resume the old one: --journal {target.too_old.path} --run-id {run.run_id}"
            )
        if seen is None or not seen.to_send:
            return True
        return confirm(f"{action} {pluralize(len(seen.to_send))}", yes=yes)

    async def _sweep(self, client: AsyncClient, journal: Journal, seen: SweepPreview | None) -> SweepReport:
        try:
            with ProgressDisplay(self._output) as display:
                return await sweep(client, self._plan, journal=journal, on_progress=display, preview=seen)
        except BaseException:
            self._report_interruption(journal)
            raise

    def _report_interruption(self, journal: Journal) -> None:
        """Print how to resume, and write the report as far as it is known."""
        try:
            report = read_report(journal, self._plan.run_id)
        except JournalError:
            return  # the run had not started: there is nothing to resume
        if self._options.report is not None:
            self._write(report, self._options.report)
        counts = report.counts
        self._output.note(
            f"Interrupted: {counts.total - counts.unknown:,} of {pluralize(counts.total)} are settled; submitted jobs "
            f"continue.\nTo resume, run the same command with --journal {journal.path} --run-id {self._plan.run_id}"
        )

    def _finish(self, report: SweepReport, journal: Journal) -> ExitCode:
        """Write the report, then print it."""
        code = _exit_code(report)
        if self._options.report is not None and not self._write(report, self._options.report):
            code = code or ExitCode.FAILED
        document = to_document(report)
        facts = {"event": "report", "exit": code.value, "journal": str(journal.path), **result_fields(document)}
        self._output.print_json(facts)
        self._output.print_text(result_text(document))
        if self._output.lost is not None:
            self._output.note(f"The result could not be printed: {self._output.lost}. The sweep went to its end.")
        return code

    def _write(self, report: SweepReport, path: Path) -> bool:
        """Write the report file and return whether that succeeded."""
        run_id = self._plan.run_id
        if not self._options.force and overwrite_conflict(path, run_id, resumed=self._resumed) is not None:
            path = free_report_path(path, run_id)  # another run wrote its report since this one began
        try:
            report.save(path)
        except OSError as exc:
            self._output.note(
                f"The report {path} could not be written: {exc.strerror}.\n"
                f"To write it without sending anything, run the same command with --run-id {self._plan.run_id} and "
                "the journal."
            )
            return False
        self._output.note(f"Report: {path}")
        if report.counts.updated and report.action.opposite is not None and path.suffix != ".csv":
            self._output.note(f"To undo: fieldingkit undo {path}")
        return True


def _load_report(path: Path) -> SweepReport:
    try:
        return SweepReport.load(path)
    except ConfigurationError as exc:
        raise UsageError(exc.message) from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc


def _exit_code(report: SweepReport) -> ExitCode:
    counts = report.counts
    if counts.unknown or report.unlisted:
        return ExitCode.UNKNOWN
    if not counts.failed:
        return ExitCode.FAILED if counts.not_sent else ExitCode.DONE
    codes = {group.code for group in report.of(Outcome.FAILED)}
    refused = codes <= _REFUSALS and not counts.updated and not counts.unchanged
    return ExitCode.REFUSED if refused else ExitCode.FAILED
