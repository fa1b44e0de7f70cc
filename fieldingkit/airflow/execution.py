"""Carrying a task's jobs as far as they go on a worker: to be waited for elsewhere, or to their end."""

import time
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from fieldingkit.client import AsyncClient
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import Chunk, split_into_chunks
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.discovery import find_groups
from fieldingkit.sweeps.executor import ChunkExecutor
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.state import Ledger, SweepState

__all__ = ["Step", "carry_to_the_end", "settle", "submit"]


class Step(NamedTuple):
    """Where a task's work stands after a step."""

    state: SweepState
    """How far it has come."""
    tokens: tuple[str, ...]
    """The tokens of the jobs that are yet to be waited for."""


class _Submitter(ChunkExecutor):
    """Submits what is to be submitted, and leaves the jobs to be waited for elsewhere."""

    def __init__(self, client: AsyncClient, plan: SweepPlan, state: SweepState, checkpoint: Checkpoint) -> None:
        super().__init__(client, plan, state, checkpoint, _nobody)
        self.waited_for: AbstractSet[int] = frozenset()
        """The numbers of the jobs that have been waited for: these are followed, since they should have ended."""
        self.left: list[str] = []
        """The tokens of the jobs that were left."""

    async def _follow(self, chunk: Chunk, job: AsyncJob[BatchResult]) -> Chunk | None:
        if chunk.number in self.waited_for:
            return await super()._follow(chunk, job)
        self.left.append(job.token())
        return None


async def submit(client: AsyncClient, plan: SweepPlan, checkpoint: Checkpoint) -> Step:
    """Find the target groups and submit their jobs; those of an earlier try are found again.

    Args:
        client: The client to use.
        plan: What is to be done.
        checkpoint: Takes note of every step.

    Raises:
        FieldingKitError: if the target groups cannot be looked up; nothing was sent then.
    """
    state = await _standing(client, plan, checkpoint)
    executor = _Submitter(client, plan, state, checkpoint)
    await _carry(executor, plan, state)
    return Step(state, tuple(executor.left))


async def settle(client: AsyncClient, plan: SweepPlan, checkpoint: Checkpoint) -> Step:
    """Settle the jobs that were waited for, and submit the ones that take up what they left.

    Args:
        client: The client to use.
        plan: What is to be done; a job that has not ended after its ``job_timeout`` is settled by reading.
        checkpoint: Takes note of every step.

    Raises:
        FieldingKitError: if the target groups have to be looked up, and cannot be.
    """
    state = await _standing(client, plan, checkpoint)
    executor = _Submitter(client, plan, state, checkpoint)
    executor.waited_for = {chunk.number for chunk in state.chunks if chunk.token is not None}
    await _carry(executor, plan, state)
    return Step(state, tuple(executor.left))


async def carry_to_the_end(client: AsyncClient, plan: SweepPlan, checkpoint: Checkpoint) -> Step:
    """Do everything here: submit the jobs, wait for them, settle them.

    Args:
        client: The client to use.
        plan: What is to be done.
        checkpoint: Takes note of every step.

    Raises:
        FieldingKitError: if the target groups cannot be looked up; nothing was sent then.
    """
    state = await _standing(client, plan, checkpoint)
    await _carry(ChunkExecutor(client, plan, state, checkpoint, _nobody), plan, state)
    return Step(state, ())


async def _standing(client: AsyncClient, plan: SweepPlan, checkpoint: Checkpoint) -> SweepState:
    """How far an earlier try has come; or what is to be done, if there was none."""
    state = await checkpoint.load(plan)
    if state is None:
        started = time.time()
        ledger = Ledger(await find_groups(client, plan))
        chunks = split_into_chunks(plan.run_id, plan.action, ledger.judge(plan.action), size=plan.chunk_size)
        state = SweepState(fingerprint=plan.fingerprint, ledger=ledger, chunks=chunks, started=started)
        await checkpoint.begun(plan, state)
    return state


async def _carry(executor: ChunkExecutor, plan: SweepPlan, state: SweepState) -> None:
    try:
        await run_limited(state.unfinished(), executor.carry, at_once=plan.concurrency)
    finally:
        await executor.aclose()


def _nobody() -> None:
    """Nobody asks for the progress: Airflow shows it by its tasks."""
