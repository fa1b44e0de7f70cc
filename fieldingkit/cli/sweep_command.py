"""One run of a sweep command: preview, confirm, sweep and report."""

from pathlib import Path

import attrs

from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import ExitCode
from fieldingkit.cli.finish_webhook import FinishWebhook
from fieldingkit.cli.output import Output
from fieldingkit.cli.progress import ProgressDisplay
from fieldingkit.cli.prompts import confirm, confirm_by_typing, format_place, require_terminal
from fieldingkit.cli.report_file import check_report_file, free_report_path, overwrite_conflict
from fieldingkit.cli.run_store import JournalTarget, choose_journal, lock_sweep, open_journal
from fieldingkit.cli.sweep_options import SweepOptions
from fieldingkit.cli.sweep_summary import format_cost, preview_fields, preview_text, result_fields, result_text
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import JournalError
from fieldingkit.rendering.text import format_duration, pluralize
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.checkpoint import read_report
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.inverse import preview_undo
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview, preview
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["SweepCommand"]


_REFUSALS = frozenset({"authorization_error", "required_header_missing", "401", "403"})
"""Failure codes that concern the credentials and not a target group."""


class SweepCommand:
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
        self._webhook = FinishWebhook(options.on_finish, self._plan, configuration, self._output.note)

    async def run(self) -> ExitCode:
        """Preview, confirm, sweep, report and notify; return the exit code."""
        if self._options.dry_run:
            return await self._execute()
        return await self._webhook.watch(self._execute())

    async def _execute(self) -> ExitCode:
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
        self._confirm(target, seen)
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

    def _confirm(self, target: JournalTarget, seen: SweepPreview | None) -> None:
        """Ask for confirmation, unless nothing would be sent."""
        note, yes = self._output.note, self._options.yes
        if (run := target.resumed) is not None:
            if run.finished_at is not None:
                note(
                    f"Run {run.run_id} has already finished; this is its report. To sweep again, give another --run-id."
                )
                return
            settled = f"{run.counts.total - run.counts.unknown:,} of {pluralize(run.total)} are settled"
            note(f"Resuming the run of {run.started_at:%Y-%m-%d %H:%M} UTC: {settled}.")
            confirm(self._question(run.total - run.counts.total + run.counts.unknown), yes=yes)
            return
        if target.too_old is not None and (run := target.too_old.resumed) is not None:
            note(
                f"The run of {run.started_at:%Y-%m-%d %H:%M} UTC did not finish; this is a new run. "
                f"To resume the old one: --journal {target.too_old.path} --run-id {run.run_id}"
            )
        if seen is None or not seen.to_send:
            return
        question = self._question(len(seen.to_send), format_cost(seen, self._options.rate))
        if self._plan.action is Action.COMPLETE:
            note("There is no way back: nothing undoes a completion.")
            confirm_by_typing(question, str(len(seen.to_send)), yes=yes)
        else:
            confirm(question, yes=yes)

    def _question(self, count: int, cost: str = "") -> str:
        """Return the question whether to send some target groups."""
        place = format_place(self._configuration.base_url, self._configuration.account)
        question = f"{self._plan.action.capitalize()} {pluralize(count)} of {place}"
        return f"{question} with {cost}" if cost else question

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
        self._webhook.report = report
        if self._options.report is not None:
            self._write(report, self._options.report)
        counts = report.counts
        self._output.note(
            f"Interrupted: {counts.total - counts.unknown:,} of {pluralize(counts.total)} are settled; submitted jobs "
            f"continue.\nTo resume, run the same command with --journal {journal.path} --run-id {self._plan.run_id}"
        )

    def _finish(self, report: SweepReport, journal: Journal) -> ExitCode:
        """Write the report, then print it."""
        self._webhook.report = report
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


def _exit_code(report: SweepReport) -> ExitCode:
    counts = report.counts
    if counts.unknown or report.unlisted or report.unverified:
        return ExitCode.UNKNOWN
    if not counts.failed:
        return ExitCode.FAILED if counts.not_sent or report.stragglers else ExitCode.DONE
    codes = {group.code for group in report.of(Outcome.FAILED)}
    refused = codes <= _REFUSALS and not counts.updated and not counts.unchanged
    return ExitCode.REFUSED if refused else ExitCode.FAILED
