"""Carrying one job of a sweep from its first send to the last outcome of its target groups."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ClientClosedError, FieldingKitError, JobError, JobFailedError, JobGoneError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.jobs.scheduler import DurationEstimator, PollScheduler
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import Chunk, replacement_key, retry_key
from fieldingkit.sweeps.discovery import read_statuses
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome
from fieldingkit.sweeps.state import SweepState, read_result
from fieldingkit.sweeps.submitter import NotSubmitted, Submitted, Submitter, error_code

__all__ = ["ChunkExecutor"]


_LONG = 5.0
"""Seconds for which the limiter's line must be closed for looks to keep out of it."""
_LOOKS_AT_ONCE = 16


class ChunkExecutor:
    """Carries the jobs of one sweep.

    Args:
        client: The client to use.
        plan: What is to be done.
        state: How far it has come; kept up to date.
        checkpoint: Takes note of every step.
        changed: Is called after every step.
    """

    def __init__(
        self,
        client: AsyncClient,
        plan: SweepPlan,
        state: SweepState,
        checkpoint: Checkpoint,
        changed: Callable[[], object],
    ) -> None:
        self._client = client
        self._plan = plan
        self._standing = state
        self._ledger = state.ledger
        self._record = checkpoint
        self._changed = changed
        self._submitter = Submitter(client, plan, state, checkpoint, changed)
        self._lookout = PollScheduler(
            client.clock, polls_at_once=_LOOKS_AT_ONCE, estimator=DurationEstimator(), hold=self._hold
        )

    async def carry(self, chunk: Chunk) -> None:
        """Carry a chunk, and what follows from it, to the end."""
        following: Chunk | None = chunk
        while following is not None:
            following = await self._carry(following)

    async def aclose(self) -> None:
        """Stop following jobs. They go on."""
        await self._lookout.aclose()

    def _hold(self) -> float:
        """Seconds that looks should wait: what is sent first is worth more, and can be looked at later."""
        limits = self._client.rate_limiter
        if limits.rate is None:
            return 0.0
        delay = limits.delay
        if self._submitter.sending:
            return max(delay, self._submitter.sending / limits.rate)
        return delay if delay > _LONG else 0.0

    async def _carry(self, chunk: Chunk) -> Chunk | None:
        """Carry one job; gives the one that takes up what it left."""
        if chunk.token is not None:
            return await self._follow(chunk, self._client.job(chunk.token))
        if (
            chunk.first_sent_at is not None
            and not 0 <= time.time() - chunk.first_sent_at <= self._plan.idempotency_key_ttl
        ):
            return await self._reconcile_expired_key(chunk)
        if self._submitter.stopped is not None:
            skipped = self._each(chunk, chunk.ids, Outcome.SKIPPED, self._submitter.stopped)
            await self._settle(chunk, skipped, ended=False)
            return None
        sent = await self._submitter.submit(chunk)
        if isinstance(sent, Submitted):
            return await self._follow(sent.chunk, sent.job)
        await self._settle_unsubmitted(sent)
        return None

    async def _settle_unsubmitted(self, sent: NotSubmitted) -> None:
        """A job could not be submitted: nothing was done, or it must be read what was."""
        chunk, error = sent.chunk, sent.error
        if not sent.in_doubt:
            failed = self._each(chunk, chunk.ids, Outcome.FAILED, error.message, code=error_code(error))
            await self._settle(attrs.evolve(chunk, first_sent_at=None), failed, ended=False)
            return
        await self._settle_by_reading(chunk, f"it may have been sent, but the API did not say so: {error.message}")

    async def _reconcile_expired_key(self, chunk: Chunk) -> Chunk | None:
        """The key is too old to be used again: read what was done, and send the rest with a new one."""
        statuses = await self._read(chunk.project_id, chunk.ids)
        if not statuses:
            reason = "it may have been sent by an earlier process"
            await self._settle(chunk, self._judge(chunk, statuses, reason), ended=False)
            return None
        there = [id_ for id_ in chunk.ids if statuses.get(id_) == self._plan.action.target]
        rest = [id_ for id_ in chunk.ids if statuses.get(id_) != self._plan.action.target]
        follow_up = self._follow_up(chunk, rest, replacement_key(chunk.key, rest), chunk.generation)
        await self._settle(chunk, self._each(chunk, there, Outcome.UPDATED), follow_up)
        return follow_up

    async def _follow(self, chunk: Chunk, job: AsyncJob[Any]) -> Chunk | None:
        """Wait for a job's end, and settle what its result says."""
        ended = asyncio.Event()
        self._lookout.add(job, lambda _: ended.set(), timeout=self._plan.job_timeout)
        await ended.wait()
        if not job.ended:
            await self._settle_by_reading(chunk, f"job {job.id} had not ended after {self._plan.job_timeout:g} s")
            return None
        try:
            result: Any = await job.wait()
        except JobFailedError as exc:
            result = exc.last_status
        except JobGoneError:
            result = None  # nobody will ever say what it did, so it is as if it had left everybody out
        except JobError as exc:
            await self._settle_by_reading(chunk, exc.message)
            return None
        return await self._settle_by_result(chunk, result)

    async def _settle_by_result(self, chunk: Chunk, result: BatchResult | None) -> Chunk | None:
        """Settle what a job's result says; what it leaves out is read, and what can be tried again is."""
        reading = read_result(chunk.ids, result)
        statuses = await self._read(chunk.project_id, reading.missing)
        left_out = [id_ for id_ in reading.missing if statuses.get(id_) != self._plan.action.target]
        passing = [id_ for id_, item in reading.failed.items() if item.code in self._plan.retry_codes]
        outcomes = self._each(chunk, reading.updated, Outcome.UPDATED)
        outcomes += self._each(chunk, [id_ for id_ in reading.missing if id_ not in left_out], Outcome.UPDATED)
        again: list[str] = []
        if chunk.generation < self._plan.max_retries:
            again = [*passing, *left_out]
        else:
            for id_ in left_out:
                outcomes.append(self._unaccounted(chunk, id_, statuses.get(id_)))
        for id_, item in reading.failed.items():
            if id_ not in again:
                outcomes += self._each(chunk, [id_], Outcome.FAILED, item.description, code=item.code)
        follow_up: Chunk | None = None
        if again:
            generation = chunk.generation + 1
            follow_up = self._follow_up(chunk, again, retry_key(chunk.key, generation, again), generation)
        await self._settle(
            chunk, outcomes, follow_up, ended=all(item.outcome is not Outcome.UNKNOWN for item in outcomes)
        )
        if follow_up is not None:
            await self._client.clock.sleep(self._plan.retry_delay * 2**chunk.generation)
        return follow_up

    def _unaccounted(self, chunk: Chunk, target_group_id: str, status: TargetGroupStatus | None) -> GroupOutcome:
        """A target group that is not where it should be, and that the job's result says nothing of."""
        why = f"job {chunk.job_id} does not say what became of it"
        if status is None:
            return self._each(chunk, [target_group_id], Outcome.UNKNOWN, f"{why}; it could not be read")[0]
        return self._each(chunk, [target_group_id], Outcome.FAILED, f"{why}; it is {status}")[0]

    async def _settle_by_reading(self, chunk: Chunk, reason: str) -> None:
        """Settle what reading shows; a job that is known to exist is followed again by the next process."""
        statuses = await self._read(chunk.project_id, chunk.ids)
        outcomes = self._judge(chunk, statuses, reason)
        await self._settle(chunk, outcomes, ended=all(item.outcome is not Outcome.UNKNOWN for item in outcomes))

    def _judge(self, chunk: Chunk, statuses: Mapping[str, TargetGroupStatus], reason: str) -> list[GroupOutcome]:
        """What reading shows: it is where it should be, or nothing is known, since a job may still be at work."""
        outcomes: list[GroupOutcome] = []
        for id_ in chunk.ids:
            status = statuses.get(id_)
            if status == self._plan.action.target:
                outcomes += self._each(chunk, [id_], Outcome.UPDATED)
            else:
                seen = f"it was {status} when it was read" if status is not None else "it could not be read"
                outcomes += self._each(chunk, [id_], Outcome.UNKNOWN, f"{reason}; {seen}")
        return outcomes

    async def _read(self, project_id: str, ids: Sequence[str]) -> Mapping[str, TargetGroupStatus]:
        """The status of target groups; those that cannot be read are left out, whatever the reason."""
        try:
            return await read_statuses(self._client, self._plan.account_id, project_id, ids)
        except ClientClosedError:
            raise
        except FieldingKitError:
            return {}

    def _each(
        self, chunk: Chunk, ids: Iterable[str], outcome: Outcome, reason: str | None = None, *, code: str | None = None
    ) -> list[GroupOutcome]:
        return [self._ledger.settle(id_, outcome, reason, code=code, job_id=chunk.job_id) for id_ in ids]

    def _follow_up(self, chunk: Chunk, ids: Sequence[str], key: str, generation: int) -> Chunk | None:
        if not ids:
            return None
        number = len(self._standing.chunks)
        return self._standing.keep(
            Chunk(number=number, project_id=chunk.project_id, ids=tuple(ids), key=key, generation=generation)
        )

    async def _settle(
        self, chunk: Chunk, outcomes: Sequence[GroupOutcome], follow_up: Chunk | None = None, *, ended: bool = True
    ) -> None:
        chunk = self._standing.keep(attrs.evolve(chunk, ended=ended))
        await self._record.settled(chunk, outcomes, follow_up)
        self._changed()
