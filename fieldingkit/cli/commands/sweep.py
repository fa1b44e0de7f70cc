"""The sweep commands: ``pause``, ``resume``, ``complete``, ``relaunch``, ``launch`` and ``undo``."""

from pathlib import Path

import attrs

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.selection import NO_SELECTION, Selection, invalid_flag
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, DEFAULT_PLAN_OPTIONS, PlanOptions, SweepOptions
from fieldingkit.client import AsyncClient
from fieldingkit.configuration import Configuration
from fieldingkit.errors import ConfigurationError, InvalidCommandError
from fieldingkit.rendering.text import format_duration, pluralize
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.inverse import preview_undo, undo_plan
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import Outcome, SweepReport

__all__ = ["complete", "launch", "pause", "relaunch", "resume", "undo"]


async def pause(
    *,
    selection: Selection = NO_SELECTION,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Pause live target groups.

    Args:
        selection: The target groups.
        plan: The options of the plan.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.PAUSE, selection, plan, options, connection)


async def resume(
    *,
    selection: Selection = NO_SELECTION,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Resume paused target groups.

    Args:
        selection: The target groups.
        plan: The options of the plan.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.RESUME, selection, plan, options, connection)


async def complete(
    *,
    selection: Selection = NO_SELECTION,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Complete target groups, regardless of their goals and end dates.

    Args:
        selection: The target groups.
        plan: The options of the plan.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.COMPLETE, selection, plan, options, connection)


async def relaunch(
    *,
    selection: Selection = NO_SELECTION,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Relaunch completed target groups.

    Args:
        selection: The target groups.
        plan: The options of the plan.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.RELAUNCH, selection, plan, options, connection)


async def launch(
    *,
    selection: Selection = NO_SELECTION,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Launch scheduled target groups now.

    Args:
        selection: The target groups.
        plan: The options of the plan.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    return await _sweep(Action.LAUNCH, selection, plan, options, connection)


async def undo(
    report: Path,
    /,
    *,
    no_history_check: bool = False,
    run_id: str | None = None,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Undo a pause or a resume, for exactly the target groups that it changed.

    Args:
        report: The report of the sweep, .json or .html.
        no_history_check: Do not read the changelog of each target group to skip those that were changed again since.
        run_id: The run id of the undo; by default that of the sweep with -undo.
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
    try:
        plan = undo_plan(original)
        plan = attrs.evolve(plan, run_id=run_id or plan.run_id)
    except InvalidCommandError as exc:
        raise invalid_flag(exc) from exc
    _note_what_stays(original)
    if not plan.target_groups:
        Output().note(f"No change was reported by the {original.action}, so there is nothing to undo.")
        return ExitCode.UNKNOWN if original.counts.unknown or original.unlisted else ExitCode.DONE
    if no_history_check:
        return await SweepCommand(plan, options, connection, configuration, named=True).run()
    return await _UndoCommand(original, plan, options, connection, configuration).run()


class _UndoCommand(SweepCommand):
    """An undo that reads the changelog of each target group first.

    Args:
        original: The report of the sweep to undo.
        plan: The plan of the undo.
        options: The options of the sweep.
        connection: How to reach the API.
        configuration: The settings of the connection.
    """

    always_preview = True

    def __init__(
        self,
        original: SweepReport,
        plan: SweepPlan,
        options: SweepOptions,
        connection: Connection,
        configuration: Configuration,
    ) -> None:
        super().__init__(plan, options, connection, configuration, named=True)
        self._original = original

    async def find(self, client: AsyncClient) -> SweepPreview:
        """Return the target groups with their statuses, and the outcome of those that were changed again since."""
        requests, rate = sum(map(len, (self.plan.target_groups or {}).values())), self.options.rate
        seconds = f", at least {format_duration(requests / rate)}" if rate is not None else ""
        self.output.note(f"Reading the changelog of {pluralize(requests)}{seconds}; --no-history-check leaves it out.")
        return await preview_undo(client, self._original)


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


async def _sweep(
    action: Action, selection: Selection, plan: PlanOptions, options: SweepOptions, connection: Connection
) -> int:
    configuration = connection.load()
    drawn_up = selection.plan(action, account=configuration.account, **plan.fields())
    named = plan.run_id is not None
    command = SweepCommand(
        drawn_up,
        options,
        connection,
        configuration,
        named=named,
        ids=selection.ids,
        out=plan.out,
        until_none_left=plan.until_none_left,
    )
    return await command.run()


def _load_report(path: Path) -> SweepReport:
    try:
        return SweepReport.load(path)
    except ConfigurationError as exc:
        raise UsageError(exc.message) from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
