"""Following a job: when it is looked at, what a failing look means, and what is told meanwhile."""

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
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.credentials import AccessToken
from fieldingkit.transport.retry import RetryPolicy

ACCEPTED = answer(201, headers={"Location": LOCATION})
ONCE = RetryPolicy(max_attempts=1)
STEADY = PollPolicy(first_delay=1, min_interval=1, max_interval=1, growth=1)


def body(status: str = "Processing", updated: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> dict[str, Any]:
    """A batch as the API tells of it."""
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


async def started(
    serve: Serve, make_client: MakeClient, *looks: Step, clock: FakeClock, accepted: Step = ACCEPTED, **options: Any
) -> tuple[RawServer, AsyncJob[batch_jobs.BatchResult]]:
    """A job of a server that answers the looks at it with these steps."""
    server = await serve(accepted, *looks)
    options = {"retry": ONCE, "poll": STEADY, **options}
    return server, await make_client(base_url=server.url, clock=clock, **options).submit(KEYED)


# When it is looked at


async def test_first_look(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """27. The first look comes after first_delay, and not before somebody waits."""
    policy = PollPolicy(first_delay=7)
    server, job = await started(serve, make_client, COMPLETED, clock=clock, poll=policy)
    await settle()
    assert (len(server.requests), clock.waits) == (1, [])

    await job.wait(timeout=None)

    assert clock.waits == [7.0]


@pytest.mark.parametrize(("said", "waited"), [("4", 4.0), ("0", 0.5), ("999", 30.0)])
async def test_first_look_as_the_server_says(
    said: str, waited: float, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """27. A Retry-After of the acceptance goes before first_delay, within the policy's bounds."""
    accepted = answer(201, headers={"Location": LOCATION, "Retry-After": said})
    policy = PollPolicy(first_delay=7, min_interval=0.5, max_interval=30)
    _, job = await started(serve, make_client, COMPLETED, clock=clock, accepted=accepted, poll=policy)

    await job.wait(timeout=None)

    assert clock.waits == [waited]


async def test_late_waiter(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """27. Whoever begins to wait when the first look is long due does not wait for it."""
    _, job = await started(serve, make_client, COMPLETED, clock=clock)
    clock.advance(100)
    await job.wait(timeout=None)
    assert clock.waits == [0.0]


async def test_server_names_the_interval(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """28. A Retry-After of a look is the time until the next one, within min_interval and max_interval."""
    looks = [answer(200, body(), {"Retry-After": said}) for said in ("3", "0", "500")]
    policy = PollPolicy(first_delay=0, min_interval=0.25, max_interval=50)
    _, job = await started(serve, make_client, *looks, COMPLETED, clock=clock, poll=policy)

    await job.wait(timeout=None)

    assert clock.waits == [0.0, 3.0, 0.25, 50.0]


async def test_interval_grows(
    serve: Serve, make_client: MakeClient, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """28. Else the interval grows from look to look, up to max_interval."""
    monkeypatch.setattr("backoff.full_jitter", lambda bound: bound)
    policy = PollPolicy(first_delay=0, min_interval=1, max_interval=4, growth=1.5)
    _, job = await started(serve, make_client, *[PROCESSING] * 5, COMPLETED, clock=clock, poll=policy)

    await job.wait(timeout=None)

    assert clock.waits == pytest.approx([0, 1, 1.5, 2.25, 3.375, 4])


async def test_interval_has_jitter(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """28. Each interval is drawn from the upper half of its bound, and never below min_interval."""
    policy = PollPolicy(first_delay=0, min_interval=2, max_interval=40, growth=20)
    _, job = await started(serve, make_client, *[PROCESSING] * 30, COMPLETED, clock=clock, poll=policy)

    await job.wait(timeout=None)

    assert all(20 <= wait <= 40 for wait in clock.waits[2:])
    assert len(set(clock.waits[2:])) == len(clock.waits[2:])


async def test_progress_resets_the_interval(
    serve: Serve, make_client: MakeClient, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """28. The interval begins anew when the job makes progress."""
    monkeypatch.setattr("backoff.full_jitter", lambda bound: bound)
    policy = PollPolicy(first_delay=0, min_interval=1, max_interval=100, growth=1.5)
    moving = answer(200, body(updated=(GROUP,)))
    looks = [PROCESSING, PROCESSING, PROCESSING, moving, moving, COMPLETED]
    _, job = await started(serve, make_client, *looks, clock=clock, poll=policy)

    await job.wait(timeout=None)

    assert clock.waits == pytest.approx([0, 1, 1.5, 2.25, 1, 1.5])


# Looks that fail


@pytest.mark.parametrize(
    "failing", [close, answer(503), answer(429), answer(200, b"<html>"), answer(200, {"status": 7})]
)
async def test_failing_look(failing: Step, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A look that fails does not fail the job, up to error_tolerance times in a row."""
    looks = [failing] * 5 + [PROCESSING] + [failing] * 5
    _, job = await started(serve, make_client, *looks, COMPLETED, clock=clock)
    assert (await job.wait(timeout=None)).ok


async def test_too_many_failing_looks(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. One more ends the wait with a JobError that holds the job, and the last failure as its cause."""
    server, job = await started(serve, make_client, close, clock=clock)

    with pytest.raises(JobError) as caught:
        await job.wait(timeout=None)

    assert isinstance(caught.value.__cause__, TransportError)
    assert (caught.value.job, caught.value.job_id, caught.value.token) == (job, JOB, job.token())
    assert len(server.requests) == 1 + 5 + 1


async def test_looks_are_counted_apart(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. What a look's own call repeats is not counted: a look fails only when its call does."""
    looks = [answer(503)] * 2 + [COMPLETED]
    policy = PollPolicy(first_delay=0, error_tolerance=0)
    _, job = await started(serve, make_client, *looks, clock=clock, poll=policy, retry=RetryPolicy(max_attempts=3))
    assert (await job.wait(timeout=None)).ok


async def test_hopeless_look(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A refusal that will not pass ends the wait at once."""
    server, job = await started(serve, make_client, answer(403, {"object": "authorization_error"}), clock=clock)
    with pytest.raises(JobError) as caught:
        await job.wait(timeout=None)
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert len(server.requests) == 2


async def test_not_readable_yet(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A 404 of a new job is put up with for not_found_grace."""
    _, job = await started(serve, make_client, *[answer(404)] * 4, COMPLETED, clock=clock)
    assert (await job.wait(timeout=None)).ok


async def test_never_readable(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. After not_found_grace a 404 means that the job cannot be read."""
    _, job = await started(serve, make_client, answer(404), clock=clock)
    began = clock.time
    with pytest.raises(JobGoneError) as caught:
        await job.wait(timeout=None)
    assert 5.0 <= clock.time - began <= 7.0
    assert caught.value.token == job.token()


@pytest.mark.parametrize("status", [404, 410])
async def test_gone(status: int, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A job that was read before and answers 404 or 410 is gone, at once; the last status is kept."""
    server, job = await started(serve, make_client, PROCESSING, answer(status), clock=clock)
    with pytest.raises(JobGoneError) as caught:
        await job.wait(timeout=None)
    assert caught.value.last_status.status is JobStatus.PROCESSING
    assert len(server.requests) == 3


async def test_gone_for_good(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A 410 is final from the start."""
    server, job = await started(serve, make_client, answer(410), clock=clock)
    with pytest.raises(JobGoneError):
        await job.wait(timeout=None)
    assert len(server.requests) == 2


async def test_look_with_a_stale_token(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A 401 to a look refreshes the token once, and the look goes on."""

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


async def test_looked_at_again(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A job that was lost sight of is not lost: a look that succeeds takes it up again."""
    server, job = await started(serve, make_client, *[close] * 6, PROCESSING, COMPLETED, clock=clock)
    with pytest.raises(JobError):
        await job.wait(timeout=None)

    assert (await job.status()).status is JobStatus.PROCESSING
    assert (await job.wait(timeout=None)).ok
    assert len(server.requests) == 1 + 6 + 2


async def test_failing_status(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """29. A look by hand raises what went wrong with it, with a note of how to go on."""
    _, job = await started(serve, make_client, answer(500), clock=clock)
    with pytest.raises(ServerError) as caught:
        await job.status()
    assert job.token() in caught.value.__notes__[0]


# Waiting no longer


async def test_timeout(sandbox: Sandbox, make_client: MakeClient) -> None:
    """30. A wait that runs out is a JobTimeoutError with handle, token and last status; the job itself goes on."""
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


async def test_wait_again(sandbox: Sandbox, make_client: MakeClient) -> None:
    """30. One can wait again after that."""
    project = sandbox.seed(live=1)
    clock = FakeClock(sandbox.clock, jump=2)
    job = await make_client(clock=clock, poll=STEADY).submit(
        KEYED.replace(project_id=project.id, target_group_ids=project.ids())
    )
    with pytest.raises(JobTimeoutError):
        await job.wait(timeout=0.5)
    assert (await job.wait(timeout=None)).ok


async def test_cancelled_wait(serve: Serve, make_client: MakeClient) -> None:
    """31. Cancelling the task that waits stops the looking, and sends nothing: the API cannot cancel a job."""
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


async def test_cancelled_look(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """31. Cancelled during a look, that look is given up too, and a later wait begins anew."""
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


async def test_two_waiters(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """32. Any number of tasks that wait for one job share its looks and its result."""
    server, job = await started(serve, make_client, PROCESSING, PROCESSING, COMPLETED, clock=clock)

    async def awaited() -> batch_jobs.BatchResult:
        return await job

    first, *others = await asyncio.gather(*(awaited() for _ in range(10)))

    assert all(other is first for other in others)
    assert len(server.requests) == 1 + 3


async def test_one_waiter_leaves(serve: Serve, make_client: MakeClient) -> None:
    """32. Cancelling one of two leaves the other."""
    clock = FakeClock(jump=0)
    server, job = await started(serve, make_client, COMPLETED, clock=clock)
    bytes_sent, staying = (asyncio.create_task(job.wait(timeout=None)) for _ in range(2))
    await clock.is_waited_for()

    bytes_sent.cancel()
    await settle()
    clock.advance(1)

    assert (await staying).ok
    assert bytes_sent.cancelled()
    assert len(server.requests) == 2


async def test_after_the_end(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """33. After the end no request is ever made again, and every wait gives the same object."""
    server, job = await started(serve, make_client, COMPLETED, clock=clock)
    result = await job.wait()

    assert await job.wait() is result
    assert await job is result
    assert await job.status() is result
    assert [event.result async for event in job.watch()] == [result]
    assert len(server.requests) == 2


async def test_after_a_failure(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """33. A job that ended as Failed raises at every wait, with what it had done, and asks no more."""
    server, job = await started(serve, make_client, answer(200, body("Failed", (GROUP,), (OTHER,))), clock=clock)
    for _ in range(2):
        with pytest.raises(JobFailedError) as caught:
            await job.wait()
        assert caught.value.last_status.updated == (GROUP,)
    assert len(server.requests) == 2


async def test_failed_draft_job(sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock) -> None:
    """33. A failed job says why, where the API does."""
    group = sandbox.seed(live=1).groups[0]
    client = make_client(clock=sandbox_clock)
    with pytest.raises(JobFailedError) as caught:
        await client.run(LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    assert caught.value.code == "TargetGroupInvalidState"
    assert caught.value.description
    assert caught.value.last_status.status is JobStatus.FAILED


# What it says


@pytest.mark.parametrize("spelling", ["Completed", "completed", "COMPLETED"])
async def test_spelling(spelling: str, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """34. A known status is recognised in any case, and becomes one member."""
    _, job = await started(serve, make_client, answer(200, body(spelling, (GROUP, OTHER))), clock=clock)
    assert (await job.wait()).status is JobStatus.COMPLETED


@pytest.mark.parametrize("spelling", ["live", "Live", "LIVE"])
async def test_spelling_of_a_run(spelling: str, serve: Serve, make_client: MakeClient) -> None:
    """34. So is a run's, which older versions of the API spell with a capital."""
    from support.examples import READ, RUN_BODY

    server = await serve(answer(200, {**RUN_BODY, "status": spelling}))
    run = await make_client(base_url=server.url).send(READ)
    assert run.status is fielding_runs.FieldingRunStatus.LIVE


async def test_unknown_status(
    serve: Serve, make_client: MakeClient, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """34. An unknown status stays verbatim, does not end the job, and is logged once."""
    caplog.set_level(logging.INFO, logger="fieldingkit")
    _, job = await started(serve, make_client, *[answer(200, body("Pausing…"))] * 3, COMPLETED, clock=clock)

    statuses = [event.status async for event in job.watch()]

    assert statuses == ["Pausing…"] * 3 + [JobStatus.COMPLETED]
    assert (statuses[0].known, statuses[0].terminal) == (False, False)
    assert [vars(record)["status"] for record in caplog.records if "does not know" in record.message] == ["Pausing…"]


async def test_failed_items_are_a_result(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """35. A batch that completed with failures is a result; it tells of each, and raises only when asked to."""
    _, job = await started(serve, make_client, answer(200, body("Completed", (GROUP,), (OTHER,))), clock=clock)

    result = await job.wait()

    assert (result.ok, result.updated) == (False, (GROUP,))
    assert [(item.target_group_id, item.code) for item in result.failed] == [(OTHER, "StatusTransitionNotAllowed")]
    assert (result.by_id[GROUP], result.by_id[OTHER]) == (None, result.failed[0])
    with pytest.raises(BatchItemsFailedError) as caught:
        result.raise_for_failures()
    assert caught.value.failed == result.failed


async def test_missing_items(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """35. Ids that were asked for and are in neither list are missing, never lost."""
    _, job = await started(serve, make_client, answer(200, body("Completed", (GROUP,))), clock=clock)
    result = await job.wait()
    assert (result.missing, result.ok) == ((OTHER,), False)
    with pytest.raises(BatchItemsFailedError) as caught:
        result.raise_for_failures()
    assert caught.value.missing == (OTHER,)


async def test_missing_items_in_the_sandbox(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """35. The same from end to end, and nothing is missing of a job that is not finished."""
    project = sandbox.seed(live=3)
    sandbox.faults.add("create_bulk_*", faults.ForgetItem(1))
    job = await make_client(clock=sandbox_clock).submit(
        KEYED.replace(project_id=project.id, target_group_ids=project.ids())
    )
    assert (await job.status()).missing == ()
    assert (await job.wait()).missing == (project.ids()[1],)


# Once more


async def test_retry_failed(sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock) -> None:
    """36. retry_failed makes a new job of the failed target groups, and of no others."""
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


async def test_retry_of_some(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """36. only= chooses which failures are tried again."""
    finished = answer(200, body("Completed", (), (GROUP, OTHER)))
    server, job = await started(serve, make_client, finished, ACCEPTED, clock=clock)
    await job.wait()

    await job.retry_failed(only=lambda item: item.target_group_id == OTHER)

    assert b"".join(server.requests[-1].body.split()) == f'{{"target_group_ids":["{OTHER}"]}}'.encode()


async def test_retry_is_safe_to_repeat(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """36. After an error the same key goes out again; after a success another one, and other items have another."""
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


def test_retry_key() -> None:
    """36. The key follows from the parent's key, the number and the ids, the same in every process and release."""
    expected = "ae0ed4420f8b1c09759c0410ad8000b65e246fdc9a8962db9353f4550b2a48b6"
    assert retry_key("parent", 1, [GROUP]) == expected


async def test_retry_of_a_resumed_job(sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock) -> None:
    """36. It works on a job that was resumed from its token, with the same key as on the handle itself."""
    project = sandbox.seed(live=1, draft=2)
    client = make_client(clock=sandbox_clock)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    failed = [item.target_group_id for item in (await job.wait()).failed]

    again = await client.job(job.token()).retry_failed()
    same = await job.retry_failed()

    assert again.id == same.id
    assert again.idempotency_key == retry_key(job.idempotency_key or "", 1, failed)
    assert len(sandbox.jobs) == 2


async def test_nothing_to_retry(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """36. Where nothing failed there is nothing to try again, and nothing is sent."""
    server, job = await started(serve, make_client, COMPLETED, clock=clock)
    await job.wait()
    with pytest.raises(InvalidCommandError) as caught:
        await job.retry_failed()
    assert caught.value.field == "target_group_ids"
    assert len(server.requests) == 2


async def test_retry_too_early(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """36. A job that goes on has no failures to try again yet."""
    _, job = await started(serve, make_client, PROCESSING, clock=clock)
    with pytest.raises(JobError, match="not ended"):
        await job.retry_failed()


async def test_retry_after_a_failed_batch(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """36. The failed items of a batch that itself ended as Failed can be tried again too."""
    server, job = await started(serve, make_client, answer(200, body("Failed", (), (OTHER,))), ACCEPTED, clock=clock)
    await job.retry_failed()
    assert [request.method for request in server.requests] == ["POST", "GET", "POST"]


async def test_retry_of_a_draft_job(sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock) -> None:
    """36. A job that is no batch has no items to try again."""
    group = sandbox.seed(draft=1).groups[0]
    client = make_client(clock=sandbox_clock)
    job = await client.submit(LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    await job.wait()
    with pytest.raises(ConfigurationError, match="no batch"):
        await job.retry_failed()


async def test_retry_that_a_token_cannot_tell(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """36. Where the token does not tell all of the command, a resumed job says so; the handle itself can."""
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


def test_blocking_retry(sandbox: Sandbox, blocking_client: Client) -> None:
    """36. The blocking job has it too."""
    project = sandbox.seed(live=1, draft=1)
    job = blocking_client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    failed = job.wait().failed
    again = job.retry_failed(only=lambda item: item.code is not None)
    assert [item.target_group_id for item in again.wait().failed] == [item.target_group_id for item in failed]


# Looks that cross


async def test_an_older_look_does_not_undo_the_end(clock: FakeClock) -> None:
    """33. The end that one look has seen stays, whatever a look says that began sooner and is answered later."""
    answers: list[asyncio.Future[PollResult]] = []

    async def look() -> PollResult:
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    poller = Poller(look, policy=STEADY, clock=clock, first_delay=0)
    waiting = asyncio.create_task(poller.wait())
    await settle()
    by_hand = asyncio.create_task(poller.look())
    await settle()
    answers[1].set_result(PollResult("Completed", terminal=True, progress=1, retry_after=None))
    answers[0].set_result(PollResult("Processing", terminal=False, progress=0, retry_after=None))
    await asyncio.gather(waiting, by_hand)

    assert (waiting.result(), poller.finished, poller.result) == (True, True, "Completed")


async def test_a_look_that_is_cancelled_by_somebody_else(clock: FakeClock) -> None:
    """30. Whoever waits for a job hears of it when the look is broken off from elsewhere; nobody waits for ever."""

    async def look() -> PollResult:
        raise asyncio.CancelledError

    poller = Poller(look, policy=STEADY, clock=clock, first_delay=0)
    async with asyncio.timeout(10):
        assert await poller.wait()
    assert isinstance(poller.error, FieldingKitError)
    assert "CancelledError" in str(poller.error)


async def test_an_event_during_a_look(clock: FakeClock) -> None:
    """What a webhook tells while a look is under way brings the next look forward: this one may have come too early."""
    answers: list[asyncio.Future[PollResult]] = []
    begun: list[float] = []

    async def look() -> PollResult:
        begun.append(clock.now() - 1000.0)
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    slow = PollPolicy(first_delay=0, min_interval=1, max_interval=50, growth=50)
    poller = Poller(look, policy=slow, clock=clock, first_delay=None)
    waiting = asyncio.create_task(poller.wait())
    await settle()
    poller.nudge()
    answers[0].set_result(PollResult("Processing", terminal=False, progress=0, retry_after=20.0))
    await settle()
    answers[1].set_result(PollResult("Completed", terminal=True, progress=1, retry_after=None))
    await waiting

    assert begun == [0.0, 1.0]


async def test_a_wait_that_cannot_begin(clock: FakeClock) -> None:
    """A time-out that is none leaves nobody behind, and no look is made for nobody."""

    async def look() -> PollResult:
        raise AssertionError("nobody waits")

    poller = Poller(look, policy=STEADY, clock=clock, first_delay=0)
    with pytest.raises(TypeError):
        await poller.wait(timeout="5")
    await settle()

    assert (poller.polls, clock.pending) == (0, 0)


# Watching


async def test_watch(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """38. watch() tells of each look, and ends after the one that saw the end."""
    server, job = await started(serve, make_client, PROCESSING, answer(503), COMPLETED, clock=clock)

    events = [event async for event in job.watch()]

    assert [event.status for event in events] == ["Processing", "Processing", "Completed"]
    assert [event.polls for event in events] == [1, 2, 3]
    assert len(server.requests) == 4


async def test_watch_left_early(serve: Serve, make_client: MakeClient) -> None:
    """38. Leaving the loop leaves nothing behind: no timer, no task, no look."""
    clock = FakeClock(jump=2)
    server, job = await started(serve, make_client, PROCESSING, clock=clock)
    before = asyncio.all_tasks()

    async for _ in job.watch():
        break
    await settle()

    assert clock.pending == 0
    assert {task for task in asyncio.all_tasks() - before if "RawServer" not in repr(task)} == set()
    assert len(server.requests) == 2


async def test_slow_watcher(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """38. A watcher that is slow may miss looks, but sees the rest in order and the end."""
    looks = [PROCESSING] * 5 + [COMPLETED]
    _, job = await started(serve, make_client, *looks, clock=clock)
    seen = []

    async for event in job.watch():
        seen.append(event)
        if event.polls == 1:
            await job.wait(timeout=None)

    assert [event.polls for event in seen] == [1, 6]
    assert seen[-1].status is JobStatus.COMPLETED


async def test_watch_that_fails(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """38. A watch whose looks failed too often raises as a wait would."""
    _, job = await started(serve, make_client, close, clock=clock)
    with pytest.raises(JobError):
        _ = [event async for event in job.watch()]


async def test_progress(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """40. Events carry status, elapsed time, number of looks, and how many items were updated and failed."""
    looks = [PROCESSING, answer(200, body(updated=(GROUP,))), answer(200, body("Completed", (GROUP,), (OTHER,)))]
    _, job = await started(serve, make_client, *looks, clock=clock)

    events = [event async for event in job.watch()]

    told = [(event.status, event.elapsed, event.polls, event.updated, event.failed) for event in events]
    assert told == [
        ("Processing", pytest.approx(1.0), 1, 0, 0),
        ("Processing", pytest.approx(2.0), 2, 1, 0),
        ("Completed", pytest.approx(3.0), 3, 1, 1),
    ]


async def test_progress_of_a_draft_job(sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock) -> None:
    """40. A job that is no batch has no such numbers."""
    group = sandbox.seed(draft=1).groups[0]
    client = make_client(clock=sandbox_clock)
    job = await client.submit(LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    events = [event async for event in job.watch()]
    assert [(event.updated, event.failed) for event in events] == [(None, None)] * len(events)
    assert run_of(group)["fielding_run_id"] == events[-1].result.created_fielding_run_id


@pytest.mark.parametrize(
    ("field", "value"), [("first_delay", -1), ("min_interval", -1), ("growth", 0.5), ("error_tolerance", -1)]
)
def test_bad_policy(field: str, value: float) -> None:
    """28. A poll policy that makes no sense is refused."""
    with pytest.raises(ConfigurationError, match=field):
        PollPolicy(**{field: value})
