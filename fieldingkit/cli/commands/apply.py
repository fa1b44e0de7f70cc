"""``fieldingkit apply``: apply a plan that was made before."""

from pathlib import Path
from typing import Final

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.sweep_options import DEFAULT_OPTIONS, Duration, SweepOptions

__all__ = ["apply"]

_DAY: Final = 86400.0


async def apply(
    plan: Path,
    /,
    *,
    max_age: Duration = _DAY,
    options: SweepOptions = DEFAULT_OPTIONS,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Apply a plan that a sweep command wrote with --out. Target groups whose status moved since are skipped.

    Args:
        plan: The plan.
        max_age: The age from which a plan is refused, such as 12h; 24h by default.
        options: The options of the sweep.
        connection: How to reach the API.
    """
    from fieldingkit.cli.apply_command import apply_plan

    return await apply_plan(plan, max_age=max_age, options=options, connection=connection)
