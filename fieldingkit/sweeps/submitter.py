"""Submission of chunks: submit a job until the API accepts it, and decide what a failure means."""

import enum
from typing import NamedTuple

import attrs

from fieldingkit.errors import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    DuplicateJobError,
    FieldingKitError,
    ForbiddenError,
    InvalidCommandError,
    JobError,
    TransportError,
)
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps.chunks import Chunk, ChunkState
from fieldingkit.sweeps.concurrency import wait_for_capacity
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.discovery import read_statuses
from fieldingkit.sweeps.key_age import DATE_RESOLUTION, KeyAge
from fieldingkit.sweeps.status_age import MAX_STATUS_AGE

__all__ = ["NotSubmitted", "SubmitDecision", "Submitted", "Submitter", "decide_after_failure", "error_code"]


class SubmitDecision(enum.Enum):
    """The reaction to a job that could not be submitted."""

    RAISE = enum.auto()
    """Raise the error: the sweep itself is invalid, or its client is closed."""
    FAIL = enum.auto()
    """Give up on this job: the API rejected it. Other jobs may succeed."""
    STOP = enum.auto()
    """Give up on all jobs: the API rejects this client, or nothing can be sent."""
    RETRY = enum.auto()
    """Send the job again with the same key: the API failed, cannot be reached, or did not name the job."""
    READ = enum.auto()
    """Read the target groups: sending the job again would not help."""


def decide_after_failure(exc: FieldingKitError) -> SubmitDecision:
    """Decide what to do after a failure to submit a job, whose key makes it safe to send again."""
    match exc:
        case InvalidCommandError() | ConfigurationError() | ClientClosedError():
            return SubmitDecision.RAISE
        case DuplicateJobError():
            return SubmitDecision.READ
        case ApiError(status=401):
            return SubmitDecision.STOP
        case ApiError(status=409):
            # The API is still processing this key: an earlier process sent it just before it died.
            return SubmitDecision.RETRY
        case ApiError():
            return SubmitDecision.RETRY if exc.retryable else SubmitDecision.FAIL
        case TransportError():
            return SubmitDecision.RETRY if exc.retryable else SubmitDecision.STOP
        case _:
            return SubmitDecision.RETRY


def error_code(exc: FieldingKitError) -> str | None:
    """Return the API's code of an error; None if the error is not an answer of the API."""
    return (exc.code or str(exc.status)) if isinstance(exc, ApiError) else None


_MAX_SENDS = 6
"""The largest number of calls to submit one job; each call has its own retries."""
_MAX_DELAY = 30.0
"""The longest delay between two of these calls in seconds, unless the API asks for more."""
_MAX_FORBIDDEN = 3
"""The number of consecutive 403 answers after which no more jobs are sent."""


class Submitted(NamedTuple):
    """A chunk whose job the API has accepted."""

    chunk: Chunk
    job: AsyncJob[BatchResult]


class NotSubmitted(NamedTuple):
    """A chunk whose job was not seen to be accepted."""

    chunk: Chunk
    error: FieldingKitError
    ambiguous: bool
    """True if one of the calls may have created the job."""


class Submitter:
    """Submits the jobs of one sweep, and stops when nothing can be sent any more.

    Args:
        context: The sweep.
    """

    def __init__(self, context: SweepContext) -> None:
        self.stop_reason: str | None = context.state.stop_reason or context.version_conflict
        """The reason why no more jobs are submitted; None while jobs are submitted."""
        self.keys: KeyAge = KeyAge(context.client, context.plan)
        """The age of the keys."""
        self._context = context
        self._consecutive_forbidden = 0
        self._accepted = 0

    async def submit(self, chunk: Chunk) -> Submitted | NotSubmitted:
        """Submit the job of a chunk; repeat it with the same key while that may help."""
        state = self._context.state
        state.submitting += 1
        try:
            return await self._submit(chunk)
        finally:
            state.submitting -= 1

    async def _submit(self, chunk: Chunk) -> Submitted | NotSubmitted:
        client, plan, state = self._context.client, self._context.plan, self._context.state
        command = plan.action.batch(
            account_id=plan.account_id,
            project_id=chunk.project_id,
            target_group_ids=chunk.ids,
            idempotency_key=chunk.key,
        )
        ambiguous = chunk.may_have_job
        accepted_before = self._accepted
        read_at = float("-inf") if chunk.may_have_job else client.clock.now()
        sends = 0
        while True:
            sends += 1
            if chunk.state is ChunkState.PENDING:
                sent_date = await self.keys.api_time(chunk)
                chunk = chunk.advance(ChunkState.SENDING, client.clock.wall(), sent_date=sent_date)
                await self._context.checkpoint.save(chunk)
                state.put(chunk)  # only now: if it cannot be saved, nothing is sent
            elif client.clock.now() - read_at > MAX_STATUS_AGE:
                read_at = client.clock.now()
                chunk = await self._read_before_resend(chunk)
            await wait_for_capacity(client)
            try:
                job = await client.submit(command)
            except FieldingKitError as exc:
                decision = decide_after_failure(exc)
                if decision is SubmitDecision.RAISE:
                    raise
                ambiguous = ambiguous or exc.maybe_applied or isinstance(exc, JobError)
                last = decision is not SubmitDecision.RETRY or sends == _MAX_SENDS or await self.keys.expired(chunk)
                if last and self._stops_sweep(decision, exc, others_accepted=self._accepted > accepted_before):
                    self.stop_reason = f"nothing can be sent: {exc.message}"
                if last or self.stop_reason is not None:
                    return NotSubmitted(chunk, exc, ambiguous)
                retry_after = getattr(exc, "retry_after", None) or 0.0
            else:
                self._accepted += 1
                self._consecutive_forbidden = 0
                chunk = chunk.advance(ChunkState.SUBMITTED, client.clock.wall(), token=job.token(), job_id=job.id)
                state.put(chunk)
                await self._context.checkpoint.save(chunk)
                self._context.notify()
                return Submitted(chunk, job)
            delay = min(plan.retry_delay * 2 ** (sends - 1), _MAX_DELAY)
            await client.clock.sleep(max(delay, retry_after))

    async def _read_before_resend(self, chunk: Chunk) -> Chunk:
        """Note which target groups have the target status already, in case that no earlier send arrived.

        If there are some, a job that is created only now is created at least a second of the API later.
        """
        client, plan, state = self._context.client, self._context.plan, self._context.state
        known = [id_ for id_ in chunk.ids if state.ledger.previous_status(id_) is not None and id_ not in chunk.reached]
        try:
            statuses = await read_statuses(client, plan.account_id, chunk.project_id, known)
        except ClientClosedError:
            raise
        except FieldingKitError:
            return chunk
        reached = [id_ for id_ in known if statuses.get(id_) == plan.action.target]
        if not reached or client.api_time is None:
            return chunk
        times = {**chunk.reached, **dict.fromkeys(reached, client.api_time)}
        chunk = state.put(attrs.evolve(chunk, reached=times))
        await self._context.checkpoint.save(chunk)
        await client.clock.sleep(DATE_RESOLUTION)
        return chunk

    def _stops_sweep(self, decision: SubmitDecision, exc: FieldingKitError, *, others_accepted: bool) -> bool:
        """Return whether the failure of this job means that no other job can be sent either."""
        if isinstance(exc, ForbiddenError):
            self._consecutive_forbidden += 1
            return self._consecutive_forbidden >= _MAX_FORBIDDEN
        api_down = decision is SubmitDecision.RETRY and not isinstance(exc, ConflictError | JobError)
        return decision is SubmitDecision.STOP or (api_down and not others_accepted)
