"""``fieldingkit undo``: restore the target groups that a pause or a resume changed."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, NotPossibleError, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.selection import invalid_flag
from fieldingkit.cli.stored_runs import StoredRun, find_run, read_run, stored_runs
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, SweepOptions
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.rendering.text import format_duration, format_time, pluralize
from fieldingkit.sweeps.inverse import preview_undo, undo_plan
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.transport.urls import normalize_url

__all__ = ["connection_of", "undo", "undo_report"]


async def undo(
    report: Path | None = None,
    /,
    *,
    last: bool = False,
    no_history_check: bool = False,
    run_id: str | None = None,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Undo a pause or a resume, for exactly the target groups that it changed.

    Args:
        report: The report of the sweep, .json or .html.
        last: Undo the last sweep of this account that changed something, from its journal.
        no_history_check: Do not read the changelog of each target group to skip those that were changed again since.
        run_id: The run id of the undo; by default that of the sweep with -undo.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    if (report is None) is not last:
        raise UsageError("no sweep to undo was selected\nGive exactly one of a report and --last.")
    if report is not None:
        original, kept = _load_report(report), {"the report to undo": report}
    else:
        stored = _last_run(connection.load(), options.journal, Output())
        original, kept = read_run(stored), {"the journal of the sweep": stored.path}
    return await undo_report(
        original, kept, no_history_check=no_history_check, run_id=run_id, options=options, connection=connection
    )


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
    _note_what_stays(original)
    if not plan.target_groups:
        if original.counts.unknown or original.unlisted:
            Output().note(f"Nothing was undone: the outcome of the {original.action} is unknown.")
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


def _last_run(configuration: Configuration, journal: Path | None, output: Output) -> StoredRun:
    """Return the last sweep of a connection that changed, or may have changed, something.

    Args:
        configuration: The settings of the connection.
        journal: The journal to search; None for those of the state folder.
        output: The output of the command.

    Raises:
        NotPossibleError: There is none.
        UsageError: The sweep cannot be undone.
    """
    runs = stored_runs(journal, output.note)
    undos = {run.undo_id for run in runs}
    for each in runs:
        run, summary = each, each.summary
        elsewhere = summary.base_url != normalize_url(configuration.base_url) or (
            configuration.account is not None and summary.account_id != configuration.account
        )
        interrupted = summary.finished_at is None and summary.discovered_at is not None
        changed = summary.counts.updated or summary.counts.unknown or interrupted
        if elsewhere or run.run_id in undos or not changed:
            continue
        while run.continued_by is not None:
            run = find_run(run.continued_by, run.path, output.note)
        output.note(f"The last sweep is the {summary.action} of {format_time(summary.started_at)}, run {run.run_id}.")
        return run
    raise NotPossibleError(
        f"there is no sweep of this account to undo in {journal or 'the state folder'}\n"
        "Nothing was changed. Give its report, or its run id with `fieldingkit sweeps undo` and its --journal."
    )


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


def _load_report(path: Path) -> SweepReport:
    try:
        return SweepReport.load(path)
    except ConfigurationError as exc:
        raise UsageError(exc.message) from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
