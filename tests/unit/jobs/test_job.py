"""Job handles and the poller: poll intervals, failed polls, waits, events and retries of failed items."""

import asyncio
import copy
import logging
import math
import pickle
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

import attrs
import pytest
from support.examples import GROUP, JOB, KEYED, LAUNCH, LOCATION, OTHER, PROJECT, run_of
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, RawServer, Step, answer, close

from fieldingkit import Client, batch_jobs, fielding_runs
from fieldingkit.errors import (
    Attempt,
    BatchItemsFailedError,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    DecodeError,
    FieldingKitError,
    ForbiddenError,
    InvalidCommandError,
    JobError,
    JobFailedError,
    JobGoneError,
    JobTimeoutError,
    NotFoundError,
    ServerError,
    TransportError,
)
from fieldingkit.job_commands import JobStatus
from fieldingkit.jobs.job import AsyncJob, retry_key
from fieldingkit.jobs.poller import Poller, PollerGroup, PollPolicy, PollResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.credentials import AccessToken
from fieldingkit.transport.retry_policy import RetryPolicy

STRANGER = "01BTGNYV6HRNK8K8VKZASZCFP9"
ACCEPTED = answer(201, headers={"Location": LOCATION})
ONCE = RetryPolicy(max_attempts=1)
STEADY = PollPolicy(first_delay=1, min_interval=1, max_interval=1, growth=1)


def body(status: str = "Processing", updated: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> dict[str, Any]:
    """The status of a batch, as the API returns it."""
    reason = {"code": "StatusTransitionNotAllowed", "description": "It is a draft."}
    return {
        "job_id": JOB,
        "status": status,
        "updated_target_groups": {"data": [{"target_group_id": item} for item in updated], "has_more": False},
        "failed_target_groups": {
            "data": [{"target_group_id": item, "failure_reason": reason} for item in failed],
            "has_more": False,
        },
    }


PROCESSING = answer(200, body())
COMPLETED = answer(200, body("Completed", (GROUP, OTHER)))
RUNNING_JOB = FieldingJobResult(job_id=JOB, status=JobStatus.PROCESSING)
COMPLETED_JOB = FieldingJobResult(job_id=JOB, status=JobStatus.COMPLETED)


async def started(
    serve: Serve, make_client: MakeClient, *polls: Step, clock: FakeClock, accepted: Step = ACCEPTED, **options: Any
) -> tuple[RawServer, AsyncJob[batch_jobs.BatchResult]]:
    """A submitted job, and the server that answers its polls with these steps."""
    server = await serve(accepted, *polls)
    options = {"retry": ONCE, "poll": STEADY, **options}
    return server, await make_client(base_url=server.url, clock=clock, **options).submit(KEYED)


# Poll intervals


async def test_first_poll_comes_after_first_delay(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """The first poll comes after first_delay, and not before a task waits."""
    policy = PollPolicy(first_delay=7)
    server, job = await started(serve, make_client, COMPLETED, clock=clock, poll=policy)
    await settle()
    assert (len(server.requests), clock.waits) == (1, [])

    await job.wait(timeout=None)

    assert clock.waits == [7.0]


@pytest.mark.parametrize(("retry_after", "waited"), [("4", 4.0), ("0", 0.5), ("999", 30.0)])
async def test_first_poll_comes_when_the_api_asks(
    retry_after: str, waited: float, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """Retry-After of the accepting response overrides first_delay, within the bounds of the policy."""
    accepted = answer(201, headers={"Location": LOCATION, "Retry-After": retry_after})
    policy = PollPolicy(first_delay=7, min_interval=0.5, max_interval=30)
    _, job = await started(serve, make_client, COMPLETED, clock=clock, accepted=accepted, poll=policy)

    await job.wait(timeout=None)

    assert clock.waits == [waited]


async def test_late_wait_polls_at_once(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A wait that begins when the first poll is overdue polls at once."""
    _, job = await started(serve, make_client, COMPLETED, clock=clock)
    clock.advance(100)
    await job.wait(timeout=None)
    assert clock.waits == [0.0]


async def test_retry_after_sets_the_interval(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Retry-After of a poll sets the interval to the next, within min_interval and max_interval."""
    polls = [answer(200, body(), {"Retry-After": seconds}) for seconds in ("3", "0", "500")]
    policy = PollPolicy(first_delay=0, min_interval=0.25, max_interval=50)
    _, job = await started(serve, make_client, *polls, COMPLETED, clock=clock, poll=policy)

    await job.wait(timeout=None)

    assert clock.waits == [0.0, 3.0, 0.25, 50.0]


async def waits_between(
    polls: Iterator[PollResult | FieldingJobResult | Exception], policy: PollPolicy, clock: FakeClock
) -> list[float]:
    """The waits before polls with these outcomes, without jitter."""

    async def poll() -> PollResult:
        outcome = next(polls)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, PollResult) else PollResult(outcome, outcome.status.terminal)

    await Poller(poll, PollerGroup(policy, clock, jitter=lambda bound: bound)).wait()
    return clock.waits


async def test_interval_grows_to_its_maximum(clock: FakeClock) -> None:
    """Without Retry-After the interval grows from poll to poll, up to max_interval."""
    policy = PollPolicy(first_delay=0, min_interval=1, max_interval=4, growth=1.5)
    polls = iter([RUNNING_JOB] * 5 + [COMPLETED_JOB])

    assert await waits_between(polls, policy, clock) == pytest.approx([0, 1, 1.5, 2.25, 3.375, 4])


async def test_intervals_have_jitter(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Each interval is drawn from the upper half of its bound, and is never below min_interval."""
    policy = PollPolicy(first_delay=0, min_interval=2, max_interval=40, growth=20)
    _, job = await started(serve, make_client, *[PROCESSING] * 30, COMPLETED, clock=clock, poll=policy)

    await job.wait(timeout=None)

    assert all(20 <= wait <= 40 for wait in clock.waits[2:])
    assert len(set(clock.waits[2:])) == len(clock.waits[2:])


async def test_progress_resets_the_interval(clock: FakeClock) -> None:
    """The interval starts over when the job makes progress."""
    policy = PollPolicy(first_delay=0, min_interval=1, max_interval=100, growth=1.5)
    moved = PollResult(RUNNING_JOB, ended=False, progress=1)
    polls = iter([RUNNING_JOB, RUNNING_JOB, RUNNING_JOB, moved, moved, COMPLETED_JOB])

    assert await waits_between(polls, policy, clock) == pytest.approx([0, 1, 1.5, 2.25, 1, 1.5])


# Failed polls


FAILURES = [close, answer(503), answer(429), answer(200, b"<html>"), answer(200, {"status": 7})]


def until(moment: float, clock: FakeClock, before: Step, after: Step) -> Step:
    """A step that changes at a moment of the clock."""

    async def step(connection: Connection) -> None:
        await (before if clock.time < moment else after)(connection)

    return step


@pytest.mark.parametrize("failing", FAILURES)
async def test_outage_of_a_minute(failing: Step, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Polls that fail for a minute do not end the wait, and the end of the job is found soon after the minute."""
    server = await serve(ACCEPTED, until(clock.time + 60, clock, failing, COMPLETED))
    job = await make_client(base_url=server.url, clock=clock, retry=ONCE).submit(KEYED)
    begun = clock.time

    assert (await job.wait(600)).ok

    assert 60 <= clock.time - begun <= 100


async def test_outage_beyond_the_tolerance(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """After error_tolerance seconds of failed polls the wait ends with a JobError, whose cause is the last failure."""
    server, job = await started(serve, make_client, close, clock=clock)
    begun = clock.time

    with pytest.raises(JobError) as caught:
        await job.wait(timeout=None)

    assert isinstance(caught.value.__cause__, TransportError)
    assert (caught.value.job, caught.value.job_id, caught.value.token) == (job, JOB, job.token())
    assert clock.time - begun == pytest.approx(301, abs=1)
    assert len(server.requests) == 1 + 301


async def test_good_poll_resets_the_tolerance(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """The tolerance counts from the first failed poll after a successful one."""
    policy = attrs.evolve(STEADY, error_tolerance=5)
    polls = [close] * 5 + [PROCESSING] + [close] * 5 + [COMPLETED]
    _, job = await started(serve, make_client, *polls, clock=clock, poll=policy)
    assert (await job.wait(timeout=None)).ok


async def test_pause_between_waits_resets_the_tolerance(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """Failed polls of an earlier wait do not count after a long time without polls."""
    _, job = await started(serve, make_client, close, close, COMPLETED, clock=clock)
    with pytest.raises(JobTimeoutError):
        await job.wait(1.5)
    clock.advance(3600)
    assert (await job.wait(timeout=None)).ok


async def test_zero_tolerance_ends_at_the_first_failure(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """With error_tolerance=0 the first failed poll ends the wait."""
    policy = attrs.evolve(STEADY, error_tolerance=0)
    server, job = await started(serve, make_client, close, COMPLETED, clock=clock, poll=policy)
    with pytest.raises(JobError):
        await job.wait(timeout=None)
    assert len(server.requests) == 2


async def test_long_interval_shrinks_after_a_failure(clock: FakeClock) -> None:
    """However long the interval has grown, a failed poll is repeated within a tenth of the tolerance."""
    broken = TransportError("broken", attempts=(Attempt(1, None, "TransportError", True, 0.0, 0.0, 0.0),))
    polls = iter([RUNNING_JOB, broken, broken, COMPLETED_JOB])
    policy = PollPolicy(first_delay=0, min_interval=0.2, growth=1000, error_tolerance=60)

    assert await waits_between(polls, policy, clock) == pytest.approx([0.0, 0.2, 6.0, 6.0])


async def test_refusal_by_the_client_is_not_a_failed_poll(clock: FakeClock) -> None:
    """A poll that the client's own rate limit refused to send does not count, however often it happens."""
    refusals = iter(range(1000))

    async def poll() -> PollResult:
        if next(refusals) < 999:
            raise DeadlineExceededError("the rate limit leaves no turn in time", sent=False)
        return PollResult(COMPLETED_JOB, ended=True)

    poller = Poller(poll, PollerGroup(STEADY, clock))
    assert await poller.wait()
    assert (poller.error, poller.polls) == (None, 1)


async def test_poll_is_one_attempt(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A poll is a single attempt with any retry policy of the client, because the next poll is its retry."""
    server = await serve(ACCEPTED, *[answer(503)] * 3, COMPLETED)
    retry = RetryPolicy(max_attempts=5)
    job = await make_client(base_url=server.url, clock=clock, poll=STEADY, retry=retry).submit(KEYED)

    events = [event async for event in job.watch()]

    assert [event.polls for event in events] == [1, 2, 3, 4]
    assert len(server.requests) == 1 + 4


async def test_permanent_error_ends_the_wait_at_once(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A poll that fails with a permanent error ends the wait at once."""
    server, job = await started(serve, make_client, answer(403, {"object": "authorization_error"}), clock=clock)
    with pytest.raises(JobError) as caught:
        await job.wait(timeout=None)
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("before", [[], [PROCESSING]])
async def test_missing_job_within_the_grace(
    before: list[Step], status: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A new or a known job may answer 404 or 410 for not_found_grace seconds."""
    _, job = await started(serve, make_client, *before, *[answer(status)] * 4, COMPLETED, clock=clock)
    assert (await job.wait(timeout=None)).ok


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("before", [[], [PROCESSING]])
async def test_missing_job_beyond_the_grace(
    before: list[Step], status: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A job that answers 404 or 410 beyond not_found_grace seconds is gone; the error has its last status."""
    _, job = await started(serve, make_client, *before, answer(status), clock=clock)
    begun = clock.time
    with pytest.raises(JobGoneError) as caught:
        await job.wait(timeout=None)
    assert 5.0 <= clock.time - begun <= 8.0
    assert caught.value.token == job.token()
    assert (caught.value.last_status is None) == (not before)


async def test_missing_job_is_polled_again_without_grace(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """Also with not_found_grace=0 a stray 404 between two good polls ends nothing, and a second 404 does."""
    policy = attrs.evolve(STEADY, not_found_grace=0)
    polls = [PROCESSING, answer(404), PROCESSING, answer(404), answer(404)]
    server, job = await started(serve, make_client, *polls, clock=clock, poll=policy)
    with pytest.raises(JobGoneError):
        await job.wait(timeout=None)
    assert len(server.requests) == 1 + 5


async def test_long_interval_shrinks_after_a_404(clock: FakeClock) -> None:
    """However long the interval has grown, a job that answers 404 is polled again within not_found_grace."""
    polls = iter([RUNNING_JOB, NotFoundError("not found", status=404), COMPLETED_JOB])
    policy = PollPolicy(first_delay=0, min_interval=0.2, growth=1000)

    assert await waits_between(polls, policy, clock) == pytest.approx([0.0, 0.2, 5.0])


async def test_poll_with_an_expired_token(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A poll that is answered with 401 refreshes the token once and is sent again."""

    class Tokens:
        fetched = 0

        async def fetch(self, http: object) -> AccessToken:
            del http
            self.fetched += 1
            return AccessToken(f"token-{self.fetched}")

    tokens = Tokens()
    server, job = await started(serve, make_client, PROCESSING, answer(401), COMPLETED, clock=clock, auth=tokens)

    assert (await job.wait(timeout=None)).ok

    signed = [request.headers["authorization"] for request in server.requests]
    assert signed == ["Bearer token-1"] * 3 + ["Bearer token-2"]


async def test_poll_answered_with_another_job_is_a_failed_poll(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """The status of another job is a failed poll, which is repeated, and never the end of this one."""
    foreign = answer(200, {**body("Completed", (GROUP, OTHER)), "job_id": OTHER})
    server, job = await started(serve, make_client, foreign, foreign, COMPLETED, clock=clock)
    with pytest.raises(DecodeError) as caught:
        await job.status()
    assert job.id in str(caught.value)
    assert OTHER in str(caught.value)
    assert not job.ended
    assert (await job.wait(timeout=None)).job_id == job.id
    assert len(server.requests) == 1 + 3


@pytest.mark.parametrize("status", [303, 400, 401, 403])
async def test_wait_polls_again_after_an_error_that_ended_polling(
    status: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A wait that a permanent error ended has not ended the job, and the next wait polls again until the end."""
    server, job = await started(serve, make_client, *[answer(status)] * 2, PROCESSING, COMPLETED, clock=clock)
    for _ in range(2):
        with pytest.raises(JobError):
            await job.wait(timeout=None)
        assert not job.ended

    result = await job.wait(timeout=None)
    assert result.ok
    assert await job.wait() is result
    assert job.ended
    assert len(server.requests) == 1 + 4


async def test_new_wait_has_the_whole_tolerance(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A wait after failures for too long tolerates failed polls as long as the first one did."""
    policy = attrs.evolve(STEADY, error_tolerance=5)
    server, job = await started(serve, make_client, *[close] * 11, COMPLETED, clock=clock, poll=policy)
    with pytest.raises(JobError):
        await job.wait(timeout=None)
    assert (await job.wait(timeout=None)).ok
    assert len(server.requests) == 1 + 11 + 1


async def test_all_waiters_get_the_error_before_polling_resumes(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A task that waits again at once takes the error from no other task, and both find the end."""
    server, job = await started(serve, make_client, answer(403), COMPLETED, clock=clock)
    errors: list[JobError] = []

    async def wait() -> bool:
        while True:
            try:
                return (await job.wait(timeout=None)).ok
            except JobError as exc:
                errors.append(exc)

    assert await asyncio.gather(wait(), wait()) == [True, True]
    assert len(errors) == 2
    assert not any(isinstance(error, JobTimeoutError) for error in errors)
    assert len(server.requests) == 1 + 2


async def test_lost_job_is_found_again(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Polling resumes when a job that could not be polled is read again."""
    policy = attrs.evolve(STEADY, error_tolerance=5)
    server, job = await started(serve, make_client, *[close] * 6, PROCESSING, COMPLETED, clock=clock, poll=policy)
    with pytest.raises(JobError):
        await job.wait(timeout=None)

    assert (await job.status()).status is JobStatus.PROCESSING
    assert (await job.wait(timeout=None)).ok
    assert len(server.requests) == 1 + 6 + 2


async def test_status_raises_the_error_of_its_poll(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """status() raises the error of its own poll, with a note that has the token."""
    _, job = await started(serve, make_client, answer(500), clock=clock)
    with pytest.raises(ServerError) as caught:
        await job.status()
    assert job.token() in caught.value.__notes__[0]


# The end of a wait


async def test_wait_that_times_out(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A timeout raises JobTimeoutError with handle, token and last status; the job itself continues."""
    clock = FakeClock(sandbox.clock, jump=2)
    project = sandbox.seed(live=1)
    job = await make_client(clock=clock, poll=STEADY).submit(
        KEYED.replace(project_id=project.id, target_group_ids=project.ids())
    )
    sandbox.faults.add("get_bulk_*", faults.Answer(200, {**body(), "job_id": job.id}), times=None)

    with pytest.raises(JobTimeoutError) as caught:
        await job.wait(timeout=3.5)

    error = caught.value
    assert (error.job, error.token, error.last_status.status) == (job, job.token(), JobStatus.PROCESSING)
    assert error.maybe_applied
    assert {request.method for request in sandbox.requests} == {"POST", "GET"}
    assert len(sandbox.requests) == 1 + 3
    assert project.ids("paused") == project.ids()


async def test_wait_again_after_a_timeout(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A job can be waited for again after a timeout."""
    project = sandbox.seed(live=1)
    clock = FakeClock(sandbox.clock, jump=2)
    job = await make_client(clock=clock, poll=STEADY).submit(
        KEYED.replace(project_id=project.id, target_group_ids=project.ids())
    )
    with pytest.raises(JobTimeoutError):
        await job.wait(timeout=0.5)
    assert (await job.wait(timeout=None)).ok


async def test_cancelled_wait_sends_nothing(serve: Serve, make_client: MakeClient) -> None:
    """Cancelling a wait stops polling and sends nothing, because the API cannot cancel a job."""
    clock = FakeClock(jump=0)
    server, job = await started(serve, make_client, PROCESSING, clock=clock)
    task = asyncio.create_task(job.wait())
    await clock.is_waited_for()

    task.cancel()
    await settle()
    clock.advance(1000)
    await settle()

    assert task.cancelled()
    assert clock.pending == 0
    assert [request.method for request in server.requests] == ["POST"]
    assert "cannot cancel" in (AsyncJob.__doc__ or "")


async def within(seconds: float, waiting: Coroutine[Any, Any, object]) -> None:
    """Await a coroutine in ``asyncio.timeout``."""
    async with asyncio.timeout(seconds):
        await waiting


@pytest.mark.parametrize(
    "limited", [lambda waiting: within(0.01, waiting), lambda waiting: asyncio.wait_for(waiting, 0.01)]
)
async def test_python_timeout_has_the_note_on_its_cause(limited: Any, serve: Serve, make_client: MakeClient) -> None:
    """The TimeoutError of asyncio has the cancellation as its cause, with the note that has the token."""
    server = await serve(ACCEPTED)
    client = make_client(base_url=server.url, clock=FakeClock(jump=0), poll=PollPolicy(first_delay=3600))
    job = await client.submit(KEYED)
    with pytest.raises(TimeoutError) as caught:
        await limited(job.wait(None))
    assert job.token() in "".join(getattr(caught.value.__cause__, "__notes__", ()))


async def test_cancelled_watch_carries_the_token(serve: Serve, make_client: MakeClient) -> None:
    """A cancelled watch carries a note with the job's token."""
    clock = FakeClock(jump=0)
    _, job = await started(serve, make_client, PROCESSING, clock=clock)

    async def watch() -> None:
        async for _ in job.watch():
            pass

    task = asyncio.create_task(watch())
    await clock.is_waited_for()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert [job.token() in note for note in caught.value.__notes__] == [True]


async def test_wait_cancelled_during_a_poll(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Cancelling a wait during a poll lets the poll end, and a later wait has its result without a request."""
    reached, proceed = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection) -> None:
        reached.set()
        await proceed.wait()
        await COMPLETED(connection)

    server, job = await started(serve, make_client, slow, clock=clock)
    task = asyncio.create_task(job.wait(timeout=None))
    await reached.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    proceed.set()
    async with asyncio.timeout(60):
        while not job.ended:
            await asyncio.sleep(0)

    assert (await job.wait()).ok
    assert len(server.requests) == 2


async def test_short_waits_in_a_loop_come_to_an_end(clock: FakeClock) -> None:
    """Waits that are shorter than a poll takes do finish, because a poll outlives its wait."""
    polls = 0

    async def poll() -> PollResult:
        nonlocal polls
        polls += 1
        await clock.sleep(0.5)
        return PollResult(COMPLETED_JOB, ended=True)

    poller = Poller(poll, PollerGroup(PollPolicy(), clock))
    waits = 0
    while not await poller.wait(timeout=0.3):
        waits += 1

    assert (waits, polls) == (2, 1)


async def test_poll_runs_in_the_context_of_a_present_waiter(clock: FakeClock) -> None:
    """A poll has the context variables of a task that waits, not those of one that has left."""
    waiter: ContextVar[str] = ContextVar("waiter")
    seen: list[str] = []

    async def poll() -> PollResult:
        seen.append(waiter.get())
        ended = len(seen) >= 3
        return PollResult(COMPLETED_JOB if ended else RUNNING_JOB, ended)

    poller = Poller(poll, PollerGroup(STEADY, clock))

    async def wait(name: str, *, beyond: int | None = None) -> None:
        waiter.set(name)
        await poller.wait(beyond=beyond)

    first = asyncio.create_task(wait("first", beyond=0))
    await asyncio.sleep(0)
    await asyncio.gather(first, wait("second"))

    assert seen == ["first", "second", "second"]


@pytest.mark.parametrize("waiting_before", [True, False])
def test_wait_from_a_second_loop_is_refused(sandbox: Sandbox, make_client: MakeClient, *, waiting_before: bool) -> None:
    """A wait from a second event loop is refused at once, and does not affect the waits of the first."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("get_bulk_*", faults.Answer(200, body()), times=None)
    client = make_client(poll=PollPolicy(first_delay=0.01, min_interval=0.01, max_interval=0.01))

    async def second(job: AsyncJob[batch_jobs.BatchResult]) -> str:
        with pytest.raises(ConfigurationError) as caught:
            await job.wait(5)
        return caught.value.message

    async def first() -> str:
        job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
        waiting = asyncio.create_task(job.wait(60)) if waiting_before else None
        await asyncio.sleep(0.05)
        message = await asyncio.to_thread(asyncio.run, second(job))
        waiting = waiting or asyncio.create_task(job.wait(60))
        assert not waiting.done()
        sandbox.faults.clear()
        sandbox.clock.advance(60)
        assert (await waiting).ok
        await client.aclose()
        return message

    assert "another event loop" in asyncio.run(first())


async def test_closing_the_client_ends_a_wait_during_a_poll(serve: Serve, make_client: MakeClient) -> None:
    """Closing the client ends a wait whose poll is in flight at once."""
    reached = asyncio.Event()

    async def stall(connection: Connection) -> None:
        reached.set()
        await connection.gone()

    server = await serve(ACCEPTED, stall)
    client = make_client(base_url=server.url, poll=PollPolicy(first_delay=0))
    job = await client.submit(KEYED)
    waiting = asyncio.create_task(job.wait(None))
    await reached.wait()

    await client.aclose()

    with pytest.raises(ClientClosedError):
        await asyncio.wait_for(waiting, 30)


async def test_closing_the_client_ends_waits_between_polls(serve: Serve, make_client: MakeClient) -> None:
    """Closing the client ends waits between polls at once, and later waits too; the error has the job's token."""
    clock = FakeClock(jump=0)
    server = await serve(ACCEPTED)
    client = make_client(base_url=server.url, clock=clock, poll=PollPolicy(first_delay=3600))
    job, other = await client.submit(KEYED), await client.submit(KEYED)
    waiting = asyncio.create_task(job.wait(None))
    await clock.is_waited_for()

    await client.aclose()

    for wait in (waiting, job.wait(None), other.wait(None)):
        with pytest.raises(ClientClosedError) as caught:
            await asyncio.wait_for(wait, 30)
        assert "client.job(" in caught.value.__notes__[0]
        assert (caught.value.maybe_applied, caught.value.command) == (True, KEYED)
    assert [request.method for request in server.requests] == ["POST", "POST"]


async def test_status_after_the_end_of_the_client_is_about_the_job(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A job that a closed client cannot read may have been executed; the error has its token and its key."""
    server = await serve(ACCEPTED)
    client = make_client(base_url=server.url, clock=clock)
    job = await client.submit(KEYED)
    await client.aclose()
    with pytest.raises(ClientClosedError, match=f"job {JOB} cannot be polled any more. It may have been") as caught:
        await job.status()
    assert (caught.value.maybe_applied, caught.value.idempotency_key) == (True, job.idempotency_key)
    assert caught.value.__notes__ == [job.resume_note()]


@pytest.mark.parametrize("poll", [answer(200, b"<html>login</html>"), answer(200, {**body(), "job_id": STRANGER})])
async def test_error_of_lost_polls_has_no_advice_about_a_poll(
    poll: Step, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A job whose polls fail may have been executed: its error does not repeat that a poll changed nothing."""
    _, job = await started(serve, make_client, poll, clock=clock, poll=PollPolicy(error_tolerance=0))
    with pytest.raises(
        JobError, match=f"job {JOB} cannot be polled: .* It may have been applied. Wait again"
    ) as caught:
        await job.wait()
    assert "Nothing was changed" not in str(caught.value)


async def test_launch_that_failed_may_have_been_applied(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A launch that ended as failed may have launched the target group, like a batch that ended so."""
    server = await serve(ACCEPTED, answer(200, {"job_id": JOB, "status": "Failed"}))
    job = await make_client(base_url=server.url, clock=clock).submit(LAUNCH)
    with pytest.raises(JobFailedError) as caught:
        await job.wait()
    assert caught.value.maybe_applied


async def test_empty_status_is_said_in_words(serve: Serve, make_client: MakeClient) -> None:
    """A timeout after an empty status says so."""
    _, job = await started(serve, make_client, *[answer(200, body(""))] * 40, clock=FakeClock(jump=600))
    with pytest.raises(JobTimeoutError, match=r"its last status was empty\. It may have been applied"):
        await job.wait(5000)


async def test_waiters_share_polls_and_result(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Tasks that wait for one job share its polls and its result."""
    server, job = await started(serve, make_client, PROCESSING, PROCESSING, COMPLETED, clock=clock)

    async def awaited() -> batch_jobs.BatchResult:
        return await job

    first, *others = await asyncio.gather(*(awaited() for _ in range(10)))

    assert all(other is first for other in others)
    assert len(server.requests) == 1 + 3


async def test_one_of_two_waiters_is_cancelled(serve: Serve, make_client: MakeClient) -> None:
    """Cancelling one of two waits does not affect the other."""
    clock = FakeClock(jump=0)
    server, job = await started(serve, make_client, COMPLETED, clock=clock)
    leaving, staying = (asyncio.create_task(job.wait(timeout=None)) for _ in range(2))
    await clock.is_waited_for()

    leaving.cancel()
    await settle()
    clock.advance(1)

    assert (await staying).ok
    assert leaving.cancelled()
    assert len(server.requests) == 2


async def test_ended_job_is_not_polled_again(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """After the end no request is made any more, and every wait returns the same object."""
    server, job = await started(serve, make_client, COMPLETED, clock=clock)
    result = await job.wait()

    assert await job.wait() is result
    assert await job is result
    assert await job.status() is result
    assert [event.result async for event in job.watch()] == [result]
    assert len(server.requests) == 2


async def test_failed_job_raises_at_every_wait(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A job that ended as Failed raises at every wait, with its last status and without another request."""
    server, job = await started(serve, make_client, answer(200, body("Failed", (GROUP,), (OTHER,))), clock=clock)
    for _ in range(2):
        with pytest.raises(JobFailedError) as caught:
            await job.wait()
        assert caught.value.last_status.updated == (GROUP,)
    assert len(server.requests) == 2


async def test_failed_draft_job_has_its_reason(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """The error of a failed job has the API's code and description."""
    group = sandbox.seed(live=1).groups[0]
    client = make_client(clock=sandbox_clock)
    with pytest.raises(JobFailedError) as caught:
        await client.run(LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    assert caught.value.code == "TargetGroupInvalidState"
    assert caught.value.description
    assert caught.value.last_status.status is JobStatus.FAILED


# Statuses and results


@pytest.mark.parametrize("spelling", ["Completed", "completed", "COMPLETED"])
async def test_status_matches_in_any_case(
    spelling: str, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A known status matches in any case and becomes one enum member."""
    _, job = await started(serve, make_client, answer(200, body(spelling, (GROUP, OTHER))), clock=clock)
    assert (await job.wait()).status is JobStatus.COMPLETED


@pytest.mark.parametrize("spelling", ["live", "Live", "LIVE"])
async def test_run_status_matches_in_any_case(spelling: str, serve: Serve, make_client: MakeClient) -> None:
    """A run's status matches in any case, because older API versions spell it with a capital."""
    from support.examples import READ, RUN_BODY

    server = await serve(answer(200, {**RUN_BODY, "status": spelling}))
    run = await make_client(base_url=server.url).send(READ)
    assert run.status is fielding_runs.FieldingRunStatus.LIVE


async def test_unknown_status_is_kept_and_logged_once(
    serve: Serve, make_client: MakeClient, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An unknown status is kept verbatim, is not terminal, and is logged once."""
    caplog.set_level(logging.INFO, logger="fieldingkit")
    _, job = await started(serve, make_client, *[answer(200, body("Pausing…"))] * 3, COMPLETED, clock=clock)

    statuses = [event.status async for event in job.watch()]

    assert statuses == ["Pausing…"] * 3 + [JobStatus.COMPLETED]
    assert (statuses[0].known, statuses[0].terminal) == (False, False)
    assert [vars(record)["status"] for record in caplog.records if "unknown status" in record.message] == ["Pausing…"]


async def test_failed_items_are_a_result(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A completed batch with failed items is a result, and raises only in raise_for_failures()."""
    _, job = await started(serve, make_client, answer(200, body("Completed", (GROUP,), (OTHER,))), clock=clock)

    result = await job.wait()

    assert (result.ok, result.updated) == (False, (GROUP,))
    assert [(item.target_group_id, item.code) for item in result.failed] == [(OTHER, "StatusTransitionNotAllowed")]
    assert (result.by_id[GROUP], result.by_id[OTHER]) == (None, result.failed[0])
    with pytest.raises(BatchItemsFailedError) as caught:
        result.raise_for_failures()
    assert caught.value.failed == result.failed
    assert not caught.value.maybe_applied


async def test_items_in_neither_list_are_missing(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Ids of the command that are in neither list of the result are listed as missing."""
    _, job = await started(serve, make_client, answer(200, body("Completed", (GROUP,))), clock=clock)
    result = await job.wait()
    assert (result.missing, result.ok) == ((OTHER,), False)
    with pytest.raises(BatchItemsFailedError) as caught:
        result.raise_for_failures()
    assert caught.value.missing == (OTHER,)
    assert caught.value.maybe_applied


@pytest.mark.parametrize(
    ("reported", "missing"), [((GROUP, STRANGER), 1), ((GROUP,), 1), ((GROUP, OTHER, STRANGER), 0), ((), 2)]
)
async def test_token_knows_whether_the_requested_ids_are_reported(
    reported: tuple[str, ...], missing: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A job from a token is not as requested if another set of ids is reported, which it cannot name."""
    server, job = await started(serve, make_client, answer(200, body("Completed", reported)), clock=clock)

    result = await make_client(base_url=server.url, clock=clock).job(job.token()).wait()

    assert (result.as_requested, result.ok, result.unaccounted) == (False, False, missing)
    assert (result.missing, result.unrequested) == ((), ())
    with pytest.raises(BatchItemsFailedError, match="not those that were requested") as caught:
        result.raise_for_failures()
    assert caught.value.maybe_applied


async def test_token_accepts_the_requested_ids_in_any_order(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A job from a token is complete if the requested ids are reported, in any order and list."""
    steps = [answer(200, body("Completed", (OTHER, GROUP))), answer(200, body("Completed", (OTHER,), (GROUP,)))]
    server, job = await started(serve, make_client, *steps, clock=clock)
    client = make_client(base_url=server.url, clock=clock)

    results = [await client.job(job.token()).wait() for _ in steps]

    assert [(result.as_requested, result.unaccounted) for result in results] == [(True, 0)] * 2
    assert [result.ok for result in results] == [True, False]


async def test_unrequested_ids_are_named_apart(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Ids that were not requested are named apart from those that were updated or failed, and the batch is not ok."""
    polls = answer(200, body("Completed", (GROUP, STRANGER), (OTHER, "X" * 26)))
    _, job = await started(serve, make_client, polls, clock=clock)

    result = await job.wait()

    assert (result.updated, [item.target_group_id for item in result.failed]) == ((GROUP,), [OTHER])
    assert (result.unrequested, result.missing, result.ok) == ((STRANGER, "X" * 26), (), False)
    assert [row["outcome"] for row in result.rows()] == ["failed", "unrequested", "unrequested", "updated"]
    assert "2 not requested" in repr(result)
    with pytest.raises(BatchItemsFailedError, match="2 were reported that were not requested") as caught:
        result.raise_for_failures()
    assert caught.value.maybe_applied


async def test_ids_count_once(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """An id that the API lists several times counts once."""
    polls = answer(200, body("Completed", (GROUP,) * 3, (OTHER,) * 2))
    _, job = await started(serve, make_client, polls, clock=clock)
    result = await job.wait()
    assert (result.updated, [item.target_group_id for item in result.failed]) == ((GROUP,), [OTHER])
    assert (result.progress, result.as_requested) == (2, True)


async def test_contradictory_report_may_have_been_applied(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """An id that the API lists as updated and as failed may have been applied."""
    _, job = await started(serve, make_client, answer(200, body("Completed", (GROUP, OTHER), (OTHER,))), clock=clock)
    result = await job.wait()
    assert not result.ok
    with pytest.raises(BatchItemsFailedError, match="1 of these are reported as both") as caught:
        result.raise_for_failures()
    assert caught.value.maybe_applied


async def test_missing_items_in_the_sandbox(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """A forgotten item is missing once the job has ended, not before."""
    project = sandbox.seed(live=3)
    sandbox.faults.add("create_bulk_*", faults.ForgetItem(1))
    job = await make_client(clock=sandbox_clock).submit(
        KEYED.replace(project_id=project.id, target_group_ids=project.ids())
    )
    assert (await job.status()).missing == ()
    assert (await job.wait()).missing == (project.ids()[1],)


# Retries of failed items


async def test_retry_failed_takes_the_failed_items(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """retry_failed creates a new job for the failed target groups only."""
    project = sandbox.seed(live=2, scheduled=1, starts_in=3600)
    client = make_client(clock=sandbox_clock)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    failed = [item.target_group_id for item in (await job.wait()).failed]
    assert len(failed) == 1
    sandbox_clock.advance(7200)  # the scheduled one goes live

    again = await job.retry_failed()
    result = await again.wait()

    assert result.ok
    assert result.updated == tuple(failed)
    assert again.id != job.id
    assert again.idempotency_key == retry_key(job.idempotency_key or "", 1, failed)


async def test_retry_failed_with_a_selection(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """only= selects the failures to retry."""
    finished = answer(200, body("Completed", (), (GROUP, OTHER)))
    server, job = await started(serve, make_client, finished, ACCEPTED, clock=clock)
    await job.wait()

    await job.retry_failed(only=lambda item: item.target_group_id == OTHER)

    assert b"".join(server.requests[-1].body.split()) == f'{{"target_group_ids":["{OTHER}"]}}'.encode()


async def test_retry_failed_is_safe_to_repeat(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """The key is reused after an error, and differs after a success and for other items."""
    finished = answer(200, body("Completed", (), (GROUP, OTHER)))
    server, job = await started(serve, make_client, finished, close, ACCEPTED, ACCEPTED, ACCEPTED, clock=clock)
    await job.wait()

    with pytest.raises(TransportError):
        await job.retry_failed()
    await job.retry_failed()
    await job.retry_failed()
    await job.retry_failed(only=lambda item: item.target_group_id == OTHER)

    first, second, third, fourth = [request.headers["idempotency-key"] for request in server.requests[2:]]
    assert first == second
    assert len({job.idempotency_key, second, third, fourth}) == 4


def test_retry_key_is_stable() -> None:
    """The key depends on parent key, number and ids only, in every process and release."""
    expected = "ae0ed4420f8b1c09759c0410ad8000b65e246fdc9a8962db9353f4550b2a48b6"
    assert retry_key("parent", 1, [GROUP]) == expected


async def test_retry_of_a_resumed_job(sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock) -> None:
    """A job from a token can be retried, with the same key as the original handle."""
    project = sandbox.seed(live=1, draft=2)
    client = make_client(clock=sandbox_clock)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    failed = [item.target_group_id for item in (await job.wait()).failed]

    again = await client.job(job.token()).retry_failed()
    same = await job.retry_failed()

    assert again.id == same.id
    assert again.idempotency_key == retry_key(job.idempotency_key or "", 1, failed)
    assert len(sandbox.jobs) == 2


async def test_retry_failed_without_failures(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Without failed items retry_failed raises, and nothing is sent."""
    server, job = await started(serve, make_client, COMPLETED, clock=clock)
    await job.wait()
    with pytest.raises(InvalidCommandError) as caught:
        await job.retry_failed()
    assert caught.value.field == "target_group_ids"
    assert len(server.requests) == 2


async def test_retry_failed_before_the_end(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A running job cannot be retried."""
    _, job = await started(serve, make_client, PROCESSING, clock=clock)
    with pytest.raises(JobError, match="not ended"):
        await job.retry_failed()


async def test_retry_after_a_failed_batch(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """The failed items of a batch that ended as Failed can be retried, too."""
    server, job = await started(serve, make_client, answer(200, body("Failed", (), (OTHER,))), ACCEPTED, clock=clock)
    await job.retry_failed()
    assert [request.method for request in server.requests] == ["POST", "GET", "POST"]


async def test_draft_job_has_no_items_to_retry(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """A job that is not a batch has no items to retry."""
    group = sandbox.seed(draft=1).groups[0]
    client = make_client(clock=sandbox_clock)
    job = await client.submit(LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    await job.wait()
    with pytest.raises(ConfigurationError, match="not a batch"):
        await job.retry_failed()


async def test_token_lacks_arguments_of_the_retry(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A job from a token names the argument that its retry lacks; the original handle has it."""
    command = batch_jobs.UpdateProjectManagers(
        project_id=PROJECT, project_manager_id="b551326b-ac9d-4d32-8823-4f025787dab9", target_group_ids=(GROUP, OTHER)
    )
    where = LOCATION.replace("pause-fielding-runs-by-target-group-id", "update-target-group-project-managers")
    accepted = answer(201, headers={"Location": where})
    finished = answer(200, body("Completed", (), (GROUP,)))
    server = await serve(accepted, finished, finished, accepted)
    client = make_client(base_url=server.url, clock=clock)
    job = await client.submit(command)
    await job.wait()

    with pytest.raises(InvalidCommandError) as caught:
        await client.job(job.token()).retry_failed()
    assert caught.value.field == "project_manager_id"
    await job.retry_failed()

    assert b"b551326b" in server.requests[-1].body
    assert "idempotency-key" not in server.requests[-1].headers


def test_blocking_job_retries_failed_items(sandbox: Sandbox, blocking_client: Client) -> None:
    """The blocking job has retry_failed, too."""
    project = sandbox.seed(live=1, draft=1)
    job = blocking_client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    failed = job.wait().failed
    again = job.retry_failed(only=lambda item: item.code is not None)
    assert [item.target_group_id for item in again.wait().failed] == [item.target_group_id for item in failed]


# Polls that overlap


async def test_older_poll_does_not_undo_the_end(clock: FakeClock) -> None:
    """A poll that began earlier and is answered later does not undo the end that another poll saw."""
    answers: list[asyncio.Future[PollResult]] = []

    async def poll() -> PollResult:
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    poller = Poller(poll, PollerGroup(STEADY, clock))
    waiting = asyncio.create_task(poller.wait())
    await settle()
    by_hand = asyncio.create_task(poller.poll_now())
    await settle()
    answers[1].set_result(PollResult(COMPLETED_JOB, ended=True))
    answers[0].set_result(PollResult(RUNNING_JOB, ended=False))
    await asyncio.gather(waiting, by_hand)

    assert (waiting.result(), poller.finished, poller.result) == (True, True, COMPLETED_JOB)


async def test_poll_cancelled_from_outside_ends_the_wait(clock: FakeClock) -> None:
    """A wait ends with an error when its poll is cancelled from outside, instead of lasting forever."""

    async def poll() -> PollResult:
        raise asyncio.CancelledError

    poller = Poller(poll, PollerGroup(STEADY, clock))
    async with asyncio.timeout(60):
        assert await poller.wait()
    assert isinstance(poller.error, FieldingKitError)
    assert "CancelledError" in str(poller.error)


async def polled_at(retry_after: float | None, clock: FakeClock) -> list[float]:
    """The times of the polls of a job, seconds after the first; an event arrives during the first."""
    answers: list[asyncio.Future[PollResult]] = []
    begun: list[float] = []

    async def poll() -> PollResult:
        begun.append(clock.now() - 1000.0)
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    slow = PollPolicy(first_delay=0, min_interval=1, max_interval=50, growth=50)
    poller = Poller(poll, PollerGroup(slow, clock, jitter=lambda bound: bound))
    waiting = asyncio.create_task(poller.wait())
    await settle()
    answers[0].set_result(PollResult(RUNNING_JOB, ended=False))
    await settle()
    poller.nudge()
    answers[1].set_result(PollResult(RUNNING_JOB, ended=False, retry_after=retry_after))
    await settle()
    for _ in range(5):
        poller.nudge()
    answers[2].set_result(PollResult(COMPLETED_JOB, ended=True))
    await waiting
    return begun


async def test_event_during_a_poll(clock: FakeClock) -> None:
    """An event during a poll brings the next poll forward to min_interval, because this one may have come too early."""
    assert await polled_at(None, clock) == [0.0, 1.0, 2.0]


async def test_events_respect_retry_after(clock: FakeClock) -> None:
    """Events do not bring a poll forward to a time before the one that Retry-After asked for."""
    assert await polled_at(20.0, clock) == [0.0, 1.0, 21.0]


@pytest.mark.parametrize("timeout", ["5", math.nan, [1], -1, -math.inf])
async def test_wait_with_a_wrong_timeout(timeout: Any, serve: Serve, make_client: MakeClient) -> None:
    """A wait with a timeout that is not a number of at least 0 is refused, and nothing is polled."""
    clock = FakeClock(jump=0)
    server, job = await started(serve, make_client, PROCESSING, clock=clock)

    with pytest.raises(ConfigurationError, match="timeout"):
        await job.wait(timeout)
    await settle()

    assert (len(server.requests), clock.pending) == (1, 0)


@pytest.mark.parametrize("timeout", [-1, -0.1, math.nan, "5"])
async def test_run_with_a_wrong_timeout_sends_nothing(timeout: Any, serve: Serve, make_client: MakeClient) -> None:
    """A job with a timeout that is not a number of at least 0 is refused before anything is sent."""
    server = await serve(ACCEPTED)
    with pytest.raises(ConfigurationError, match="timeout must be a number of seconds, 0 or more, or None"):
        await make_client(base_url=server.url).run(KEYED, timeout)
    assert server.requests == []


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_job_is_passed_on_by_its_token(
    duplicate: Callable[[Any], Any], serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A job cannot be pickled or copied; the error says to pass its token."""
    _, job = await started(serve, make_client, clock=clock)
    with pytest.raises(TypeError, match=r"AsyncJob cannot be pickled or copied: pass its token\(\) to client\.job\(\)"):
        duplicate(job)


async def test_run_with_a_wrong_timeout(serve: Serve, make_client: MakeClient) -> None:
    """A command with a timeout that is not a number is refused before the job is created."""
    server = await serve(ACCEPTED)
    wrong: Any = "5"
    with pytest.raises(ConfigurationError, match="timeout"):
        await make_client(base_url=server.url).run(KEYED, wrong)
    assert server.requests == []


# Events


async def test_watch_yields_an_event_for_each_poll(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """watch() yields an event for each poll, and ends after the terminal one."""
    server, job = await started(serve, make_client, PROCESSING, answer(503), COMPLETED, clock=clock)

    events = [event async for event in job.watch()]

    assert [event.status for event in events] == ["Processing", "Processing", "Completed"]
    assert [event.polls for event in events] == [1, 2, 3]
    assert len(server.requests) == 4


async def test_leaving_a_watch_stops_polling(serve: Serve, make_client: MakeClient) -> None:
    """Leaving the loop leaves no timer and no task, and polls no more."""
    clock = FakeClock(jump=2)
    server, job = await started(serve, make_client, PROCESSING, clock=clock)
    before = asyncio.all_tasks()

    async for _ in job.watch():
        break
    await settle()

    assert clock.pending == 0
    assert {task for task in asyncio.all_tasks() - before if "RawServer" not in repr(task)} == set()
    assert len(server.requests) == 2


async def test_slow_watcher_may_miss_events(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A slow watcher may miss events, but sees the others in order, and the terminal one."""
    polls = [PROCESSING] * 5 + [COMPLETED]
    _, job = await started(serve, make_client, *polls, clock=clock)
    seen = []

    async for event in job.watch():
        seen.append(event)
        if event.polls == 1:
            await job.wait(timeout=None)

    assert [event.polls for event in seen] == [1, 6]
    assert seen[-1].status is JobStatus.COMPLETED


async def test_watch_raises_as_a_wait_does(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A watch raises after too many failed polls, as a wait does."""
    _, job = await started(serve, make_client, close, clock=clock)
    with pytest.raises(JobError):
        _ = [event async for event in job.watch()]


async def test_events_show_the_progress(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Events have the status, the elapsed time, and the numbers of polls, updated and failed items."""
    polls = [PROCESSING, answer(200, body(updated=(GROUP,))), answer(200, body("Completed", (GROUP,), (OTHER,)))]
    _, job = await started(serve, make_client, *polls, clock=clock)

    events = [event async for event in job.watch()]

    progress = [(event.status, event.elapsed, event.polls, event.updated, event.failed) for event in events]
    assert progress == [
        ("Processing", pytest.approx(1.0), 1, 0, 0),
        ("Processing", pytest.approx(2.0), 2, 1, 0),
        ("Completed", pytest.approx(3.0), 3, 1, 1),
    ]


async def test_events_of_a_draft_job_have_no_counts(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """Events of a job that is not a batch have no item counts."""
    group = sandbox.seed(draft=1).groups[0]
    client = make_client(clock=sandbox_clock)
    job = await client.submit(LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    events = [event async for event in job.watch()]
    assert [(event.updated, event.failed) for event in events] == [(None, None)] * len(events)
    assert run_of(group)["fielding_run_id"] == events[-1].result.created_fielding_run_id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_delay", -1),
        ("first_delay", math.inf),
        ("min_interval", -1),
        ("min_interval", 301),
        ("max_interval", math.nan),
        ("max_interval", 0.1),
        ("growth", 0.5),
        ("growth", math.inf),
        ("error_tolerance", -1),
        ("error_tolerance", "5"),
        ("not_found_grace", True),
    ],
)
def test_poll_policy_refuses_bad_values(field: str, value: Any) -> None:
    """A poll policy with an impossible value is refused by its name."""
    with pytest.raises(ConfigurationError, match=field):
        PollPolicy(**{field: value})


def test_poll_policy_may_tolerate_failures_forever() -> None:
    """The tolerance for failed polls may be infinite."""
    assert PollPolicy(error_tolerance=math.inf).error_tolerance == math.inf
