"""Predecessors: the interrupted runs that a run continues, loaded from its checkpoint and closed when it has begun."""

from collections.abc import Sequence

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import ChunkState
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.progress import ProgressReporter

__all__ = ["close_continued", "load_continued"]


async def load_continued(
    client: AsyncClient, checkpoint: Checkpoint, run_id: str | None, progress: ProgressReporter
) -> tuple[SweepContext, ...]:
    """Return the run with this id and those that it continues itself, the first one first."""
    loaded: list[SweepContext] = []
    while run_id is not None:
        place = checkpoint.for_run(run_id)
        plan = await place.plan()
        state = None if plan is None else await place.load(plan, RunIdentity.of(client, plan))
        if plan is None or state is None:
            raise JournalError(f"there is no run {run_id} to continue; nothing was sent")
        loaded.append(
            SweepContext(
                client=client,
                plan=plan,
                state=state,
                checkpoint=place,
                earlier=state.decided_earlier(),
                progress=progress,
            )
        )
        run_id = state.continues
    loaded.reverse()
    return tuple(attrs.evolve(each, continued=tuple(loaded[:number])) for number, each in enumerate(loaded))


async def close_continued(continued: Sequence[SweepContext]) -> None:
    """Save that interrupted runs are continued by another one, which now has their target groups."""
    for each in continued:
        state, now = each.state, each.client.clock.wall()
        if state.finished_at is not None:
            continue
        for chunk in [chunk for chunk in state.chunks if chunk.never_sent]:
            outcomes = [row for id_ in chunk.ids if (row := state.ledger.outcome_of(id_)) is not None]
            await each.checkpoint.save(state.put(chunk.advance(ChunkState.SETTLED, now)), outcomes)
        state.finished_at = now
        await each.checkpoint.finished(state)
