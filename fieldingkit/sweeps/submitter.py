"""Having the API take the jobs of a sweep on, as often as it takes and as long as there is a point in it."""

import enum
import time
from collections.abc import Callable
from typing import NamedTuple

import attrs

from fieldingkit.client import AsyncClient
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
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.concurrency import wait_for_capacity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.state import SweepState

__all__ = ["NotSubmitted", "SubmitDecision", "Submitted", "Submitter", "decide_after_failure", "error_code"]


class SubmitDecision(enum.Enum):
    """What to do when a job could not be submitted."""

    RAISE = enum.auto()
    """It will never work: the sweep itself is wrong, or its client is closed."""
    REFUSED = enum.auto()
    """The API refuses this job; others may fare better."""
    NOBODY = enum.auto()
    """The API refuses us, whatever the job."""
    AGAIN = enum.auto()
    """Send it again with the same key: the API is in trouble, cannot be reached, or did not say where the job is."""
    READ = enum.auto()
    """Sending it again would not help: read what became of its target groups."""


def decide_after_failure(exc: FieldingKitError) -> SubmitDecision:
    """Decide what to do after a failure to submit a job, whose key makes it safe to send again."""
    match exc:
        case InvalidCommandError() | ConfigurationError() | ClientClosedError():
            return SubmitDecision.RAISE
        case DuplicateJobError():
            return SubmitDecision.READ
        case ApiError(status=401):
            return SubmitDecision.NOBODY
        case ApiError(status=409):
            # The same key is being worked on: the request of a process that died a moment ago.
            return SubmitDecision.AGAIN
        case ApiError():
            return SubmitDecision.AGAIN if exc.retryable else SubmitDecision.REFUSED
        case TransportError():
            return SubmitDecision.AGAIN if exc.retryable else SubmitDecision.NOBODY
        case _:
            return SubmitDecision.AGAIN


def error_code(exc: FieldingKitError) -> str | None:
    """The API's code of a refusal; None where it was not the API that refused."""
    return (exc.code or str(exc.status)) if isinstance(exc, ApiError) else None


_SENDS = 6
"""How often a job is submitted at most, each with all the retries of one call."""
_LONGEST_DELAY = 30.0
"""Seconds between two of these at most, unless the API asks for more."""
_FORBIDDEN = 3
"""After so many jobs in a row that we may not create, no more are sent."""


class Submitted(NamedTuple):
    """A job that the API has taken on."""

    chunk: Chunk
    job: AsyncJob[BatchResult]


class NotSubmitted(NamedTuple):
    """A job that could not be submitted, as far as is known."""

    chunk: Chunk
    error: FieldingKitError
    in_doubt: bool
    """Whether one of the sends may have created it all the same."""


class Submitter:
    """Submits the jobs of one sweep.

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
        self.sending: int = 0
        """How many jobs are being submitted."""
        self.stopped: str | None = None
        """Why no more jobs are submitted; None as long as they are."""
        self._client = client
        self._plan = plan
        self._standing = state
        self._record = checkpoint
        self._changed = changed
        self._forbidden = 0
        self._accepted = 0

    async def submit(self, chunk: Chunk) -> Submitted | NotSubmitted:
        """Have the API take the job on. The key makes it safe to try again."""
        command = self._plan.action.batch(
            account_id=self._plan.account_id,
            project_id=chunk.project_id,
            target_group_ids=chunk.ids,
            idempotency_key=chunk.key,
        )
        in_doubt = chunk.first_sent_at is not None
        accepted_before = self._accepted
        sends = 0
        self.sending += 1
        try:
            while True:
                sends += 1
                if chunk.first_sent_at is None:
                    chunk = self._standing.keep(attrs.evolve(chunk, first_sent_at=time.time()))
                    await self._record.sending(chunk)
                await wait_for_capacity(self._client)
                try:
                    job = await self._client.submit(command)
                except FieldingKitError as exc:
                    verdict = decide_after_failure(exc)
                    if verdict is SubmitDecision.RAISE:
                        raise
                    in_doubt = in_doubt or exc.maybe_applied or isinstance(exc, JobError)
                    last = verdict is not SubmitDecision.AGAIN or sends == _SENDS
                    if last and self._is_hopeless(verdict, exc, others_fared=self._accepted > accepted_before):
                        self.stopped = f"not sent, since nothing can be sent: {exc.message}"
                    if last or self.stopped is not None:
                        return NotSubmitted(chunk, exc, in_doubt)
                    asked = getattr(exc, "retry_after", None) or 0.0
                else:
                    self._accepted += 1
                    self._forbidden = 0
                    chunk = self._standing.keep(attrs.evolve(chunk, token=job.token(), job_id=job.id))
                    await self._record.accepted(chunk)
                    self._changed()
                    return Submitted(chunk, job)
                delay = min(self._plan.retry_delay * 2 ** (sends - 1), _LONGEST_DELAY)
                await self._client.clock.sleep(max(delay, asked))
        finally:
            self.sending -= 1

    def _is_hopeless(self, verdict: SubmitDecision, exc: FieldingKitError, *, others_fared: bool) -> bool:
        """Whether the failure of this job says that no other one can be sent either."""
        if isinstance(exc, ForbiddenError):
            self._forbidden += 1
            return self._forbidden >= _FORBIDDEN
        in_trouble = verdict is SubmitDecision.AGAIN and not isinstance(exc, ConflictError | JobError)
        return verdict is SubmitDecision.NOBODY or (in_trouble and not others_fared)
