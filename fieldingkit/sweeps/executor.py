"""The executor of chunks: submit a job, wait for it, and settle the outcomes of its target groups."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import attrs

from fieldingkit.errors import ClientClosedError, FieldingKitError, JobError, JobFailedError, JobGoneError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.jobs.scheduler import DurationEstimator, PollScheduler
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.chunks import Chunk, ChunkState, replacement_key, retry_key
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.discovery import read_statuses
from fieldingkit.sweeps.history import unchanged_since
from fieldingkit.sweeps.key_age import DATE_RESOLUTION
from fieldingkit.sweeps.report import GroupOutcome, Outcome
from fieldingkit.sweeps.state import PartitionedResult, partition_result
from fieldingkit.sweeps.status_age import MAX_STATUS_AGE
from fieldingkit.sweeps.submitter import NotSubmitted, Submitted, Submitter, error_code

__all__ = ["ChunkExecutor", "JobPoller", "WaitStrategy"]


_LONG_HOLD = 5.0
"""Seconds that the limiter must be held before polls wait for it."""
_POLLS_AT_ONCE = 16
_NOT_UNCHANGED = "its changelog does not show that it was not changed since"


WaitStrategy = Callable[[Chunk, AsyncJob[BatchResult]], Awaitable[bool]]
"""Waits for the submitted job of a chunk: True to settle the chunk now, False to leave it to a later step."""


class JobPoller:
    """Waits for jobs by polling them all from one scheduler; jobs of a sweep are alike, so it learns their duration.

    Args:
        context: The sweep.
    """

    def __init__(self, context: SweepContext) -> None:
        self._context = context
        self._scheduler = PollScheduler(
            context.client.clock,
            polls_at_once=_POLLS_AT_ONCE,
            estimator=DurationEstimator(),
            hold=self._hold,
            idle=self._idle,
        )

    async def wait(self, job: AsyncJob[BatchResult]) -> None:
        """Poll a job until it ends, cannot be polled any more, or exceeds the plan's ``job_timeout``."""
        finished = asyncio.Event()
        self._scheduler.add(job, lambda _: finished.set(), timeout=self._context.plan.job_timeout)
        await finished.wait()

    async def aclose(self) -> None:
        """Stop polling. The jobs themselves continue."""
        await self._scheduler.aclose()

    def _hold(self) -> float:
        """Return the seconds that a poll should wait: submissions take precedence, because polls can be made later."""
        limiter = self._context.client.rate_limiter
        if limiter.rate is None:
            return 0.0
        delay = limiter.delay
        submitting = self._context.state.submitting
        if submitting and not self._idle():
            return max(delay, submitting / limiter.rate)
        return delay if delay > _LONG_HOLD else 0.0

    def _idle(self) -> bool:
        """Return whether no request waits for its turn. Submissions may be in flight then."""
        limiter = self._context.client.rate_limiter
        return limiter.rate is None or (not limiter.waiting and limiter.delay <= 1 / limiter.rate)


class ChunkExecutor:
    """Runs the chunks of one sweep.

    Args:
        context: The sweep.
        wait: The strategy to wait for submitted jobs.
    """

    def __init__(self, context: SweepContext, *, wait: WaitStrategy) -> None:
        self._context = context
        self._wait = wait
        self._submitter = Submitter(context)

    async def run(self, chunk: Chunk) -> None:
        """Run a chunk and its follow-up chunks until they are settled or left open."""
        following: Chunk | None = chunk
        while following is not None:
            following = await self._run_job(following)

    async def _run_job(self, chunk: Chunk) -> Chunk | None:
        """Run the job of a chunk; return the follow-up chunk for the target groups that need another job."""
        if chunk.token is not None:
            return await self._await_job(chunk, self._context.job(chunk.token))
        if self._submitter.stop_reason is not None:
            await self._settle_stopped(chunk, self._submitter.stop_reason)
            return None
        if chunk.may_have_job:
            if await self._submitter.keys.of(chunk) is None:
                await self._settle_by_reading(chunk, "it may have been sent, and the age of its key is not known")
                return None
            if await self._submitter.keys.expired(chunk):
                return await self._reconcile_expired_key(chunk)
        elif chunk.never_sent:
            rest = await self._read_again(chunk)
            if rest is not chunk:
                return rest
        sent = await self._submitter.submit(chunk)
        if isinstance(sent, Submitted):
            return await self._await_job(sent.chunk, sent.job)
        await self._settle_unsubmitted(sent)
        return None

    async def _read_again(self, chunk: Chunk) -> Chunk | None:
        """Read the target groups of a chunk again if their statuses are old, and settle those that have moved.

        A target group is sent only with the status that it was found with, even if another one allows the action too.
        Return the chunk if none has moved; else a chunk for the others, or None if there are none to send now.
        """
        context, action = self._context, self._context.plan.action
        unsent = partial(context.state.never_sent_in, chunk.project_id)
        read = await context.status_age.read_again(context.client, context.plan, chunk.project_id, unsent)
        if read is None:
            return chunk
        if unread := [read.unread[id_] for id_ in chunk.ids if id_ in read.unread]:
            await self._settle_stopped(chunk, f"its status could not be read again: {unread[0]}")
            return None
        moved: dict[str, tuple[Outcome, str]] = {}
        for id_ in chunk.ids:
            status = read.found[id_].status if id_ in read.found else None
            if status == action.target:
                again = " again" if chunk.generation else ""
                moved[id_] = Outcome.UNCHANGED, f"it became {status} before it was sent{again}"
                continue
            previous = context.state.ledger.previous_status(id_)
            if status is None or status not in action.sources:
                reason = f"it is not {' or '.join(sorted(action.sources))} now"
            elif previous not in (None, status):
                reason = f"it was {previous}, and is {status} now"
            else:
                continue
            moved[id_] = Outcome.FAILED if chunk.generation else Outcome.SKIPPED, f"moved meanwhile: {reason}"
        if not moved:
            return chunk
        outcomes = [
            item for id_, (outcome, reason) in moved.items() for item in self._settle_all(chunk, [id_], outcome, reason)
        ]
        rest = [id_ for id_ in chunk.ids if id_ not in moved]
        follow_up = self._follow_up(chunk, rest, replacement_key(chunk.key, rest), chunk.generation, ambiguous=())
        await self._record(chunk, outcomes, follow_up)
        return follow_up

    async def _settle_stopped(self, chunk: Chunk, reason: str) -> None:
        """Settle a chunk that is not sent, because nothing can be sent; read it if a job may have been sent before."""
        if chunk.may_have_job:
            await self._settle_by_reading(chunk, f"it may have been sent by an earlier process, and {reason}")
        elif chunk.generation:
            await self._settle_refused(chunk, Outcome.FAILED, f"the retry was not sent, because {reason}")
        else:
            await self._settle_refused(chunk, Outcome.NOT_SENT, f"not sent, because {reason}")

    async def _settle_unsubmitted(self, sent: NotSubmitted) -> None:
        """Settle a chunk that could not be submitted: as failed, or by reading if its job may exist."""
        chunk, error = sent.chunk, sent.error
        if sent.ambiguous:
            # The last attempt may have sent nothing, but an earlier one may have.
            message = error.message.partition("; nothing was sent")[0]
            reason = f"it may have been sent, but the API did not confirm it: {message}"
            await self._settle_by_reading(chunk, reason)
            return
        chunk = chunk.advance(ChunkState.PENDING, self._context.client.clock.wall())
        await self._settle_refused(chunk, Outcome.FAILED, error.message, code=error_code(error))

    async def _settle_refused(self, chunk: Chunk, outcome: Outcome, reason: str, *, code: str | None = None) -> None:
        """Settle a chunk without a job of its own; what an earlier job may have changed is read. It stays open."""
        statuses = await self._read(chunk.project_id, chunk.ambiguous)
        clear = [id_ for id_ in chunk.ids if id_ not in chunk.ambiguous]
        unclear = f"an earlier job may have changed it, and another one was not created: {reason}"
        outcomes = self._settle_all(chunk, clear, outcome, reason, code=code)
        outcomes += self._outcomes_by_status(chunk, chunk.ambiguous, statuses, unclear)
        await self._record(chunk, outcomes, settled=False)

    async def _reconcile_expired_key(self, chunk: Chunk) -> Chunk | None:
        """Read the target groups of a chunk whose key is too old to be sent again.

        Return a chunk for those that still have the status that they had before the key was used, and whose changelog
        shows no change since. The others were changed meanwhile, or cannot be read, and are not sent again.
        """
        statuses = await self._read(chunk.project_id, chunk.ids)
        rest = [id_ for id_ in chunk.ids if self._may_resend(id_, statuses.get(id_))]
        sent = datetime.fromtimestamp(chunk.sent_date or 0.0, UTC)
        context = self._context
        unchanged = await unchanged_since(context.client, context.plan.account_id, chunk.project_id, rest, sent)
        changed = [id_ for id_ in rest if id_ not in unchanged]
        rest = [id_ for id_ in rest if id_ in unchanged]
        others = [id_ for id_ in chunk.ids if id_ not in rest and id_ not in changed]
        reason = "it may have been sent by an earlier process"
        outcomes = self._outcomes_by_status(chunk, others, statuses, reason)
        outcomes += self._outcomes_by_status(chunk, changed, statuses, f"{reason}, and {_NOT_UNCHANGED}")
        follow_up = self._follow_up(chunk, rest, replacement_key(chunk.key, rest), chunk.generation, ambiguous=rest)
        await self._record(chunk, outcomes, follow_up, settled=follow_up is not None or _all_known(outcomes))
        return follow_up

    def _may_resend(self, target_group_id: str, status: TargetGroupStatus | None) -> bool:
        """Return whether a target group has the status that it had before it was sent, as far as that is known."""
        previous = self._context.state.ledger.previous_status(target_group_id)
        if status is None or status == self._context.plan.action.target:
            return False
        return previous in (None, status)

    async def _await_job(self, chunk: Chunk, job: AsyncJob[BatchResult]) -> Chunk | None:
        """Wait for a job and settle its chunk; leave the chunk open if the strategy does not wait for it."""
        if not await self._wait(chunk, job):
            return None
        if not job.settled:
            await self._settle_by_reading(
                chunk, f"job {job.id} had not ended after {self._context.plan.job_timeout:g} s"
            )
            return None
        result: BatchResult | None
        try:
            result = await job.wait()
        except JobFailedError as exc:
            result = exc.last_status if isinstance(exc.last_status, BatchResult) else None
        except JobGoneError:
            # It may still be executed, so its target groups are not sent again.
            await self._settle_by_reading(chunk, f"job {job.id} cannot be read any more")
            return None
        except JobError as exc:
            await self._settle_by_reading(chunk, exc.message)
            return None
        created_at = None if result is None or result.created_at is None else result.created_at.timestamp()
        ended = attrs.evolve(
            chunk,
            ended_at=chunk.ended_at or self._context.client.clock.wall(),
            api_created_at=created_at,
            created_by=None if result is None else result.created_by,
        )
        return await self._settle_by_result(ended, result)

    async def _settle_by_result(self, chunk: Chunk, result: BatchResult | None) -> Chunk | None:
        """Settle a chunk by the result of its job, which has ended; return a chunk for what to retry.

        Read what the result lacks, and the failures of target groups that an earlier job may have changed.
        """
        plan = self._context.plan
        parts = partition_result(chunk.ids, result)
        to_read = [*parts.missing, *(id_ for id_ in parts.failed if id_ in chunk.ambiguous)]
        statuses = await self._read(chunk.project_id, to_read)
        reached = [id_ for id_ in to_read if statuses.get(id_) == plan.action.target]
        reached_before = [id_ for id_ in parts.updated if _was_reached(chunk, id_)]
        outcomes = self._settle_all(chunk, (id_ for id_ in parts.updated if id_ not in reached_before), Outcome.UPDATED)
        before = f"it was {plan.action.target} before job {chunk.job_id} was created"
        outcomes += self._settle_all(chunk, reached_before, Outcome.UNCHANGED, before)
        for id_ in reached:
            outcomes += self._settle_verified(chunk, [id_], _gap(chunk, parts, id_, "does not report it updated"))
        known = {*parts.updated, *reached}
        open_ids = [id_ for id_ in chunk.ids if id_ not in known]
        forgotten = [id_ for id_ in open_ids if id_ not in parts.failed]
        changed = await self._may_be_changed_since(chunk, forgotten, statuses)
        for id_ in changed:
            outcomes += self._outcomes_by_status(
                chunk, [id_], statuses, f"{_gap(chunk, parts, id_, 'does not mention it')}, and {_NOT_UNCHANGED}"
            )
        retry: list[str] = []
        for id_ in (id_ for id_ in open_ids if id_ not in changed):
            item = parts.failed.get(id_)
            if chunk.generation < plan.max_retries and (item is None or item.code in plan.retry_codes):
                retry.append(id_)
            else:
                outcomes.append(self._settle_not_reached(chunk, id_, parts, statuses.get(id_)))
        ambiguous = [
            id_ for id_ in retry if id_ in chunk.ambiguous or (id_ not in parts.failed and id_ not in statuses)
        ]
        generation = chunk.generation + 1
        follow_up = self._follow_up(
            chunk, retry, retry_key(chunk.key, generation, retry), generation, ambiguous=ambiguous
        )
        await self._record(chunk, outcomes, follow_up, settled=follow_up is not None or _all_known(outcomes))
        if follow_up is not None:
            await self._context.client.clock.sleep(plan.retry_delay * 2**chunk.generation)
        return follow_up

    async def _may_be_changed_since(
        self, chunk: Chunk, ids: Iterable[str], statuses: Mapping[str, TargetGroupStatus]
    ) -> Collection[str]:
        """Return the target groups that may have changed since the API created the job of a chunk, by their changelog.

        The changelog is read only if the status was read long after that, or is another one than before: the job may
        have changed a target group, and somebody may have moved it again before it was read.
        """
        context, since = self._context, chunk.api_created_at or chunk.sent_date
        now = context.client.api_time
        if since is None or now is None:
            return ()
        long_ago = now - since > MAX_STATUS_AGE
        suspects = [id_ for id_ in ids if long_ago or self._was_moved(id_, statuses.get(id_))]
        created = datetime.fromtimestamp(since, UTC)
        unchanged = await unchanged_since(context.client, context.plan.account_id, chunk.project_id, suspects, created)
        return [id_ for id_ in suspects if id_ not in unchanged]

    def _was_moved(self, target_group_id: str, status: TargetGroupStatus | None) -> bool:
        """Return whether a status is another one than before, or than the action starts from if that is not known."""
        previous = self._context.state.ledger.previous_status(target_group_id)
        if status is None:
            return False
        return status not in self._context.plan.action.sources if previous is None else status != previous

    def _settle_not_reached(
        self, chunk: Chunk, target_group_id: str, parts: PartitionedResult, status: TargetGroupStatus | None
    ) -> GroupOutcome:
        """Settle a target group that failed, or that is missing from the result, and is not sent again."""
        item = parts.failed.get(target_group_id)
        reason = _gap(chunk, parts, target_group_id, "does not mention it") if item is None else item.description
        code = None if item is None else item.code
        seen = f"its status is {status}" if status is not None else "it could not be read"
        outcome = Outcome.FAILED
        if target_group_id in chunk.ambiguous and (
            status is None or self._context.state.has_open_job(target_group_id, before=chunk.number)
        ):
            outcome, reason = Outcome.UNKNOWN, f"{reason}; an earlier job may still change it; {seen}"
        elif item is None:
            outcome, reason = Outcome.FAILED if status is not None else Outcome.UNKNOWN, f"{reason}; {seen}"
        return self._settle_all(chunk, [target_group_id], outcome, reason, code=code)[0]

    async def _settle_by_reading(self, chunk: Chunk, reason: str) -> None:
        """Settle a chunk by the statuses that are read. If some are unknown, the next process continues the chunk."""
        statuses = await self._read(chunk.project_id, chunk.ids)
        outcomes = self._outcomes_by_status(chunk, chunk.ids, statuses, reason)
        await self._record(chunk, outcomes, settled=_all_known(outcomes))

    def _outcomes_by_status(
        self, chunk: Chunk, ids: Iterable[str], statuses: Mapping[str, TargetGroupStatus], reason: str
    ) -> list[GroupOutcome]:
        """Settle target groups by status: verified with the target status, and unknown otherwise."""
        outcomes: list[GroupOutcome] = []
        for id_ in ids:
            status = statuses.get(id_)
            if status == self._context.plan.action.target:
                outcomes += self._settle_verified(chunk, [id_], reason)
                continue
            seen = f"its status was {status}" if status is not None else "it could not be read"
            previous = self._context.state.ledger.previous_status(id_)
            if status is not None and previous not in (None, status):
                seen += f", and {previous} before"
            outcomes += self._settle_all(chunk, [id_], Outcome.UNKNOWN, f"{reason}; {seen}")
        return outcomes

    async def _read(self, project_id: str, ids: Sequence[str]) -> Mapping[str, TargetGroupStatus]:
        """Return the statuses of target groups; those that cannot be read for any reason are left out."""
        try:
            return await read_statuses(self._context.client, self._context.plan.account_id, project_id, ids)
        except ClientClosedError:
            raise
        except FieldingKitError:
            return {}

    def _settle_all(
        self, chunk: Chunk, ids: Iterable[str], outcome: Outcome, reason: str | None = None, *, code: str | None = None
    ) -> list[GroupOutcome]:
        state, before = self._context.state, chunk.number if chunk.generation else 0
        return [
            state.ledger.settle(
                id_, outcome, reason, code=code, job_id=chunk.job_id or state.last_job_id(id_, before=before)
            )
            for id_ in ids
        ]

    def _settle_verified(self, chunk: Chunk, ids: Iterable[str], reason: str) -> list[GroupOutcome]:
        """Settle target groups that were read with the target status, without a claim that the sweep changed them."""
        ledger, target = self._context.state.ledger, self._context.plan.action.target
        outcomes: list[GroupOutcome] = []
        for id_ in ids:
            seen = f"its status was {target} afterwards"
            if ledger.previous_status(id_) not in {None, target}:
                seen += ", by this sweep or by another change"
            outcomes.append(
                ledger.settle(id_, Outcome.UNCHANGED, f"{reason}; {seen}", job_id=chunk.job_id, verified=True)
            )
        return outcomes

    def _follow_up(
        self, chunk: Chunk, ids: Sequence[str], key: str, generation: int, *, ambiguous: Sequence[str]
    ) -> Chunk | None:
        """Append a chunk for target groups that need another job; return None if there are none."""
        if not ids:
            return None
        state = self._context.state
        return state.put(
            Chunk(
                number=len(state.chunks),
                project_id=chunk.project_id,
                ids=tuple(ids),
                key=key,
                generation=generation,
                ambiguous=tuple(ambiguous),
            )
        )

    async def _record(
        self, chunk: Chunk, outcomes: Sequence[GroupOutcome], follow_up: Chunk | None = None, *, settled: bool = True
    ) -> None:
        """Record the outcomes of a chunk in the checkpoint."""
        now = self._context.client.clock.wall()
        if chunk.state is ChunkState.SENDING:
            chunk = chunk.advance(ChunkState.AMBIGUOUS, now)
        if settled:
            chunk = chunk.advance(ChunkState.SETTLED, now)
        self._context.state.put(chunk)
        await self._context.checkpoint.save(chunk, outcomes, follow_up=follow_up)
        self._context.notify()


def _was_reached(chunk: Chunk, target_group_id: str) -> bool:
    """Return whether a target group was read with the target status before the job of its chunk was created."""
    read_at, created_at = chunk.reached.get(target_group_id), chunk.api_created_at
    return read_at is not None and created_at is not None and created_at >= read_at + DATE_RESOLUTION


def _gap(chunk: Chunk, parts: PartitionedResult, target_group_id: str, otherwise: str) -> str:
    """Return why the result of a job does not settle a target group: it contradicts itself, or another reason."""
    contradictory = target_group_id in parts.contradictory
    return f"the result of job {chunk.job_id} {'lists it as updated and as failed' if contradictory else otherwise}"


def _all_known(outcomes: Iterable[GroupOutcome]) -> bool:
    return all(item.outcome is not Outcome.UNKNOWN for item in outcomes)
