"""The sweep commands: ``pause``, ``resume``, ``complete``, ``relaunch`` and ``launch``."""

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.selection import NO_SELECTION, Selection
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, DEFAULT_PLAN_OPTIONS, PlanOptions, SweepOptions

__all__ = ["complete", "launch", "pause", "relaunch", "resume"]


async def pause(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Pause live target groups.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        plan: The options of the plan.
        connection: How to reach the API.
    """
    return await _sweep("pause", selection, options, plan, connection)


async def resume(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Resume paused target groups.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        plan: The options of the plan.
        connection: How to reach the API.
    """
    return await _sweep("resume", selection, options, plan, connection)


async def complete(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Complete target groups, regardless of their goals and end dates.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        plan: The options of the plan.
        connection: How to reach the API.
    """
    return await _sweep("complete", selection, options, plan, connection)


async def relaunch(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Relaunch completed target groups.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        plan: The options of the plan.
        connection: How to reach the API.
    """
    return await _sweep("relaunch", selection, options, plan, connection)


async def launch(
    *,
    selection: Selection = NO_SELECTION,
    options: SweepOptions = DEFAULT_OPTIONS,
    plan: PlanOptions = DEFAULT_PLAN_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Launch scheduled target groups now.

    Args:
        selection: The target groups.
        options: The options of the sweep.
        plan: The options of the plan.
        connection: How to reach the API.
    """
    return await _sweep("launch", selection, options, plan, connection)


async def _sweep(
    action: str, selection: Selection, options: SweepOptions, plan: PlanOptions, connection: Connection
) -> int:
    from fieldingkit.cli.sweep_command import SweepCommand
    from fieldingkit.sweeps.actions import Action

    configuration = connection.load()
    drawn_up = selection.plan(Action(action), account=configuration.account, **plan.fields())
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
