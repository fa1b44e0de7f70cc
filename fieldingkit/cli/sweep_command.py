"""One run of a sweep command: preview, confirm, sweep and report."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType

import attrs

from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError, UsageError
from fieldingkit.cli.finish_webhook import FinishWebhook
from fieldingkit.cli.output import Output
from fieldingkit.cli.progress import ProgressDisplay
from fieldingkit.cli.prompts import ask, confirm, confirm_by_typing, format_place, require_terminal
from fieldingkit.cli.report_file import check_report_file, free_report_path, is_same_file, overwrite_conflict
from fieldingkit.cli.run_store import JournalTarget, NotedCheckpoint, choose_journal, lock_sweep, open_journal
from fieldingkit.cli.selection import refuse_together
from fieldingkit.cli.signals import interrupt_once
from fieldingkit.cli.sweep_options import SweepOptions
from fieldingkit.cli.sweep_summary import (
    PREVIEW_COLUMNS,
    format_cost,
    preview_fields,
    preview_row_fields,
    preview_text,
    result_fields,
    result_text,
)
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import JournalError
from fieldingkit.rendering.files import table_beside, write_document
from fieldingkit.rendering.model import SweepDocument
from fieldingkit.rendering.preview import PreviewRow, write_preview
from fieldingkit.rendering.text import format_duration, pluralize
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.checkpoint import Checkpoint, load_undecided, read_report
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal, RunSummary
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.plan_file import to_preview_document
from fieldingkit.sweeps.previews import SweepPreview, preview
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.sweeps.report_files import to_document

__all__ = ["SweepCommand"]

_REFUSALS = frozenset({"authorization_error", "required_header_missing", "401", "403"})
"""Failure codes that concern the credentials and not a target group."""
_AGAIN = "To continue, run the same command again."
_NOT_BEGUN = f"Interrupted: nothing was sent. {_AGAIN}"
_NOTHING: Mapping[str, Path | None] = MappingProxyType({})


class SweepCommand:
    """One run of a sweep command.

    Args:
        plan: The plan of the sweep.
        options: The options of the sweep.
        connection: How to reach the API.
        configuration: The settings of the connection.
        named: The run id was given or is derived; otherwise an unfinished run of the same plan is resumed.
        kept: Files that the report must not overwrite, by what they are, such as ``--ids``.
        out: The file to write the plan to instead of sending it.
        until_none_left: Sweep also what the verification finds.
    """

    always_preview = False
    """True if the target groups are always read in advance, because there is more to check than their statuses."""

    def __init__(
        self,
        plan: SweepPlan,
        options: SweepOptions,
        connection: Connection,
        configuration: Configuration,
        *,
        named: bool,
        kept: Mapping[str, Path | None] = _NOTHING,
        out: Path | None = None,
        until_none_left: bool = False,
    ) -> None:
        self.plan: SweepPlan = attrs.evolve(plan, concurrency=options.concurrency, first=options.first or plan.first)
        self.options: SweepOptions = options
        self.output: Output = Output(json=options.json, survive=True)
        self._connection = connection
        self._configuration = configuration
        self._named = named
        self._kept = kept
        self._out = out
        self._until_none_left = until_none_left
        self._resumed = False
        self._run_ids: tuple[str, ...] = (plan.run_id,)
        self._webhook = FinishWebhook(options.on_finish, self.plan, configuration, self.output.note)

    async def run(self) -> ExitCode:
        """Preview, confirm, sweep, report and notify; return the exit code."""
        self._check_flags()
        if self.options.dry_run or self._out is not None:
            async with self._connection.open(self._configuration, rate=self.options.rate) as client:
                return await self._list(client)
        with interrupt_once():
            return await self._webhook.watch(self._execute())

    async def _execute(self) -> ExitCode:
        require_terminal(f"{self.plan.action.capitalize()} target groups", yes=self.options.yes)
        async with self._connection.open(self._configuration, rate=self.options.rate) as client:
            with lock_sweep(self.plan, self._configuration, self.output.note):
                return await self._run(client)

    async def find(self, client: AsyncClient) -> SweepPreview:
        """Return the target groups of the plan with their statuses."""
        return await preview(client, self.plan)

    async def find_again(self, client: AsyncClient, seen: SweepPreview) -> SweepPreview:
        """Return the preview to sweep after a question, which may have been open for long; see ``sweep``."""
        del client
        return seen

    async def find_undecided(self, client: AsyncClient, undecided: Collection[str]) -> SweepPreview | None:
        """Return a preview of the target groups that an earlier process could not check; None if none is needed."""
        del client, undecided
        return None

    def check_new(self) -> None:
        """Check that a new run may begin; an earlier run is resumed without this check."""

    def exit_code(self, report: SweepReport) -> ExitCode:
        """Return the exit code of a report."""
        counts = report.counts
        if counts.unknown or report.unlisted or report.unverified:
            return ExitCode.UNKNOWN
        if not counts.failed:
            return ExitCode.FAILED if counts.not_sent or report.stragglers else ExitCode.DONE
        codes = {group.code for group in report.of(Outcome.FAILED)}
        refused = codes <= _REFUSALS and not counts.updated and not counts.unchanged
        return ExitCode.REFUSED if refused else ExitCode.FAILED

    @property
    def resuming_words(self) -> list[str]:
        """The words of the command line that resumes the run, without its options."""
        return ["sweeps", "resume", self.plan.run_id]

    @property
    def finished_note(self) -> str:
        """The note beside the report of a run that has finished before."""
        run_id = self.plan.run_id
        return f"Run {run_id} has already finished; this is its report. To sweep again, give another --run-id."

    def question(self, count: int, cost: str = "") -> str:
        """Return the question whether to send some target groups."""
        place = format_place(self._configuration.base_url, self._configuration.account)
        question = f"{self.plan.action.capitalize()} {pluralize(count)} of {place}"
        return f"{question} with {cost}" if cost else question

    def _check_flags(self) -> None:
        options = self.options
        if options.after is not None and self.plan.first is None:
            raise UsageError("--after needs --first\nNothing was sent.")
        if self._until_none_left:
            refuse_together("--until-none-left", ["--no-verify"] if options.no_verify else [])
        if self._out is not None:
            refuse_together("--out", ["--yes"] if options.yes else [])
            if self._out.expanduser().exists() and not options.force:
                raise UsageError(f"{self._out} exists\nNothing was sent. Give another --out, or --force to replace it.")
            for flag, other in {"--report": options.report, **self._kept}.items():
                if other is not None and is_same_file(self._out, other):
                    raise UsageError(f"--out and {flag} name the same file, {other}\nNothing was sent.")

    async def _list(self, client: AsyncClient) -> ExitCode:
        """List what would happen, and write the plan and the report of the dry run."""
        options, note = self.options, self.output.note
        self.check_new()
        if options.journal is not None:
            base_url = self._configuration.base_url
            choose_journal(self.plan, options.journal, base_url=base_url, named=self._named, warn=note)
        if options.report is not None:
            kept = {"--journal": options.journal, **self._kept}
            check_report_file(options.report, [self.plan.run_id], force=options.force, kept=kept)
        seen = await self._find(client)
        document = to_preview_document(seen)
        await self.output.print_items(PREVIEW_COLUMNS, _iterate(document.groups), document=preview_row_fields)
        self._print_preview(seen)
        self._check_size(len(seen.to_send))
        if options.report is not None:
            with _writing("report", options.report):
                write_preview(document, options.report)
            note(f"Report: {options.report}")
        if self._out is not None:
            with _writing("plan", self._out):
                seen.save(self._out)
            self.output.print_json({"event": "plan", "run_id": self.plan.run_id, "path": str(self._out)})
            note(f"Plan: {self._out}\nTo apply it: fieldingkit apply {shlex.quote(str(self._out))}")
        note("Nothing was changed." if self._out is not None else "Dry run: nothing was changed.")
        return ExitCode.UNKNOWN if seen.unlisted else ExitCode.DONE

    async def _run(self, client: AsyncClient) -> ExitCode:
        try:
            target, seen = await self._prepare(client)
        except (asyncio.CancelledError, KeyboardInterrupt):
            self.output.note(_NOT_BEGUN)
            raise
        run_id, continues = self.plan.run_id, None if target.continued is None else target.continued.run_id
        with open_journal(target.path) as journal, journal.claim(run_id):
            announce = partial(self.output.note, f"Run {run_id}\nJournal {journal.path}")
            checkpoint = NotedCheckpoint(journal, run_id, announce)
            try:
                if undecided := await load_undecided(journal, self.plan, RunIdentity.of(client, self.plan)):
                    seen = await self.find_undecided(client, undecided)
                report = await self._sweep(client, checkpoint, seen, continues)
            except BaseException as exc:
                self._report_interruption(exc, journal, checkpoint, continues)
                exc.__notes__ = []  # they say the same to callers in Python
                raise
            return self._finish(report, journal, client.clock.wall())

    async def _prepare(self, client: AsyncClient) -> tuple[JournalTarget, SweepPreview | None]:
        """Choose the run, and ask for confirmation; return the run and the preview to sweep. Nothing is sent."""
        options, output = self.options, self.output
        target = choose_journal(
            self.plan, options.journal, base_url=self._configuration.base_url, named=self._named, warn=output.note
        )
        self.plan = target.plan
        self._resumed = target.resumed is not None
        self._run_ids = target.run_ids
        if not self._resumed:
            self.check_new()
        if options.report is not None:
            kept = {"--journal": target.path, **self._kept}
            check_report_file(options.report, self._run_ids, force=options.force, kept=kept)
        seen = None
        if not self._resumed and (not options.yes or options.max_groups is not None or self.always_preview):
            seen = await self._find(client)
            self._print_preview(seen)
        self._check_size(_open_groups(target, seen))
        self._confirm(target, seen)
        return target, None if seen is None else await self.find_again(client, seen)

    async def _find(self, client: AsyncClient) -> SweepPreview:
        self.output.note("Finding the target groups.")
        return await self.find(client)

    def _print_preview(self, seen: SweepPreview) -> None:
        self.output.print_json({"event": "preview", **preview_fields(seen, self.options.rate)})
        self.output.print_text(preview_text(seen, self.options.rate))

    def _check_size(self, count: int) -> None:
        limit = self.options.max_groups
        if limit is not None and count > limit:
            raise UsageError(
                f"{pluralize(count)} to {self.plan.action}, but --max-groups is {limit:,}\nThis command sent nothing."
            )

    def _confirm(self, target: JournalTarget, seen: SweepPreview | None) -> None:
        """Ask for confirmation, unless nothing would be sent."""
        note = self.output.note
        if (run := target.resumed) is not None:
            if run.finished_at is not None:
                note(self.finished_note)
                return
            rest = _open_groups(target, None)
            settled = f"{run.total - rest:,} of {pluralize(run.total)} are settled"
            note(f"Resuming the run of {run.started_at:%Y-%m-%d %H:%M} UTC: {settled}.")
            self._ask(rest)
            return
        if (run := target.continued) is not None:
            when, ended = f"{run.started_at:%Y-%m-%d %H:%M} UTC", _how_it_ended(run)
            jobs = "Its open jobs are followed to their end. " if run.finished_at is None else ""
            note(f"The run of {when} {ended}. {jobs}This run sends what matches now. The report covers both.")
        if target.too_old is not None:
            path, run = target.too_old
            note(
                f"The run of {run.started_at:%Y-%m-%d %H:%M} UTC {_how_it_ended(run)}; this is a new run. "
                f"To resume the old one: --journal {path} --run-id {run.run_id}"
            )
        if seen is not None and seen.to_send:
            self._ask(len(seen.to_send), format_cost(seen, self.options.rate))

    def _ask(self, count: int, cost: str = "") -> None:
        """Ask for confirmation to send some target groups; a completion wants their number typed."""
        question, yes = self.question(count, cost), self.options.yes
        if self.plan.action is Action.COMPLETE:
            self.output.note("There is no way back: nothing undoes a completion.")
            confirm_by_typing(question, str(count), yes=yes)
        else:
            confirm(question, yes=yes)

    async def _sweep(
        self, client: AsyncClient, checkpoint: Checkpoint, seen: SweepPreview | None, continues: str | None
    ) -> SweepReport:
        with ProgressDisplay(self.output) as display:

            async def proceed(first: SweepReport) -> bool:
                with display.paused():
                    return await self._goes_on(client, first, display)

            return await sweep(
                client,
                self.plan,
                checkpoint=checkpoint,
                on_progress=display,
                preview=seen,
                verify=not self.options.no_verify,
                until_none_left=self._until_none_left,
                proceed=proceed,
                continues=continues,
            )

    async def _goes_on(self, client: AsyncClient, first: SweepReport, display: ProgressDisplay) -> bool:
        """Decide, after the first target groups, whether the others are sent."""
        options, note = self.options, self.output.note
        document = to_document(first)
        self.output.print_json({"event": "first", **result_fields(document)})
        note(f"The first {pluralize(len(first.groups))}:\n{result_text(document)}")
        if not first.ok and (options.yes or options.after is not None):
            note("Not all of them succeeded, so the others are not sent.")
            return False
        if options.after is not None:
            note(f"The others follow in {format_duration(options.after)}; Ctrl-C stops.")
            await client.clock.sleep(options.after)
            return await self._is_unmoved(client, first)
        if options.yes:
            return True
        jobs = pluralize(display.open_jobs, "job")
        cost = f"{jobs}, at least {pluralize(2 * display.open_jobs, 'request')}"
        return ask(self.question(display.open_groups, cost).replace(" ", " the other ", 1))

    async def _is_unmoved(self, client: AsyncClient, first: SweepReport) -> bool:
        """Read the first target groups once more, and return whether they still have the target status."""
        claimed: dict[str, list[str]] = {}
        for group in first.of(Outcome.UPDATED, Outcome.UNCHANGED):
            claimed.setdefault(group.project_id, []).append(group.target_group_id)
        now = await preview(client, attrs.evolve(self.plan, query=None, target_groups=claimed, first=None))
        if moved := len(now.groups) - len(now.unchanged):
            self.output.note(f"{pluralize(moved)} moved meanwhile, so the others are not sent.")
        return not moved

    def _report_interruption(
        self, exc: BaseException, journal: Journal, checkpoint: NotedCheckpoint, continues: str | None
    ) -> None:
        """Print whether something was sent and how to continue, and write the report as far as it is known."""
        if not (checkpoint.may_have_sent or self._resumed):
            if continues is not None:
                self.output.note(f"Interrupted: nothing new was sent. {_AGAIN}")
            elif not isinstance(exc, Exception):  # the message of an error says it itself
                self.output.note(_NOT_BEGUN)
            return
        try:
            report = read_report(journal, self.plan.run_id)
        except JournalError as unreadable:
            self.output.note(f"Interrupted: {unreadable.message}. {_AGAIN}")
            return
        self._webhook.report = report
        if self.options.report is not None:
            self._write(to_document(report), self.options.report, journal.path)
        counts = report.counts
        settled = f"{counts.total - counts.unknown - counts.not_sent:,} of {pluralize(counts.total)} are settled"
        unsent = f"{counts.not_sent:,} were not sent" if counts.not_sent else ""
        jobs = "submitted jobs continue" if counts.unknown else ""
        self.output.note(f"Interrupted: {'; '.join(filter(None, [settled, unsent, jobs]))}.")
        if journal.removed:
            self.output.note(f"The journal {journal.path} was removed during the sweep: this run cannot be resumed.")
        else:
            self.output.note(f"To resume: {self._resuming_line()}")

    def _resuming_line(self) -> str:
        """Return the command line that resumes the run, with the files that were given."""
        files = {"--journal": self.options.journal, "--report": self.options.report}
        options = [word for flag, path in files.items() if path is not None for word in (flag, str(path))]
        return shlex.join(["fieldingkit", *self.resuming_words, *options])

    def _finish(self, report: SweepReport, journal: Journal, now: float) -> ExitCode:
        """Write the report, then print it, and save that it was delivered."""
        self._webhook.report = report
        code, document, path = self.exit_code(report), to_document(report), self.options.report
        if journal.removed:
            path = path or Path(f"{report.run_id.replace(':', '-')}.json")
            self.output.note(
                f"The journal {journal.path} was removed during the sweep, so `fieldingkit sweeps` does not know this "
                "run. Keep the report: only from it can the run be undone."
            )
        written = path is not None and self._write(document, path, journal.path)
        if path is not None and not written:
            code = code or ExitCode.FAILED
        facts = {"event": "report", "exit": code.value, "journal": str(journal.path), **result_fields(document)}
        self.output.print_json(facts)
        self.output.print_text(result_text(document))
        if self.output.lost is not None:
            self.output.note(f"The result could not be printed: {self.output.lost}. The sweep went to its end.")
        if written or (path is None and self.output.lost is None):
            with suppress(JournalError):  # without the mark, the same command reports the run once more
                journal.mark_reported(report.run_id, now)
        return code

    def _write(self, document: SweepDocument, path: Path, journal: Path) -> bool:
        """Write the report file and return whether that succeeded."""
        run_id = self.plan.run_id
        if not self.options.force and overwrite_conflict(path, self._run_ids) is not None:
            path = free_report_path(path, run_id)  # another run wrote its report since this one began
        try:
            write_document(document, path)
        except OSError as exc:
            self.output.note(
                f"The report {path} could not be written: {exc.strerror}.\n"
                "To write it to another file without sending anything: "
                f"fieldingkit sweeps report {run_id} --journal {journal} --report FILE"
            )
            return False
        self.output.note(f"Report: {path}")
        if (table := table_beside(document, path)) is not None:
            self.output.note(f"All target groups: {table}")
        if document.undoable and path.suffix.lower() != ".csv":
            self.output.note(f"To undo: fieldingkit undo {path}")
        return True


@contextmanager
def _writing(kind: str, path: Path) -> Generator[None]:
    """Turn an error of writing a file into a message."""
    try:
        yield
    except OSError as exc:
        raise NotPossibleError(f"the {kind} {path} could not be written: {exc.strerror}\nNothing was changed.") from exc


async def _iterate(rows: Iterable[PreviewRow]) -> AsyncIterator[PreviewRow]:
    for row in rows:
        yield row


def _how_it_ended(run: RunSummary) -> str:
    return "did not finish" if run.finished_at is None else "finished, but its report was not delivered"


def _open_groups(target: JournalTarget, seen: SweepPreview | None) -> int:
    """Return the number of target groups that are still to be settled; 0 if it is not known in advance."""
    if seen is not None:
        return len(seen.to_send)
    run = target.resumed
    if run is None or run.finished_at is not None:
        return 0
    return run.total - run.counts.updated - run.counts.unchanged - run.counts.skipped
