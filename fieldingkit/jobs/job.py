"""The handle of a job: read its status, watch it, wait for it, and pass it to another process."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import nullcontext
from typing import Any, Generic, Literal, TypeVar, cast

from fieldingkit._repr import html_table
from fieldingkit._uncopyable import Uncopyable
from fieldingkit.clock import Clock
from fieldingkit.errors import (
    ClientClosedError,
    ConfigurationError,
    FieldingKitError,
    JobError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
)
from fieldingkit.events.waker import Waker
from fieldingkit.job_commands import JobAccepted, JobCommand
from fieldingkit.jobs.event import JobEvent
from fieldingkit.jobs.observer import JobObserver
from fieldingkit.jobs.poll_policy import PollPolicy
from fieldingkit.jobs.poller import Poller, PollerGroup, PollResult
from fieldingkit.jobs.token import JobToken
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
from fieldingkit.transport.headers import trace_id_of

__all__ = ["AsyncJob", "retry_key"]


R_co = TypeVar("R_co", covariant=True)


Reader = Callable[[str], Awaitable[PollResult]]
"""Reads a job's status at a path below the base URL."""

_TIMEOUT = 600.0
"""Seconds to wait for a job of target groups at most."""

Submitter = Callable[[JobCommand[Any]], Awaitable["AsyncJob[Any]"]]
"""Creates a job, as ``client.submit`` does."""


class AsyncJob(Uncopyable, Generic[R_co]):
    """A job that the API works on. ``await job`` waits for it and returns its result.

    Cancelling a wait only stops polling; the job itself continues, because the API cannot cancel jobs.
    """

    _instead = "pass its token() to client.job()"

    def __init__(
        self,
        *,
        facts: JobToken,
        targets: Sequence[str],
        kind: type[JobCommand[Any]],
        read: Reader,
        submit: Submitter,
        pollers: PollerGroup,
        policy: PollPolicy | None = None,
        accepted: JobAccepted | None = None,
        command: JobCommand[R_co] | None = None,
        foreign_location: bool = False,
        observer: JobObserver | None = None,
    ) -> None:
        self._facts = facts
        self._targets = tuple(targets)
        self._kind = kind
        self._read = read
        self._submit = submit
        self._retries = 0
        self._raised = False
        """True once a wait has raised the error that ended polling, so that the next one polls again."""
        self._clock = pollers.clock
        self._begun = pollers.clock.now()
        self.location: str | None = accepted.location if accepted is not None else None
        """The ``Location`` header as received; None for a job from a token."""
        self.command: JobCommand[R_co] | None = command
        """The command that created the job; None for a job from a token."""
        self.foreign_location: bool = foreign_location
        """True if ``location`` names another origin. The job is then polled on the client's own origin."""
        if foreign_location and observer is not None:
            observer.foreign_location()
        self._poller = Poller(
            self._poll,
            pollers,
            policy=policy,
            first_delay=accepted.retry_after if accepted is not None else None,
            # The wall clocks of two machines may differ.
            age=max(0.0, pollers.clock.wall() - facts.created) if accepted is None else 0.0,
            observer=observer,
        )

    @property
    def id(self) -> str:
        """The API's id of the job."""
        return self._facts.job_id

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key that the job was created with."""
        return self._facts.idempotency_key

    @property
    def created_at(self) -> float:
        """The creation time of the job, in seconds since 1970, UTC, by the local clock."""
        return self._facts.created

    @property
    def trace_id(self) -> str | None:
        """The W3C trace id of the call that created the job, for the API's support."""
        return trace_id_of({"traceparent": self._facts.traceparent or ""})

    @property
    def clock(self) -> Clock:
        """The clock for all waits of the job."""
        return self._clock

    @property
    def ended(self) -> bool:
        """True once the job has ended; ``await job`` then makes no request."""
        return self._poller.ended

    @property
    def failed(self) -> bool:
        """True once the job has ended in failure; a batch whose target groups failed has not."""
        result = self._poller.result
        return result is not None and self.ended and self._kind.words.is_failed(result.status)

    @property
    def settled(self) -> bool:
        """True if the next wait makes no request: the job has ended, or polling has, with an error not raised yet."""
        return self._poller.finished and not self._raised

    @property
    def next_poll_at(self) -> float:
        """The time of the next poll, on ``clock``; nothing is polled while no task waits."""
        return self._poller.next_poll_at

    def nudge(self) -> None:
        """Bring the next poll forward, as far as the policy's ``min_interval`` and the API's ``Retry-After`` allow."""
        self._poller.nudge()

    @property
    def earliest_poll_at(self) -> float:
        """The time of the next poll at the earliest, on ``clock``, when a scheduler or an event brings it forward."""
        return self._poller.earliest_poll_at

    @property
    def latest_poll_at(self) -> float:
        """The time of the next poll at the latest, on ``clock``, when a scheduler puts it off."""
        return self._poller.latest_poll_at

    def token(self) -> str:
        """Return the job as text, for ``client.job(token)`` in another process.

        The token is safe in a URL, at most 1 KiB long and free of credentials.
        """
        return self._facts.encode()

    async def status(self) -> R_co:
        """Read the job's status now. Once the job has ended, no request is made.

        Raises:
            FieldingKitError: if the status cannot be read.
        """
        try:
            await self._poller.poll_now()
        except ClientClosedError as exc:
            raise self.closed_error() from exc
        except FieldingKitError as exc:
            raise self._annotate(exc) from exc.__cause__
        return cast("R_co", self._poller.result)

    async def wait(self, timeout: float | Literal["auto"] | None = "auto", *, waker: Waker | None = None) -> R_co:
        """Wait until the job has ended, and return its result.

        Any number of tasks may wait for one job; together they poll no more often than one. Failed polls are repeated;
        see ``PollPolicy.error_tolerance``. After an error that ended polling, a new wait polls again.

        Args:
            timeout: Seconds to wait at most, 0 or more; None for no limit; ``"auto"`` for 600 seconds, or longer for
                jobs that take longer, such as uploads of many rows. The job itself continues after a timeout, and a
                poll in flight ends by itself, so that a later wait or ``ended`` may find its result.
            waker: Brings the next poll forward when a webhook event of the job's project arrives; jobs of an account
                have none.

        Returns:
            The result. A completed batch is a result even if some of its target groups failed.

        Raises:
            JobTimeoutError: if the job was not seen to end within ``timeout`` seconds; a failure of the last poll is
                its ``__cause__``.
            JobFailedError: if the job ended as ``Failed``.
            JobGoneError: if the job's status cannot be read any more.
            JobError: if polls failed for too long; the last failure is its ``__cause__``.
            ClientClosedError: if the client is closed; a note has the job's token.
            ConfigurationError: if the client belongs to another event loop, or ``timeout`` is invalid.
        """
        seconds = self._default_timeout() if timeout == "auto" else timeout
        check_wait_timeout(seconds)
        project_id = self._facts.path.get("project_id")
        if seconds is not None and self._poller.next_poll_at - self._clock.now() >= seconds:
            self._poller.nudge()  # as far as it may: a wait should see the status once
        with (
            waker.subscribe(project_id, self._poller.nudge)
            if waker is not None and project_id is not None
            else nullcontext()
        ):
            ended = await self._wait_for_polls(timeout=seconds)
        if not ended:
            raise self._annotate(self._timeout(seconds)) from self._poller.failure
        self._raise_if_lost()
        if self.failed:
            raise self._annotate(self._failure())
        return cast("R_co", self._poller.result)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.wait().__await__()

    async def watch(self) -> AsyncIterator[JobEvent]:
        """Poll the job until it has ended, and yield an event after each poll; the last event is the end.

        A failed poll that will be repeated yields an event with the last known status. Leaving the loop stops polling;
        the job itself continues.

        Raises:
            JobError: if polls failed for too long; the last failure is its ``__cause__``.
            ClientClosedError: if the client is closed.
        """
        polls = -1 if self.ended else self._poller.polls
        while True:
            await self._wait_for_polls(beyond=polls)
            self._raise_if_lost()
            polls = self._poller.polls
            finished = self._poller.finished
            yield self._event()
            if finished:
                return

    async def retry_failed(self, only: Callable[[FailedTargetGroup], bool] | None = None) -> "AsyncJob[R_co]":
        """Create a job of the same kind for the target groups that failed in this one, which must have ended.

        The new idempotency key is derived from this job's key, so calling this again after an error creates no second
        job.

        Args:
            only: Selects the failures to retry; all by default.

        Raises:
            InvalidCommandError: if there is nothing to retry, or if the job comes from a token, which does not hold all
                arguments of the command.
            ConfigurationError: if the job is not a batch.
            JobError: if the job has not ended yet.
            FieldingKitError: as for ``client.submit``.
        """
        result: object = await self.status()
        if not isinstance(result, BatchResult):
            raise ConfigurationError(f"job {self.id} is not a batch: it has no failed target groups to retry")
        if not result.status.terminal:
            raise self._annotate(JobError(f"job {self.id} has not ended yet"))
        failed = [item.target_group_id for item in result.failed if only is None or only(item)]
        job = await self._submit(self._retry_command(failed))
        self._retries += 1
        return cast("AsyncJob[R_co]", job)

    def describe(self) -> list[tuple[str, str | int]]:
        """Return the known facts of the job as pairs of name and value. Makes no request."""
        return [
            ("operation", self._facts.operation_id),
            ("id", self.id),
            ("status", self._last_status()),
            ("polls", self._poller.polls),
        ]

    def __repr__(self) -> str:
        return f"<AsyncJob {self.id} of {self._facts.operation_id}: {self._last_status()}>"

    def _repr_html_(self) -> str:
        facts = self.describe()
        return html_table("Job", ("", "value"), facts, len(facts))

    def _last_status(self) -> str:
        result = self._poller.result
        return "not polled yet" if result is None else result.status

    def _retry_command(self, target_group_ids: Sequence[str]) -> JobCommand[Any]:
        """Return the job's command for some of its target groups, with a new idempotency key."""
        changes: dict[str, Any] = {"target_group_ids": target_group_ids}
        if self.idempotency_key is not None:
            changes["idempotency_key"] = retry_key(self.idempotency_key, self._retries + 1, target_group_ids)
        if self.command is not None:
            return self.command.replace(**changes)
        make = cast("Callable[..., JobCommand[Any]]", self._kind)
        return make(**self._facts.path, **changes)

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
            ended=self.ended,
        )

    def _default_timeout(self) -> float:
        pace = self._kind.pace
        return _TIMEOUT if pace is None else pace.timeout + pace.timeout_per_item * (self._facts.asked or 0)

    async def _poll(self) -> PollResult:
        """Read the status at the path that answered before, or at the first path that does not answer 404."""
        for target in self._targets[:-1]:
            try:
                polled = await self._read(target)
            except NotFoundError:
                continue
            self._targets = (target,)
            return self._complete(polled)
        polled = await self._read(self._targets[-1])
        self._targets = self._targets[-1:]
        return self._complete(polled)

    def _complete(self, polled: PollResult) -> PollResult:
        """Add the progress, and compare the final result of a batch with what was requested."""
        result = polled.result
        progress: int = getattr(result, "progress", 0)
        if isinstance(result, BatchResult) and polled.ended:
            asked: Sequence[str] | None = getattr(self.command, "target_group_ids", None)
            result = result.account_for(asked, self._facts.asked, self._facts.digest)
        return polled._replace(result=result, progress=progress)

    def _annotate(self, exc: FieldingKitError) -> FieldingKitError:
        """Return the error with the facts of the job added."""
        if isinstance(exc, JobError):
            exc.job, exc.token, exc.job_id = self, self.token(), self.id
            exc.last_status = self._poller.result
            exc.command = exc.command or self.command
            exc.operation_id = exc.operation_id or self._facts.operation_id
            exc.trace_id = exc.trace_id or self.trace_id
        elif not getattr(exc, "__notes__", None):
            exc.add_note(self.resume_note())
        return exc

    async def _wait_for_polls(self, *, beyond: int | None = None, timeout: float | None = None) -> bool:
        """Wait as the poller does; a cancellation gets a note with the token."""
        try:
            if self._raised:
                self._raised = False
                await self._poller.resume()
            return await self._poller.wait(beyond=beyond, timeout=timeout)
        except asyncio.CancelledError as exc:
            exc.add_note(self.resume_note())
            raise

    def raise_again(self) -> None:
        """Let the next wait raise the error that ended polling, as if none had raised it yet."""
        self._raised = False

    def resume_note(self) -> str:
        """Return the note for an exception that interrupts a wait for the job."""
        return f"job {self.id} continues; get its handle with client.job({self.token()!r})"

    def closed_error(self) -> ClientClosedError:
        """Return the error of a wait that the end of the client ended. It is about the job, which exists."""
        error = ClientClosedError(
            f"the client was closed: job {self.id} cannot be polled any more",
            command=self.command,
            operation_id=self._facts.operation_id,
            maybe_applied=True,
            trace_id=self.trace_id,
            idempotency_key=self.idempotency_key,
        )
        error.add_note(self.resume_note())
        return error

    def _timeout(self, seconds: float | None) -> JobTimeoutError:
        """Return the error of a wait that ended before the job was seen to end."""
        last, failure = self._poller.result, self._poller.failure
        seen = "its status was never read" if last is None else f"its last status was {last.status or 'empty'}"
        if failure is not None:
            seen += f"; the last poll failed: {_reason(failure)}"
        return JobTimeoutError(f"job {self.id} was not seen to end within {seconds:g} s; {seen}")

    def _failure(self) -> JobFailedError:
        """Return the error of a job that ended in failure."""
        result = self._poller.result
        reason: Any = getattr(result, "failure_reason", None)
        code, description = getattr(reason, "code", None), getattr(reason, "description", None)
        detail = ": ".join(filter(None, [code, description]))
        job_trace_id: str | None = getattr(result, "job_trace_id", None)
        if job_trace_id is not None and job_trace_id != self.trace_id:
            # A proxy began a new trace between the client and the API; the API's support knows only that one.
            detail = f"{detail} [the API's trace: {job_trace_id}]".lstrip()
        return JobFailedError(
            f"job {self.id} failed" + (f": {detail}" if detail else ""),
            code=code,
            description=description,
            job_trace_id=job_trace_id,
            # A batch may have updated some of its target groups before it failed; `last_status` lists them.
            maybe_applied=not self._kind.all_or_nothing,
        )

    def _raise_if_lost(self) -> None:
        """Raise the error that ended polling, if any, as an error of the job rather than of one poll."""
        exc = self._poller.error
        if exc is None:
            return
        self._raised = True
        if isinstance(exc, ClientClosedError):
            raise self.closed_error() from exc
        if isinstance(exc, JobError):
            raise self._annotate(exc)
        # Without the advice of a poll's error, which is about the poll: the job may have been executed.
        raise self._annotate(JobError(f"job {self.id} cannot be polled: {_reason(exc)}")) from exc


def _reason(failure: Exception) -> str:
    return failure.message if isinstance(failure, FieldingKitError) else str(failure)


def retry_key(parent: str, number: int, target_group_ids: Sequence[str]) -> str:
    """Return the idempotency key of a job that retries part of another; equal for equal arguments, in any process."""
    # The ids are part of it, because the API does not document what one key with two bodies does.
    return hashlib.sha256("\0".join([parent, "retry", str(number), *target_group_ids]).encode()).hexdigest()
