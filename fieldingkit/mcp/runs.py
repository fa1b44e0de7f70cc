"""The tool that shows a sweep run, and the result of a run as tools return it."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final

import attrs
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from fieldingkit.client import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.mcp.outputs import ApiText, Output, api_code, api_text, cut_note
from fieldingkit.rendering.text import pluralize
from fieldingkit.rendering.wording import advice_for, headline, report_notes
from fieldingkit.sweeps.checkpoint import read_report
from fieldingkit.sweeps.journal import Journal, RunSummary
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepReport
from fieldingkit.sweeps.report_files import to_document
from fieldingkit.transport.urls import normalize_url

__all__ = ["RunTools", "SweepCommands", "SweepOutput", "journal_path", "sweep_output"]

_RUN_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_MOST_PROBLEMS: Final = 50
"""Target groups with a problem that are shown."""
_WAIT: Final = "Call show_sweep again later, and neither resume it nor plan again meanwhile."
_ADVICE: Final[Mapping[Outcome, str]] = {
    Outcome.UNKNOWN: "Read its status with list_target_groups before you plan anything for it.",
    Outcome.NOT_SENT: "This run did not change it. A new plan acts on what it finds then.",
}
_PROBLEMS: Final = (Outcome.UNKNOWN, Outcome.NOT_SENT, Outcome.FAILED)


class SweepCounts(Output):
    """The number of target groups with each outcome; ask explain about them."""

    updated: int
    """The API reported them as updated by this run."""
    unchanged: int
    """They have the target status, and the run does not claim to have changed them."""
    failed: int
    """The API rejected them."""
    skipped: int
    """They were not sent, because their status does not allow it."""
    not_sent: int
    """They should have been sent, and were not."""
    unknown: int
    """They were sent, and the result was not seen."""


class Problem(Output):
    """A target group with a problem."""

    project_id: str
    """Its project's id."""
    target_group_id: str
    """Its id."""
    name: ApiText | None
    """Its name."""
    outcome: str
    """unknown, not_sent or failed."""
    code: str | None
    """The API's failure code."""
    reason: ApiText | None
    """The reason."""
    what_to_do: str
    """The advice of fieldingkit."""


class SweepOutput(Output):
    """The result of a sweep run."""

    run_id: str
    """The run's id."""
    action: str
    """The action."""
    finished: bool
    """False if something is left to do for the run: it is in progress, was interrupted, or an outcome is unknown."""
    in_progress: bool
    """True if this server, or another process on this machine, is applying the run now."""
    all_done: bool
    """True if everything was sent, nothing failed or is unknown, and the statuses were read again."""
    headline: str
    """The result in one line."""
    notes: list[str]
    """Sentences that qualify the headline."""
    counts: SweepCounts
    """The number of target groups with each outcome."""
    problems: list[Problem]
    """The target groups with a problem, those of unknown outcome first."""
    problems_cut: str | None
    """The problems that are not shown; null if all are."""
    trace_ids: list[str]
    """The trace ids of the jobs, for the API's support."""
    what_to_do: str
    """The next step."""


@attrs.frozen
class SweepCommands:
    """The command lines that the user can run for a sweep run, with the connection of this server."""

    options: tuple[str, ...] = ()
    """The options of the connection, such as ``--connection agent``."""

    def line(self, command: str, run_id: str) -> str:
        """Return the line of ``resume`` or ``undo``; ``show`` needs no connection."""
        return shlex.join(["fieldingkit", "sweeps", command, run_id, *self.options])

    def to_continue(self, run_id: str) -> str:
        """Return how to continue a run that was interrupted."""
        return f"Jobs that were submitted continue. To resume the run, its user can run: {self.line('resume', run_id)}"


class RunTools:
    """The tool that shows a sweep run.

    Args:
        client: The client, whose API and account the runs must be of.
        journals: The folder of the journals.
        commands: The command lines that continue or undo a run.
        is_running: Returns whether a run is in progress in this process.
    """

    def __init__(
        self, client: AsyncClient, journals: Path, commands: SweepCommands, is_running: Callable[[str], bool]
    ) -> None:
        self._client = client
        self._journals = journals
        self._commands = commands
        self._is_running = is_running

    async def show_sweep(
        self, run_id: Annotated[str, Field(description="The run's id, from its plan.")]
    ) -> SweepOutput:
        """Show what a sweep run did, from its journal: also one that was interrupted. No request is sent.

        Call it after an apply_sweep that was cancelled, timed out or lost its answer, before you plan again.
        """
        own = "This server" if self._is_running(run_id) else None
        path = journal_path(self._journals, run_id)
        if not (_RUN_ID.fullmatch(run_id) and path.is_file()):
            raise _not_found(own)
        with Journal(path, read_only=True) as journal:
            # It is asked before the runs are read: one that ends in between is not said to be interrupted.
            writer = journal.writer
            runs = {run.run_id: run for run in journal.runs()}
            if run_id not in runs:
                raise _not_found(own)
            place = runs[run_id].base_url, runs[run_id].account_id
            if place != (normalize_url(self._client.base_url), self._client.account_id):
                raise _not_found(None)
            shown = runs[_latest(run_id, runs.values())]
            is_elsewhere = own is None and writer is not None and shown.finished_at is None
            applier = f"Another program on this machine ({writer})" if is_elsewhere else own
            if applier is not None and shown.discovered_at is None:
                raise _not_found(applier)
            try:
                report = read_report(journal, shown.run_id)
            except JournalError as exc:
                raise ToolError(f"{exc.message}.") from exc
        return sweep_output(report, self._commands, finished=report.finished_at is not None, applier=applier)


def _not_found(applier: str | None) -> ToolError:
    """Return the error of a run that has no target groups yet, or of which nothing is known."""
    if applier is not None:
        return ToolError(
            f"{applier} is about to apply it: it waits for another plan, or reads the statuses. Nothing was sent for "
            f"it so far. {_WAIT}"
        )
    return ToolError(
        "There is no such run in the journals of this API and account on this machine. If the run_id is that of a plan "
        "of this server, nothing was sent for it so far. Otherwise check the run_id."
    )


def _latest(run_id: str, runs: Iterable[RunSummary]) -> str:
    """Return the run that continues a run last, and whose report covers it."""
    successors = {run.continues: run.run_id for run in runs}
    while run_id in successors:
        run_id = successors[run_id]
    return run_id


def journal_path(folder: Path, run_id: str) -> Path:
    """Return the journal of a run, where the command line finds it."""
    return folder / f"{run_id.replace(':', '-')}.journal"


def sweep_output(
    report: SweepReport,
    commands: SweepCommands,
    *,
    finished: bool,
    applier: str | None = None,
) -> SweepOutput:
    """Return the result of a run.

    Args:
        report: Its report.
        commands: The command lines that continue or undo it.
        finished: Whether nothing is left to do for it, by its journal.
        applier: The process that is applying it now, in words; None if there is none.
    """
    document = to_document(report)
    what_to_do = (
        _what_to_do(report, commands, finished=finished)
        if applier is None
        else f"{applier} is still applying it. {_WAIT}"
    )
    wait = None if applier is None else what_to_do
    problems = sorted(report.of(*_PROBLEMS), key=lambda group: _PROBLEMS.index(group.outcome))
    return SweepOutput(
        run_id=report.run_id,
        action=report.action.value,
        finished=finished,
        in_progress=applier is not None,
        all_done=report.ok and finished,
        headline=headline(document),
        notes=report_notes(document),
        counts=SweepCounts(**report.counts._asdict()),
        problems=[_problem(one, wait) for one in problems[:_MOST_PROBLEMS]],
        problems_cut=cut_note(
            len(problems) - _MOST_PROBLEMS, "target group", f"All are in: fieldingkit sweeps show {report.run_id}"
        ),
        trace_ids=_distinct(job.trace_id for job in report.jobs),
        what_to_do=what_to_do,
    )


def _distinct(ids: Iterable[str | None]) -> list[str]:
    codes = (api_code(id_) for id_ in ids)
    return list(dict.fromkeys(code for code in codes if code is not None))[:_MOST_PROBLEMS]


def _problem(group: GroupOutcome, wait: str | None) -> Problem:
    return Problem(
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        name=api_text(group.name),
        outcome=group.outcome.value,
        code=api_code(group.code),
        reason=api_text(group.reason),
        what_to_do=wait
        or _ADVICE.get(group.outcome)
        or advice_for(group.outcome.value, group.code, group.reason or ""),
    )


def _what_to_do(report: SweepReport, commands: SweepCommands, *, finished: bool) -> str:
    counts = report.counts
    unknown = (
        f"It is not known whether {pluralize(counts.unknown)} changed. Read their status with list_target_groups "
        "before you plan anything for them. "
    )
    if not finished:
        return f"{unknown if counts.unknown else ''}{commands.to_continue(report.run_id)}"
    if counts.failed or counts.not_sent:
        return "See the problems. A new plan acts on what it finds then."
    if report.stragglers or report.unlisted or report.unverified:
        return "Some target groups moved meanwhile, or were not read again: list them to see their current status."
    undo = f" Its user can undo it: {commands.line('undo', report.run_id)}" if report.action.opposite else ""
    return f"Nothing.{undo}"
