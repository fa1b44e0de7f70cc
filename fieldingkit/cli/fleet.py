"""``fieldingkit pause``, ``resume``, ``complete``, ``relaunch`` and ``launch``: one action on a whole fleet."""

from fieldingkit.cli.connection import ENVIRONMENT, Connection
from fieldingkit.cli.selection import ANY, USUAL, Manner, Selection
from fieldingkit.cli.sweeping import carry_out
from fieldingkit.workflows.actions import Action

__all__ = ["complete", "launch", "pause", "relaunch", "resume"]


async def pause(*, selection: Selection = ANY, manner: Manner = USUAL, connection: Connection = ENVIRONMENT) -> int:
    """Pause live target groups.

    Args:
        selection: Which target groups.
        manner: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.PAUSE, selection, manner, connection)


async def resume(*, selection: Selection = ANY, manner: Manner = USUAL, connection: Connection = ENVIRONMENT) -> int:
    """Put paused target groups back to live.

    Args:
        selection: Which target groups.
        manner: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.RESUME, selection, manner, connection)


async def complete(*, selection: Selection = ANY, manner: Manner = USUAL, connection: Connection = ENVIRONMENT) -> int:
    """Complete target groups, whatever their goals and end dates.

    Args:
        selection: Which target groups.
        manner: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.COMPLETE, selection, manner, connection)


async def relaunch(*, selection: Selection = ANY, manner: Manner = USUAL, connection: Connection = ENVIRONMENT) -> int:
    """Put completed target groups back to live.

    Args:
        selection: Which target groups.
        manner: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.RELAUNCH, selection, manner, connection)


async def launch(*, selection: Selection = ANY, manner: Manner = USUAL, connection: Connection = ENVIRONMENT) -> int:
    """Launch scheduled target groups now.

    Args:
        selection: Which target groups.
        manner: How.
        connection: How to reach the API.
    """
    return await _sweep(Action.LAUNCH, selection, manner, connection)


async def _sweep(action: Action, selection: Selection, manner: Manner, connection: Connection) -> int:
    plan = selection.plan(action, account=connection.account or None, run_id=manner.run_id)
    return await carry_out(plan, manner, connection, named=manner.run_id is not None)
