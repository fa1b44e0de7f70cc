"""Job handles and the poller: poll intervals, failed polls, waits, events and retries of failed items."""

import asyncio
import logging
from typing import Any

import pytest
from support.examples import GROUP, JOB, KEYED, LAUNCH, LOCATION, OTHER, PROJECT, run_of
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, RawServer, Step, answer, close

from fieldingkit import Client, batch_jobs, fielding_runs
from fieldingkit.commands import JobStatus
from fieldingkit.errors import (
    BatchItemsFailedError,
    ConfigurationError,
    FieldingKitError,
    ForbiddenError,
    InvalidCommandError,
    JobError,
    JobFailedError,
    JobGoneError,
    JobTimeoutError,
    ServerError,
    TransportError,
)
from fieldingkit.jobs.job import AsyncJob, retry_key
from fieldingkit.jobs.poller import Poller, PollPolicy, PollResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.credentials import AccessToken
from fieldingkit.transport.retry import RetryPolicy

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


async def intervals_of(*results: PollResult, policy: PollPolicy, clock: FakeClock) -> list[float]:
    """The waits before the polls of a job with these results, without jitter."""
    remaining = iter(results)

    async def poll() -> PollResult:
        return next(remaining)

    await Poller(poll, policy=policy, clock=clock, jitter=lambda bound: bound).wait()
    return clock.waits


async def test_interval_grows_to_its_maximum(clock: FakeClock) -> None:
    """Without Retry-After the interval grows from poll to poll, up to max_interval."""
    policy = PollPolicy(first_delay=0, min_interval=1, max_interval=4, growth=1.5)
    results = [PollResult(RUNNING_JOB)] * 5 + [PollResult(COMPLETED_JOB)]

    waits = await intervals_of(*results, policy=policy, clock=clock)

    assert waits == pytest.approx([0, 1, 1.5, 2.25, 3.375, 4])


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
    idle, moved = PollResult(RUNNING_JOB), PollResult(RUNNING_JOB, progress=1)

    waits = await intervals_of(idle, idle, idle, moved, moved, PollResult(COMPLETED_JOB), policy=policy, clock=clock)

    assert waits == pytest.approx([0, 1, 1.5, 2.25, 1, 1.5])


# Failed polls


@pytest.mark.parametrize(
    "failing", [close, answer(503), answer(429), answer(200, b"<html>"), answer(200, {"status": 7})]
)
async def test_failed_polls_within_the_tolerance(
    failing: Step, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """Failed polls do not end the wait, up to error_tolerance in a row."""
    polls = [failing] * 5 + [PROCESSING] + [failing] * 5
    _, job = await started(serve, make_client, *polls, COMPLETED, clock=clock)
    assert (await job.wait(timeout=None)).ok


async def test_too_many_failed_polls_end_the_wait(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """One more failed poll ends the wait with a JobError that has the job, and the failure as its cause."""
    server, job = await started(serve, make_client, close, clock=clock)

    with pytest.raises(JobError) as caught:
        await job.wait(timeout=None)

    assert isinstance(caught.value.__cause__, TransportError)
    assert (caught.value.job, caught.value.job_id, caught.value.token) == (job, JOB, job.token())
    assert len(server.requests) == 1 + 5 + 1


async def test_retries_within_a_poll_are_not_failed_polls(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A poll fails only when its call fails; the retries of the call do not count."""
    polls = [answer(503)] * 2 + [COMPLETED]
    policy = PollPolicy(first_delay=0, error_tolerance=0)
    _, job = await started(serve, make_client, *polls, clock=clock, poll=policy, retry=RetryPolicy(max_attempts=3))
    assert (await job.wait(timeout=None)).ok


async def test_permanent_error_ends_the_wait_at_once(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A poll that fails with a permanent error ends the wait at once."""
    server, job = await started(serve, make_client, answer(403, {"object": "authorization_error"}), clock=clock)
    with pytest.raises(JobError) as caught:
        await job.wait(timeout=None)
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert len(server.requests) == 2


async def test_new_job_may_answer_404_at_first(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A new job may answer 404 for not_found_grace seconds."""
    _, job = await started(serve, make_client, *[answer(404)] * 4, COMPLETED, clock=clock)
    assert (await job.wait(timeout=None)).ok


async def test_404_beyond_the_grace_is_a_gone_job(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A 404 after not_found_grace seconds ends the wait with a JobGoneError."""
    _, job = await started(serve, make_client, answer(404), clock=clock)
    began = clock.time
    with pytest.raises(JobGoneError) as caught:
        await job.wait(timeout=None)
    assert 5.0 <= clock.time - began <= 7.0
    assert caught.value.token == job.token()


@pytest.mark.parametrize("status", [404, 410])
async def test_known_job_that_is_gone(status: int, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A 404 or 410 of a job that was read before ends the wait; the error has its last status."""
    server, job = await started(serve, make_client, PROCESSING, answer(status), clock=clock)
    with pytest.raises(JobGoneError) as caught:
        await job.wait(timeout=None)
    assert caught.value.last_status.status is JobStatus.PROCESSING
    assert len(server.requests) == 3


async def test_410_of_a_new_job_is_final(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A 410 ends the wait also for a new job."""
    server, job = await started(serve, make_client, answer(410), clock=clock)
    with pytest.raises(JobGoneError):
        await job.wait(timeout=None)
    assert len(server.requests) == 2


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


async def test_lost_job_is_found_again(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Polling resumes when a job that could not be polled is read again."""
    server, job = await started(serve, make_client, *[close] * 6, PROCESSING, COMPLETED, clock=clock)
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
    sandbox.faults.add("get_bulk_*", faults.Answer(200, body()), times=None)
    project = sandbox.seed(live=1)
    job = await make_client(clock=clock, poll=STEADY).submit(
        KEYED.replace(project_id=project.id, target_group_ids=project.ids())
    )

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


async def test_wait_cancelled_during_a_poll(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Cancelling a wait during a poll cancels the poll too, and a later wait polls again."""
    reached, left = asyncio.Event(), asyncio.Event()

    async def hang(connection: Connection) -> None:
        reached.set()
        await connection.gone()
        left.set()

    server, job = await started(serve, make_client, hang, COMPLETED, clock=clock)
    task = asyncio.create_task(job.wait(timeout=None))
    await reached.wait()

    task.cancel()
    async with asyncio.timeout(10):
        await left.wait()

    assert task.cancelled()
    assert (await job.wait(timeout=None)).ok
    assert len(server.requests) == 3


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


async def test_items_in_neither_list_are_missing(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Ids of the command that are in neither list of the result are listed as missing."""
    _, job = await started(serve, make_client, answer(200, body("Completed", (GROUP,))), clock=clock)
    result = await job.wait()
    assert (result.missing, result.ok) == ((OTHER,), False)
    with pytest.raises(BatchItemsFailedError) as caught:
        result.raise_for_failures()
    assert caught.value.missing == (OTHER,)


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
        project_id=PROJECT, project_manager_id="someone", target_group_ids=(GROUP, OTHER)
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

    assert b"someone" in server.requests[-1].body
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

    poller = Poller(poll, policy=STEADY, clock=clock, first_delay=0)
    waiting = asyncio.create_task(poller.wait())
    await settle()
    by_hand = asyncio.create_task(poller.poll_now())
    await settle()
    answers[1].set_result(PollResult(COMPLETED_JOB))
    answers[0].set_result(PollResult(RUNNING_JOB))
    await asyncio.gather(waiting, by_hand)

    assert (waiting.result(), poller.finished, poller.result) == (True, True, COMPLETED_JOB)


async def test_poll_cancelled_from_outside_ends_the_wait(clock: FakeClock) -> None:
    """A wait ends with an error when its poll is cancelled from outside, instead of lasting forever."""

    async def poll() -> PollResult:
        raise asyncio.CancelledError

    poller = Poller(poll, policy=STEADY, clock=clock, first_delay=0)
    async with asyncio.timeout(10):
        assert await poller.wait()
    assert isinstance(poller.error, FieldingKitError)
    assert "CancelledError" in str(poller.error)


async def test_event_during_a_poll(clock: FakeClock) -> None:
    """An event during a poll brings the next poll forward, because this one may have come too early."""
    answers: list[asyncio.Future[PollResult]] = []
    begun: list[float] = []

    async def poll() -> PollResult:
        begun.append(clock.now() - 1000.0)
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    slow = PollPolicy(first_delay=0, min_interval=1, max_interval=50, growth=50)
    poller = Poller(poll, policy=slow, clock=clock, first_delay=None)
    waiting = asyncio.create_task(poller.wait())
    await settle()
    poller.nudge()
    answers[0].set_result(PollResult(RUNNING_JOB, retry_after=20.0))
    await settle()
    answers[1].set_result(PollResult(COMPLETED_JOB))
    await waiting

    assert begun == [0.0, 1.0]


async def test_wait_with_a_wrong_timeout(clock: FakeClock) -> None:
    """A wait that fails on a wrong timeout leaves no waiter behind, and nothing is polled."""

    async def poll() -> PollResult:
        raise AssertionError("polled without a waiter")

    poller = Poller(poll, policy=STEADY, clock=clock, first_delay=0)
    with pytest.raises(TypeError):
        await poller.wait(timeout="5")
    await settle()

    assert (poller.polls, clock.pending) == (0, 0)


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
    ("field", "value"), [("first_delay", -1), ("min_interval", -1), ("growth", 0.5), ("error_tolerance", -1)]
)
def test_poll_policy_refuses_bad_values(field: str, value: float) -> None:
    """A poll policy with an impossible value is refused by its name."""
    with pytest.raises(ConfigurationError, match=field):
        PollPolicy(**{field: value})
