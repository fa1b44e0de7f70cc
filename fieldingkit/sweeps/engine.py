"""Sweep a fleet: one action on hundreds of target groups of many projects, as few jobs as will do, each exactly once.

The target groups are looked up, cut into chunks, and each chunk becomes a batch job, whose idempotency key follows from
the run and the chunk. What is learned on the way is written into the journal before the next step is taken.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.checkpoint import Checkpoint, JournalCheckpoint
from fieldingkit.sweeps.chunks import split_into_chunks
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.discovery import SweepPreview, find_groups
from fieldingkit.sweeps.executor import ChunkExecutor
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import SweepProgress, SweepReport
from fieldingkit.sweeps.state import Ledger, SweepState
from fieldingkit.transport.telemetry.attempts import notify

__all__ = ["sweep"]


async def sweep(
    client: AsyncClient,
    plan: SweepPlan,
    *,
    journal: Journal | str | os.PathLike[str] | None = None,
    on_progress: Callable[[SweepProgress], object] | None = None,
    preview: SweepPreview | None = None,
) -> SweepReport:
    """Carry out a plan: submit its jobs, follow them all, try again what is worth it, read what is in doubt.

    With a journal, a sweep that was broken off goes on where it stopped when it is called again with the same plan: no
    job is created twice, and those that were submitted are followed to their end. A run that has finished gives its
    report again, without a request. Without a journal, sending the same target groups under the same run id again gives
    the same jobs for about an hour; statuses are read anew.

    Args:
        client: The client to use; with a blocking one, ``client.call(sweep, plan)``. Its ``rate`` is respected.
        plan: What is to be done.
        journal: Where to write down every step: an open journal, or the path of one.
        on_progress: Is called with the progress after each step, in the client's event loop.
        preview: A fresh preview of this very plan; its statuses are not read again.

    Returns:
        One of five outcomes for each target group of the plan. Trouble with some jobs is part of the report.

    Raises:
        JournalError: if the journal is being written by another process, or cannot be written.
        FieldingKitError: if the target groups cannot be looked up; nothing was sent then.
    """
    progress = _Progress(client, plan, on_progress)
    with ExitStack() as stack:
        checkpoint = _record(journal, plan, stack)
        state = await checkpoint.load(plan)
        if state is None:
            state = await _draw_up(client, plan, preview, progress)
            await checkpoint.begun(plan, state)
        if state.finished is None:
            await _carry_out(client, plan, state, checkpoint, progress)
        return state.report(plan)


class _Progress:
    """Tells of the progress, if somebody wants to hear of it."""

    def __init__(
        self, client: AsyncClient, plan: SweepPlan, callback: Callable[[SweepProgress], object] | None
    ) -> None:
        self._client = client
        self._run_id = plan.run_id
        self._callback = callback
        self._begun = client.clock.now()

    def finding(self, known: int) -> None:
        """So many target groups have been found."""
        if self._callback is not None:
            self._tell(self._callback, phase="finding", total=known)

    def sweeping(self, state: SweepState) -> None:
        """A step was taken."""
        if self._callback is not None:
            self._tell(
                self._callback,
                phase="sweeping" if state.finished is None else "done",
                total=len(state.ledger),
                counts=state.ledger.counts,
                jobs=len(state.chunks),
                jobs_submitted=state.submitted,
                jobs_ended=state.ended,
            )

    def _tell(self, callback: Callable[[SweepProgress], object], **facts: Any) -> None:
        elapsed = self._client.clock.now() - self._begun
        waiting = self._client.rate_limiter.waiting
        notify(callback, SweepProgress(run_id=self._run_id, waiting=waiting, elapsed=elapsed, **facts))


def _record(journal: Journal | str | os.PathLike[str] | None, plan: SweepPlan, stack: ExitStack) -> Checkpoint:
    if journal is None:
        return Checkpoint()
    if not isinstance(journal, Journal):
        journal = stack.enter_context(Journal(journal))
    stack.enter_context(journal.sweeping(plan.run_id))
    return JournalCheckpoint(journal, plan.run_id)


async def _draw_up(
    client: AsyncClient, plan: SweepPlan, preview: SweepPreview | None, progress: _Progress
) -> SweepState:
    """Work out what is to be done. Nothing is sent."""
    if preview is not None and preview.plan.fingerprint != plan.fingerprint:
        raise InvalidCommandError("the preview is of another plan", field="preview")
    started = time.time()
    found = preview.groups if preview is not None else await find_groups(client, plan, progress.finding)
    ledger = Ledger(found)
    to_send = ledger.judge(plan.action)
    chunks = split_into_chunks(plan.run_id, plan.action, to_send, size=plan.chunk_size)
    return SweepState(fingerprint=plan.fingerprint, ledger=ledger, chunks=chunks, started=started)


async def _carry_out(
    client: AsyncClient, plan: SweepPlan, state: SweepState, checkpoint: Checkpoint, progress: _Progress
) -> None:
    """Carry every chunk that is not settled to its end."""
    progress.sweeping(state)
    executor = ChunkExecutor(client, plan, state, checkpoint, partial(progress.sweeping, state))
    try:
        await run_limited(state.unfinished(), executor.carry, at_once=plan.concurrency)
    finally:
        await executor.aclose()
    state.finished = time.time()
    await checkpoint.finished(state)
    progress.sweeping(state)
