"""The undo of a sweep: find its report, check that it can be undone, and restore its target groups."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import attrs

from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError, UnfinishedError, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.selection import invalid_flag
from fieldingkit.cli.stored_runs import StoredRun, find_run, read_run, stored_runs
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import SweepOptions
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.rendering.text import format_duration, format_time, pluralize
from fieldingkit.sweeps.inverse import preview_undo, undo_plan
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.transport.urls import normalize_url

__all__ = ["JOURNAL", "connection_of", "load_last_run", "load_report", "undo_report"]

JOURNAL: Final = "the journal of the sweep"
"""The journal among the files that the report of an undo must not overwrite."""


async def undo_report(
    original: SweepReport,
    kept: Mapping[str, Path | None],
    *,
    no_history_check: bool,
    run_id: str | None = None,
    options: SweepOptions,
    connection: Connection,
) -> ExitCode:
    """Undo the sweep of a report.

    Args:
        original: The report.
        kept: Files that the report of the undo must not overwrite, by what they are.
        no_history_check: Do not read the changelog of each target group.
        run_id: The run id of the undo.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    configuration = connection_of(connection, original.base_url, original.account_id, "report")
    try:
        plan = undo_plan(original)
        plan = attrs.evolve(plan, run_id=run_id or plan.run_id)
    except InvalidCommandError as exc:
        raise invalid_flag(exc) from exc
    if run_id is None:
        _check_no_open_jobs(original, kept.get(JOURNAL))
        _check_not_undone_in_turn(original, plan, options.journal)
    _note_what_stays(original)
    if not plan.target_groups:
        if original.counts.unknown or original.unlisted:
            Output().note(
                f"Nothing was undone: the outcome of the {original.action} is unknown. To find it out, run\n"
                f"  fieldingkit sweeps resume {original.run_id}\nand then undo that run."
            )
            return ExitCode.UNKNOWN
        if original.unclaimed:
            Output().note(f"Nothing was undone: no job of the {original.action} reported a change.")
            return ExitCode.UNKNOWN
        Output().note(f"No change was reported by the {original.action}, so there is nothing to undo.")
        return ExitCode.DONE
    command = _UndoCommand(
        original, plan, options, connection, configuration, check_history=not no_history_check, kept=kept
    )
    return await command.run()


def connection_of(connection: Connection, base_url: str, account_id: str | None, thing: str) -> Configuration:
    """Return the settings of a connection that must be to the API and the account of an earlier sweep.

    Args:
        connection: The connection; if it names no account, it is that of the sweep.
        base_url: The API of the sweep.
        account_id: The account of the sweep.
        thing: The source of these, for the message.

    Raises:
        UsageError: The connection is to another API or account.
    """
    configuration = connection.load()
    configuration = attrs.evolve(configuration, account=configuration.account or account_id)
    if (normalize_url(configuration.base_url), configuration.account) != (normalize_url(base_url), account_id):
        raise UsageError(
            f"the {thing} is of account {account_id} at {base_url}, "
            f"but the connection is to account {configuration.account} at {configuration.base_url}\n"
            f"Nothing was sent. Give the --account and --base-url of the {thing}."
        )
    return configuration


class _UndoCommand(SweepCommand):
    """An undo, which reads the changelog of each target group first.

    Args:
        original: The report of the sweep to undo.
        plan: The plan of the undo.
        options: The options of the sweep.
        connection: How to reach the API.
        configuration: The settings of the connection.
        check_history: Read the changelogs.
        kept: Files that the report of the undo must not overwrite, by what they are.
    """

    always_preview = True

    def __init__(
        self,
        original: SweepReport,
        plan: SweepPlan,
        options: SweepOptions,
        connection: Connection,
        configuration: Configuration,
        *,
        check_history: bool,
        kept: Mapping[str, Path | None],
    ) -> None:
        super().__init__(plan, options, connection, configuration, named=True, kept=kept)
        self._original = original
        self._check_history = check_history

    async def find(self, client: AsyncClient) -> SweepPreview:
        """Return the target groups with their statuses, and the outcome of those that must not be undone."""
        if not self._check_history:
            return await preview_undo(client, self._original, check_history=False)
        requests, rate = sum(map(len, (self.plan.target_groups or {}).values())), self.options.rate
        seconds = f", at least {format_duration(requests / rate)}" if rate is not None else ""
        self.output.note(f"Reading the changelog of {pluralize(requests)}{seconds}; --no-history-check leaves it out.")
        return await preview_undo(client, self._original)

    async def find_undecided(self, client: AsyncClient, undecided: Collection[str]) -> SweepPreview:
        """Return the target groups whose changelog could not be read before, checked again."""
        return await preview_undo(client, self._original, check_history=self._check_history, only=undecided)


def load_last_run(
    configuration: Configuration, journal: Path | None
) -> tuple[SweepReport, dict[str, Path], str | None]:
    """Find the last sweep of a connection that changed, or may have changed, something.

    Args:
        configuration: The settings of the connection.
        journal: The journal to search; None for all known ones.

    Returns:
        Its report, the files that must not be overwritten, and the id of its undo if that was interrupted.

    Raises:
        NotPossibleError: There is none, or it was undone already.
        UsageError: A journal cannot be read.
    """
    output = Output()
    runs = stored_runs(journal, output.note)
    by_id = {run.run_id: run for run in runs}
    run = next((run for run in runs if _belongs_to(run, configuration) and _may_have_changed(run)), None)
    if run is None:
        raise NotPossibleError(
            f"there is no sweep of this account to undo in {journal or 'the known journals'}\n"
            "Nothing was changed. Give its report, or its run id with `fieldingkit sweeps undo` and its --journal."
        )
    while run.continued_by is not None:
        run = find_run(run.continued_by, run.path, output.note)
    undo = next((other for other in runs if other.summary.undoes == run.run_id), None)
    if _is_undo(run, by_id):
        undo, run = run, by_id.get(run.summary.undoes or "", run)
    if undo is not None and (undo is run or undo.summary.reported_at is not None):
        what = f"run {undo.summary.undoes}" if undo is run else f"{_name(run)},"
        raise NotPossibleError(f"{what} was undone already by run {undo.run_id}\n{_how_to_undo(undo)}")
    output.note(f"The last sweep is {_name(run)}.")
    return read_run(run), {JOURNAL: run.path}, None if undo is None else undo.run_id


def _belongs_to(run: StoredRun, configuration: Configuration) -> bool:
    """Return whether a run is of the API and the account of a connection."""
    account = configuration.account
    of_account = account is None or run.summary.account_id == account
    return of_account and run.summary.base_url == normalize_url(configuration.base_url)


def _may_have_changed(run: StoredRun) -> bool:
    summary = run.summary
    interrupted = summary.finished_at is None and summary.discovered_at is not None
    return bool(summary.counts.updated or summary.counts.unknown or interrupted)


def _is_undo(run: StoredRun, by_id: Mapping[str, StoredRun]) -> bool:
    """Return whether a run undoes a sweep; the undo of an undo does what the sweep did."""
    if run.summary.undoes is None:
        return False
    undone = by_id.get(run.summary.undoes)
    return undone is None or not _is_undo(undone, by_id)


def _name(run: StoredRun) -> str:
    return f"the {run.summary.action} of {format_time(run.summary.started_at)}, run {run.run_id}"


def _check_no_open_jobs(original: SweepReport, journal: Path | None) -> None:
    """Refuse to undo an interrupted sweep before it is known which target groups it changed.

    Raises:
        UnfinishedError: Some of its jobs may be open, or were not read to their end.
    """
    if original.finished_at is None and original.counts.unknown:
        named = f"{original.run_id}{'' if journal is None else f' --journal {journal}'}"
        raise UnfinishedError(
            f"the {original.action} was interrupted, and it is not known yet whether it changed "
            f"{pluralize(original.counts.unknown)}\n"
            f"This command sent nothing. Finish it: `fieldingkit sweeps resume {named}`. "
            f"Then undo all of it: `fieldingkit sweeps undo {named}`. "
            "To undo only what the report knows, give `fieldingkit undo` a --run-id."
        )


def _check_not_undone_in_turn(original: SweepReport, plan: SweepPlan, journal: Path | None) -> None:
    """Refuse to repeat an undo that was undone itself: it would report the past and change nothing.

    Raises:
        NotPossibleError: It was.
    """
    runs = {run.run_id: run for run in stored_runs(journal, lambda _: None) if _may_have_changed(run)}
    undo_of = {run.summary.undoes: run for run in runs.values()}
    undo = last = runs.get(plan.run_id)
    while last is not None and (following := undo_of.get(last.run_id)) is not None:
        last = following
    if undo is not None and last is not None and last is not undo:
        raise NotPossibleError(
            f"run {original.run_id} was undone by run {undo.run_id}, which was undone in turn\n{_how_to_undo(last)}"
        )


def _how_to_undo(run: StoredRun) -> str:
    return f"This command sent nothing. To undo that as well: fieldingkit sweeps undo {run.run_id} --journal {run.path}"


def _note_what_stays(original: SweepReport) -> None:
    """Name the target groups that a sweep may have changed, and that an undo does not touch."""
    for groups, why in (
        (original.of(Outcome.UNKNOWN), f"the outcome of the {original.action} is unknown"),
        (
            original.unclaimed,
            f"they were read as {original.action.target}, but it is not known which change was this sweep's",
        ),
    ):
        if groups:
            names = "".join(f"\n  {group.project_id} {group.target_group_id}" for group in groups)
            Output().note(f"Not undone, {pluralize(len(groups))}: {why}.{names}")


def load_report(path: Path) -> SweepReport:
    """Return the report in a file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return SweepReport.load(path)
    except ConfigurationError as exc:
        raise UsageError(exc.message) from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
