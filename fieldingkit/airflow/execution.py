"""Carrying a task's jobs as far as they go on a worker: to be waited for elsewhere, or to their end."""

import time
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from fieldingkit.client import AsyncClient
from fieldingkit.jobs.job import Job
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps.checkpoint import Record
from fieldingkit.sweeps.chunks import Chunk, cut
from fieldingkit.sweeps.concurrency import side_by_side
from fieldingkit.sweeps.discovery import find_groups
from fieldingkit.sweeps.executor import Carrier
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.state import Ledger, Standing

__all__ = ["Step", "carry_to_the_end", "settle", "submit"]


class Step(NamedTuple):
    """Where a task's work stands after a step."""

    standing: Standing
    """How far it has come."""
    tokens: tuple[str, ...]
    """The tokens of the jobs that are yet to be waited for."""


class _Submitter(Carrier):
    """Submits what is to be submitted, and leaves the jobs to be waited for elsewhere."""

    def __init__(self, client: AsyncClient, plan: SweepPlan, standing: Standing, record: Record) -> None:
        super().__init__(client, plan, standing, record, _nobody)
        self.waited_for: AbstractSet[int] = frozenset()
        """The numbers of the jobs that have been waited for: these are followed, since they should have ended."""
        self.left: list[str] = []
        """The tokens of the jobs that were left."""

    async def _follow(self, chunk: Chunk, job: Job[BatchResult]) -> Chunk | None:
        if chunk.number in self.waited_for:
            return await super()._follow(chunk, job)
        self.left.append(job.token())
        return None


async def submit(client: AsyncClient, plan: SweepPlan, record: Record) -> Step:
    """Find the target groups and submit their jobs; those of an earlier try are found again.

    Args:
        client: The client to use.
        plan: What is to be done.
        record: Takes note of every step.

    Raises:
        FieldingKitError: if the target groups cannot be looked up; nothing was sent then.
    """
    standing = await _standing(client, plan, record)
    carrier = _Submitter(client, plan, standing, record)
    await _carry(carrier, plan, standing)
    return Step(standing, tuple(carrier.left))


async def settle(client: AsyncClient, plan: SweepPlan, record: Record) -> Step:
    """Settle the jobs that were waited for, and submit the ones that take up what they left.

    Args:
        client: The client to use.
        plan: What is to be done; a job that has not ended after its ``job_timeout`` is settled by reading.
        record: Takes note of every step.

    Raises:
        FieldingKitError: if the target groups have to be looked up, and cannot be.
    """
    standing = await _standing(client, plan, record)
    carrier = _Submitter(client, plan, standing, record)
    carrier.waited_for = {chunk.number for chunk in standing.chunks if chunk.token is not None}
    await _carry(carrier, plan, standing)
    return Step(standing, tuple(carrier.left))


async def carry_to_the_end(client: AsyncClient, plan: SweepPlan, record: Record) -> Step:
    """Do everything here: submit the jobs, wait for them, settle them.

    Args:
        client: The client to use.
        plan: What is to be done.
        record: Takes note of every step.

    Raises:
        FieldingKitError: if the target groups cannot be looked up; nothing was sent then.
    """
    standing = await _standing(client, plan, record)
    await _carry(Carrier(client, plan, standing, record, _nobody), plan, standing)
    return Step(standing, ())


async def _standing(client: AsyncClient, plan: SweepPlan, record: Record) -> Standing:
    """How far an earlier try has come; or what is to be done, if there was none."""
    standing = await record.load(plan)
    if standing is None:
        started = time.time()
        ledger = Ledger(await find_groups(client, plan))
        chunks = cut(plan.run_id, plan.action, ledger.judge(plan.action), size=plan.chunk_size)
        standing = Standing(fingerprint=plan.fingerprint, ledger=ledger, chunks=chunks, started=started)
        await record.begun(plan, standing)
    return standing


async def _carry(carrier: Carrier, plan: SweepPlan, standing: Standing) -> None:
    try:
        await side_by_side(standing.go_on(), carrier.carry, at_once=plan.concurrency)
    finally:
        await carrier.aclose()


def _nobody() -> None:
    """Nobody asks for the progress: Airflow shows it by its tasks."""
