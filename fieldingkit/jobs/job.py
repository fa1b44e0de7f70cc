"""The handle of a job: look at it, watch it, wait for it, hand it to another process."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import nullcontext
from typing import Any, Generic, NamedTuple, TypeVar, cast

import attrs

from fieldingkit._repr import html_table
from fieldingkit.clock import Clock
from fieldingkit.commands import JobAccepted, JobCommand, JobResult, JobStatus
from fieldingkit.errors import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    FieldingKitError,
    JobError,
    JobFailedError,
    JobTimeoutError,
)
from fieldingkit.events.waker import Waker
from fieldingkit.jobs.observer import JobReports
from fieldingkit.jobs.poller import Poller, PollPolicy, PollResult
from fieldingkit.jobs.token import JobToken
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.resources.fielding_jobs import FieldingJobResult
from fieldingkit.transport.headers import trace_id_of

__all__ = ["AsyncJob", "JobEvent", "retry_key"]


R_co = TypeVar("R_co", covariant=True)


@attrs.frozen(kw_only=True)
class JobEvent:
    """What one look at a job showed."""

    status: JobStatus | None
    """Where the job was last seen to stand; None if no look has succeeded yet."""
    polls: int
    """How often it has been looked at."""
    elapsed: float
    """Seconds since the handle was made."""
    updated: int | None = None
    """How many target groups are reported as updated; None for a job that is not a batch."""
    failed: int | None = None
    """How many target groups are reported as failed; None for a job that is not a batch."""
    result: Any = None
    """The whole status: a ``BatchResult`` or ``FieldingJobResult``."""


class Read(NamedTuple):
    """One reading of a job's status."""

    result: JobResult
    """The status."""
    retry_after: float | None
    """Seconds after which the API suggests to look again."""


Reader = Callable[[str], Awaitable[Read]]
"""Reads a job's status at a path below the base URL."""

Submitter = Callable[[JobCommand[Any]], Awaitable["AsyncJob[Any]"]]
"""Has the API start a job."""


class AsyncJob(Generic[R_co]):
    """A job that the API works on. ``await job`` waits for it and gives its result.

    The API cannot cancel a job: whoever stops waiting only stops looking.
    """

    def __init__(
        self,
        *,
        facts: JobToken,
        targets: Sequence[str],
        kind: type[JobCommand[Any]],
        read: Reader,
        submit: Submitter,
        policy: PollPolicy,
        clock: Clock,
        accepted: JobAccepted | None = None,
        command: JobCommand[R_co] | None = None,
        foreign_location: bool = False,
        reports: JobReports | None = None,
    ) -> None:
        self._facts = facts
        self._targets = tuple(targets)
        self._kind = kind
        self._read = read
        self._submit = submit
        self._retries = 0
        self._clock = clock
        self._begun = clock.now()
        self.location: str | None = accepted.location if accepted is not None else None
        """The ``Location`` header as it came; None for a job that was resumed."""
        self.command: JobCommand[R_co] | None = command
        """The command that created the job; None for a job that was resumed."""
        self.foreign_location: bool = foreign_location
        """Whether the location named another origin. That one was not contacted: the job is read from our own."""
        report = None if reports is None else reports.of(facts, resumed=accepted is None)
        if foreign_location and report is not None:
            report.foreign()
        self._poller = Poller(
            self._look,
            policy=policy,
            clock=clock,
            first_delay=accepted.retry_after if accepted is not None else None,
            report=report,
        )

    @property
    def id(self) -> str:
        """The API's id of the job."""
        return self._facts.job_id

    @property
    def idempotency_key(self) -> str | None:
        """The key that the job was created with."""
        return self._facts.idempotency_key

    @property
    def created_at(self) -> float:
        """When the job was created: seconds since 1970, UTC, by this side's clock."""
        return self._facts.created

    @property
    def trace_id(self) -> str | None:
        """The W3C trace id of the call that created the job, to give to the API's support."""
        return trace_id_of({"traceparent": self._facts.traceparent or ""})

    @property
    def clock(self) -> Clock:
        """What its waits go by."""
        return self._clock

    @property
    def ended(self) -> bool:
        """Whether its end has been seen, or it cannot be followed any more: ``await job`` makes no request then."""
        return self._poller.finished

    @property
    def next_poll_at(self) -> float:
        """When it is due to be looked at next, on ``clock``; nobody looks unless somebody waits."""
        return self._poller.due

    def token(self) -> str:
        """The job as text, to follow it from another process with ``client.job(token)``.

        Safe in a URL, below 1 KiB, and free of credentials.
        """
        return self._facts.encode()

    async def status(self) -> Any:
        """Look at the job now: a ``BatchResult`` or ``FieldingJobResult``.

        Once the job has ended no request is made any more.

        Raises:
            FieldingKitError: if it cannot be read.
        """
        try:
            await self._poller.look()
        except FieldingKitError as exc:
            raise self._about(exc) from exc.__cause__
        return self._poller.result

    async def wait(self, timeout: float | None = 600.0, *, waker: Waker | None = None) -> R_co:
        """Wait until the job has ended.

        Any number of tasks may wait for one job; together they look no more often than one.

        Args:
            timeout: Seconds to wait at most; None for no limit. The job goes on whatever happens here.
            waker: Has webhook events of the job's project bring the next look forward.

        Returns:
            The result. A batch that completed is a result also where some of its target groups failed.

        Raises:
            JobTimeoutError: if it has not ended within ``timeout`` seconds.
            JobFailedError: if it ended as ``Failed``.
            JobGoneError: if its status cannot be read any more.
            JobError: if looking at it failed too often; what went wrong is its ``__cause__``.
            ClientClosedError: if the client was closed meanwhile.
        """
        project_id = self._facts.path["project_id"]
        with nullcontext() if waker is None else waker.subscribe(project_id, self._poller.nudge):
            try:
                ended = await self._poller.wait(timeout=timeout)
            except asyncio.CancelledError as exc:
                exc.add_note(self._goes_on())
                raise
        if not ended:
            last = self._poller.result
            seen = f"its status was {last.status}" if last is not None else "its status was never seen"
            raise self._about(JobTimeoutError(f"job {self.id} had not ended after {timeout:g} s; {seen}"))
        self._raise_if_lost()
        result = self._poller.result
        if result.status is JobStatus.FAILED:
            raise self._about(_failure(self.id, result, self.trace_id))
        return cast("R_co", result)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.wait().__await__()

    async def watch(self) -> AsyncIterator[JobEvent]:
        """Look at the job until it has ended, and tell of each look; the last event is the end.

        A look that failed and will be repeated is an event with the last known status. Leaving the loop stops the
        looking, not the job.

        Raises:
            JobError: if looking at it failed too often; what went wrong is its ``__cause__``.
        """
        polls = -1 if self._poller.finished else self._poller.polls
        while True:
            await self._poller.wait(beyond=polls)
            self._raise_if_lost()
            polls = self._poller.polls
            finished = self._poller.finished
            yield self._event()
            if finished:
                return

    async def retry_failed(self, only: Callable[[FailedTargetGroup], bool] | None = None) -> "AsyncJob[R_co]":
        """Start a job of the same kind for the target groups that failed in this one, which must have ended.

        Its idempotency key follows from this job's: to call this again after an error makes no second job.

        Args:
            only: Says of each failure whether to try again; all are tried again if it is left out.

        Raises:
            InvalidCommandError: if there is nothing to try again, or if the job was resumed and its token does not tell
                all that the command takes.
            ConfigurationError: if it is no batch.
            JobError: if it has not ended yet.
            FieldingKitError: as for ``client.submit``.
        """
        self._raise_if_lost()
        result = await self.status()
        if not isinstance(result, BatchResult):
            raise ConfigurationError(f"job {self.id} is no batch: it has no failed target groups to try again")
        if not result.status.terminal:
            raise self._about(JobError(f"job {self.id} has not ended yet: wait for it first"))
        failed = [item.target_group_id for item in result.failed if only is None or only(item)]
        job = await self._submit(self._again(failed))
        self._retries += 1
        return cast("AsyncJob[R_co]", job)

    def __repr__(self) -> str:
        last = self._poller.result
        return (
            f"<Job {self.id} of {self._facts.operation_id}: {last.status if last is not None else 'not looked at yet'}>"
        )

    def _again(self, target_group_ids: Sequence[str]) -> JobCommand[Any]:
        """The command for some of the target groups once more."""
        changes: dict[str, Any] = {"target_group_ids": target_group_ids}
        if self.idempotency_key is not None:
            changes["idempotency_key"] = retry_key(self.idempotency_key, self._retries + 1, target_group_ids)
        if self.command is not None:
            return self.command.replace(**changes)
        make = cast("Callable[..., JobCommand[Any]]", self._kind)
        return make(**self._facts.path, **changes)

    def describe(self) -> list[tuple[str, object]]:
        """What is known of the job, as names and values. Makes no request."""
        last = self._poller.result
        status = last.status if last is not None else "not looked at yet"
        return [
            ("operation", self._facts.operation_id),
            ("id", self.id),
            ("status", status),
            ("looks", self._poller.polls),
        ]

    def _repr_html_(self) -> str:
        return html_table("Job", ("", "value"), self.describe(), len(self.describe()))

    def _event(self) -> JobEvent:
        result = self._poller.result
        batch = result if isinstance(result, BatchResult) else None
        return JobEvent(
            status=result.status if result is not None else None,
            polls=self._poller.polls,
            elapsed=self._clock.now() - self._begun,
            updated=len(batch.updated) if batch is not None else None,
            failed=len(batch.failed) if batch is not None else None,
            result=result,
        )

    async def _look(self) -> PollResult:
        """Read the status where it was found before, or wherever it can be found."""
        for target in self._targets[:-1]:
            try:
                read = await self._read(target)
            except ApiError as exc:
                if exc.status != 404:
                    raise
            else:
                self._targets = (target,)
                return self._seen(read)
        read = await self._read(self._targets[-1])
        self._targets = self._targets[-1:]
        return self._seen(read)

    def _seen(self, read: Read) -> PollResult:
        result, progress = read.result, 0
        terminal = result.status.terminal
        if isinstance(result, BatchResult):
            progress = len(result.updated) + len(result.failed)
            if terminal:
                asked: Sequence[str] | None = getattr(self.command, "target_group_ids", None)
                result = result.account_for(asked, self._facts.asked)
        return PollResult(result, terminal, progress, read.retry_after)

    def _about(self, exc: FieldingKitError) -> FieldingKitError:
        """The error, with what it needs to know of the job."""
        if isinstance(exc, JobError):
            exc.job, exc.token, exc.job_id = self, self.token(), self.id
            exc.last_status = self._poller.result
            exc.command = exc.command or self.command
            exc.operation_id = exc.operation_id or self._facts.operation_id
            exc.trace_id = exc.trace_id or self.trace_id
        elif not getattr(exc, "__notes__", None):
            exc.add_note(self._goes_on())
        return exc

    def _goes_on(self) -> str:
        return f"job {self.id} goes on; resume it with client.job({self.token()!r})"

    def _raise_if_lost(self) -> None:
        """Raise if the job cannot be followed any more; an error about a look must not pass for one about the job."""
        exc = self._poller.error
        if exc is None:
            return
        if isinstance(exc, JobError | ClientClosedError):
            raise self._about(exc)
        raise self._about(JobError(f"job {self.id} cannot be looked at: {exc}")) from exc


def retry_key(parent: str, number: int, target_group_ids: Sequence[str]) -> str:
    """The idempotency key of a job that repeats part of another; the same for the same part, in any process."""
    # The ids are in it because one key with two bodies is undocumented.
    return hashlib.sha256("\0".join([parent, "retry", str(number), *target_group_ids]).encode()).hexdigest()


def _failure(job_id: str, result: JobResult, trace_id: str | None) -> JobFailedError:
    reason = result.failure_reason if isinstance(result, FieldingJobResult) else None
    said = ": ".join(filter(None, [reason.code, reason.description])) if reason is not None else ""
    job_trace_id = result.job_trace_id if isinstance(result, FieldingJobResult) else None
    if job_trace_id is not None and job_trace_id != trace_id:
        # Somewhere between us and the API a new trace was begun: this is the one to look for there.
        said = f"{said} [the API's trace: {job_trace_id}]".lstrip()
    return JobFailedError(
        f"job {job_id} failed" + (f": {said}" if said else ""),
        code=reason.code if reason is not None else None,
        description=reason.description if reason is not None else None,
        job_trace_id=job_trace_id,
        # A batch may have dealt with some of its target groups before it failed; `last_status` tells which.
        maybe_applied=isinstance(result, BatchResult),
    )
