"""The sweep commands: ``pause``, ``resume``, ``complete``, ``relaunch`` and ``launch``."""

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.selection import NO_SELECTION, Selection
from fieldingkit.cli.sweep_command import SweepCommand
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, DEFAULT_PLAN_OPTIONS, PlanOptions, SweepOptions
from fieldingkit.sweeps.actions import Action

__all__ = ["complete", "launch", "pause", "relaunch", "resume"]


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
        kept={"--ids": selection.ids},
        out=plan.out,
        until_none_left=plan.until_none_left,
    )
    return await command.run()
