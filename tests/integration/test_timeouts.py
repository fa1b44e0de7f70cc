"""Time-outs, deadlines and clocks."""

import asyncio
import time

import pytest
from support.examples import KEYED, READ, RUN_BODY
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close, hang

from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    DeadlineExceededError,
    JobTimeoutError,
    RequestTimeoutError,
    ServerError,
)
from fieldingkit.jobs.poller import PollPolicy
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.credentials import AccessToken
from fieldingkit.transport.retry_policy import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
STEADY = PollPolicy(first_delay=1, min_interval=1, max_interval=1, growth=1)
AGES = 30.0
"""Far more seconds than any of this takes."""


async def body_that_stops(connection: Connection) -> None:
    """Send a head and the beginning of a body, then nothing more."""
    await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await connection.gone()


class NoToken:
    """A provider that never comes back."""

    async def fetch(self, http: object) -> AccessToken:
        """Wait for ever."""
        del http
        await asyncio.Event().wait()
        raise AssertionError


async def test_timeout_ends_one_attempt_and_not_the_call(serve: Serve, make_client: MakeClient) -> None:
    """``timeout`` ends an attempt, and leaves the call the rest of its deadline for others."""
    server = await serve(hang, answer(200, RUN_BODY))
    client = make_client(base_url=server.url, timeout=0.1, deadline=AGES, clock=FakeClock())

    exchange = await client.send_detailed(READ)

    errors = [attempt.error for attempt in exchange.attempts]
    assert (errors[0], errors[-1]) == ("TimeoutError", None)


async def test_timeout_does_not_limit_a_call(serve: Serve, make_client: MakeClient) -> None:
    """A call may take longer than ``timeout``, as long as each of its attempts does not."""
    server = await serve(answer(503, headers={"Retry-After": "60"}), answer(200, RUN_BODY))
    clock = FakeClock()

    await make_client(base_url=server.url, timeout=AGES, deadline=None, clock=clock).send(READ)

    assert clock.sleeps >= [60.0]


async def test_deadline_ends_the_call_before_the_timeout(serve: Serve, make_client: MakeClient) -> None:
    """``deadline`` ends a call although ``timeout`` would allow the attempt more."""
    server = await serve(hang)
    client = make_client(base_url=server.url, timeout=AGES, deadline=0.2, retry=ONCE)
    began = time.monotonic()

    with pytest.raises(DeadlineExceededError):
        await client.send(READ)

    assert time.monotonic() - began < AGES / 2


async def test_deadline_covers_reading_the_body(serve: Serve, make_client: MakeClient) -> None:
    """``deadline`` covers reading the body."""
    server = await serve(body_that_stops)
    client = make_client(base_url=server.url, timeout=AGES, deadline=2.0, retry=ONCE)

    with pytest.raises(DeadlineExceededError) as caught:
        await client.send(READ)

    assert caught.value.attempts[0].status == 200


async def test_deadline_covers_waiting_for_a_token(make_client: MakeClient) -> None:
    """``deadline`` covers waiting for a token, and nothing was sent then."""
    client = make_client(base_url="http://127.0.0.1:9/v1", auth=NoToken(), timeout=AGES, deadline=0.1)

    with pytest.raises(DeadlineExceededError) as caught:
        await client.send(KEYED)

    assert (caught.value.sent, caught.value.maybe_applied, caught.value.attempts) == (False, False, ())


async def test_timeout_covers_waiting_for_a_token(make_client: MakeClient) -> None:
    """``timeout`` covers waiting for a token, with any deadline."""
    client = make_client(base_url="http://127.0.0.1:9/v1", auth=NoToken(), timeout=0.1, deadline=None, retry=ONCE)

    with pytest.raises(RequestTimeoutError, match="token"):
        await client.send(KEYED)


async def test_wait_may_take_longer_than_a_deadline(sandbox: Sandbox, make_client: MakeClient) -> None:
    """``wait(timeout=)`` bounds the polling, which may take far longer than each of its calls."""
    clock = FakeClock(sandbox.clock, jump=2)
    sandbox.faults.add("create_bulk_*", faults.StuckJob())
    project = sandbox.seed(live=1)
    client = make_client(clock=clock, timeout=5, deadline=5, poll=STEADY)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    began = clock.time

    with pytest.raises(JobTimeoutError):
        await job.wait(timeout=50.5)

    assert clock.time - began == pytest.approx(50.5)
    assert [request.method for request in sandbox.requests] == ["POST"] + ["GET"] * 50


async def test_wait_may_end_before_the_deadline_of_its_calls(sandbox: Sandbox, make_client: MakeClient) -> None:
    """``wait(timeout=)`` ends although its calls may take far longer."""
    clock = FakeClock(sandbox.clock, jump=2)
    sandbox.faults.add("create_bulk_*", faults.StuckJob())
    project = sandbox.seed(live=1)
    client = make_client(clock=clock, timeout=None, deadline=None, poll=STEADY)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

    with pytest.raises(JobTimeoutError):
        await job.wait(timeout=2.5)

    assert len(sandbox.requests) == 1 + 2


async def test_server_that_always_answers_503_ends_in_time(serve: Serve, make_client: MakeClient) -> None:
    """With ``deadline=1`` and a server that always answers 503 the call ends in time."""
    server = await serve(answer(503))
    for _ in range(20):
        clock = FakeClock()
        client = make_client(base_url=server.url, deadline=1, retry=RetryPolicy(max_attempts=100), clock=clock)

        with pytest.raises(ServerError):
            await client.send(READ)

        assert sum(clock.sleeps) < 1.0


async def test_server_that_always_answers_503_ends_in_real_time(serve: Serve, make_client: MakeClient) -> None:
    """With the real clock such a call ends at its deadline, long before its attempts are used up."""
    server = await serve(answer(503))
    client = make_client(base_url=server.url, deadline=0.5, retry=RetryPolicy(max_attempts=100, base_delay=0.1))
    began = time.monotonic()

    with pytest.raises((ServerError, DeadlineExceededError)):  # the latter if a busy machine slept a little too long
        await client.send(READ)

    assert time.monotonic() - began < AGES


async def test_attempt_in_flight_is_cut_by_the_remaining_time(serve: Serve, make_client: MakeClient) -> None:
    """An attempt in flight is cut by the remaining time, not by its own timeout."""
    server = await serve(answer(503, headers={"Retry-After": "9.8"}), hang)
    client = make_client(base_url=server.url, deadline=10, timeout=AGES, clock=FakeClock())
    began = time.monotonic()

    with pytest.raises(DeadlineExceededError) as caught:
        await client.send(READ)

    assert time.monotonic() - began < AGES / 2
    assert [attempt.status for attempt in caught.value.attempts] == [503, None]


async def test_attempt_after_a_slow_token_is_cut_at_the_deadline(serve: Serve, make_client: MakeClient) -> None:
    """An attempt that starts late because of a slow token is cut at the deadline."""
    clock = FakeClock()

    class SlowToken:
        async def fetch(self, http: object) -> AccessToken:
            del http
            clock.advance(9.8)
            return AccessToken("token")

    server = await serve(hang)
    client = make_client(base_url=server.url, auth=SlowToken(), deadline=10, timeout=AGES, clock=clock)
    began = time.monotonic()

    with pytest.raises(DeadlineExceededError):
        await client.send(READ)

    assert time.monotonic() - began < AGES / 2


async def test_delay_beyond_the_deadline_raises_the_response_at_once(serve: Serve, make_client: MakeClient) -> None:
    """A delay that would pass the deadline ends the call now, with the response and its Retry-After."""
    server = await serve(answer(503, {"object": "unexpected_internal_error"}, {"Retry-After": "60"}))
    clock = FakeClock()

    with pytest.raises(ServerError) as caught:
        await make_client(base_url=server.url, deadline=30, clock=clock).send(READ)

    error = caught.value
    assert (error.retry_after, error.status, error.code) == (60.0, 503, "unexpected_internal_error")
    assert (clock.sleeps, len(server.requests)) == ([], 1)
    assert "60 s" in str(error.__cause__)


async def test_delay_beyond_the_deadline_raises_the_failure_at_once(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delay that would pass the deadline ends a call without a response with its last failure."""
    monkeypatch.setattr("backoff.full_jitter", lambda bound: bound)
    server = await serve(close)
    clock = FakeClock()
    client = make_client(base_url=server.url, deadline=30, retry=RetryPolicy(base_delay=45, max_delay=45), clock=clock)

    with pytest.raises(AmbiguousOutcomeError) as caught:
        await client.send(KEYED)

    assert (clock.sleeps, len(server.requests)) == ([], 1)
    assert "45 s" in str(caught.value.__cause__)


async def test_wall_clock_does_not_matter(
    sandbox: Sandbox, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wall clock that is set back by an hour whenever it is read changes nothing."""
    real = time.time
    readings = iter(range(10**9))
    monkeypatch.setattr("time.time", lambda: real() - 3600 * next(readings))
    sandbox.faults.add("create_bulk_*", faults.Answer(503), times=2)
    project = sandbox.seed(live=2)
    client = make_client(deadline=AGES, retry=RetryPolicy(base_delay=0.01))

    result = await client.run(KEYED.replace(project_id=project.id, target_group_ids=project.ids()), timeout=AGES)

    assert result.ok
    posts = [request for request in sandbox.requests if request.method == "POST"]
    assert [request.status for request in posts] == [503, 503, 201]


async def test_outer_timeout_during_an_attempt_raises_timeout_error(serve: Serve, make_client: MakeClient) -> None:
    """An outer ``asyncio.timeout`` that fires during an attempt raises TimeoutError, never an error of fieldingkit."""
    server = await serve(hang)
    client = make_client(base_url=server.url, deadline=AGES, timeout=AGES)

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await client.send(READ)

    assert type(caught.value) is TimeoutError


async def test_outer_timeout_between_attempts_raises_timeout_error(serve: Serve, make_client: MakeClient) -> None:
    """An outer ``asyncio.timeout`` that fires between attempts raises TimeoutError."""
    server = await serve(answer(503, headers={"Retry-After": "20"}))
    client = make_client(base_url=server.url, deadline=AGES)

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await client.send(READ)

    assert type(caught.value) is TimeoutError


async def test_outer_timeout_during_a_token_raises_timeout_error(make_client: MakeClient) -> None:
    """An outer ``asyncio.timeout`` that fires while the call waits for a token raises TimeoutError."""
    client = make_client(base_url="http://127.0.0.1:9/v1", auth=NoToken(), deadline=AGES)

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await client.send(READ)

    assert type(caught.value) is TimeoutError


@pytest.mark.parametrize("option", ["timeout", "deadline"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_timeout_of_zero_is_refused(option: str, seconds: float, make_client: MakeClient) -> None:
    """A ``timeout`` of 0 is refused: there would be no time to send anything."""
    with pytest.raises(ConfigurationError, match=option):
        make_client(base_url="https://api.example.org", **{option: seconds})


async def test_timeout_of_none_means_no_limit(make_client: MakeClient) -> None:
    """None means no limit."""
    client = make_client(base_url="https://api.example.org", timeout=None, deadline=None)
    assert (client._options.timeout, client._options.deadline) == (None, None)


async def test_default_limits_are_the_documented_ones(make_client: MakeClient) -> None:
    """By default an attempt may take 30 seconds and a call 120."""
    client = make_client(base_url="https://api.example.org")
    assert (client._options.timeout, client._options.deadline) == (30.0, 120.0)


async def test_wait_of_zero_seconds_does_not_poll(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """``wait(timeout=0)`` ends without a poll; ``wait(timeout=None)`` has no limit."""
    project = sandbox.seed(live=1)
    client = make_client(clock=sandbox_clock, poll=STEADY)
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

    with pytest.raises(JobTimeoutError):
        await job.wait(timeout=0)
    assert len(sandbox.requests) == 1

    assert (await job.wait(timeout=None)).ok
