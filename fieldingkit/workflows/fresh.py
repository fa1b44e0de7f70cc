"""Reading a run again in the middle of a workflow."""

from collections.abc import Sequence

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun

__all__ = ["read_fresh"]


async def read_fresh(client: AsyncClient, run: GetFieldingRun, conflicts: Sequence[FieldingKitError]) -> FieldingRun:
    """Read the run; a failure to do so does not hide that an earlier action may have been applied.

    Raises:
        FieldingKitError: if it cannot be read; ``maybe_applied`` is that of the whole workflow.
    """
    try:
        return await client.send(run)
    except FieldingKitError as exc:
        exc.maybe_applied = any(conflict.maybe_applied for conflict in conflicts)
        raise
