"""How a call is repeated: delays, budget, keys, bodies, attempts, cancellation."""

import asyncio
import itertools
import json
from collections import Counter
from typing import Any

import attrs
import pytest
from multidict import CIMultiDict
from support.examples import BARE, JOB, KEYED, LOCATION, OTHER, READ, RUN_BODY, TAGGED, Script
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close, hang

from fieldingkit.commands import Command
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    ConfigurationError,
    ConflictError,
    ConnectionFailedError,
    DuplicateJobError,
    InvalidCommandError,
    InvalidStateError,
    RateLimitedError,
    RetryBudgetExhaustedError,
    ServerError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.retry import Retry, RetryBudget
from fieldingkit.transport.retry_policy import NO_RETRIES, RetryPolicy

UNAVAILABLE = Response(503, CIMultiDict(), b"")
FINE = Response(200, CIMultiDict(), b"{}")
LIMITED = Response(429, CIMultiDict(), b"")
ACCEPTED = answer(201, headers={"Location": LOCATION})


def reading() -> Request:
    """A request that may be repeated."""
    return Request(
        "GET", "/x", headers={}, body=None, operation_id="read", template="/x", retry_safety=RetrySafety.READ
    )


def call(clock: FakeClock, policy: RetryPolicy | None = None, *, deadline: float | None = None) -> Call:
    """Return a call that reads."""
    return Call(reading(), clock=clock, deadline=deadline, retry=policy or RetryPolicy())


def retrying(*outcomes: Response | Exception, budget: float = 20.0, refill: float = 2.0) -> tuple[Retry, Script]:
    """Return the transport under test, and the script below it."""
    script = Script([*outcomes])
    return Retry(script, RetryBudget(budget, refill)), script


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every delay equal to its upper bound."""
    monkeypatch.setattr("backoff.full_jitter", lambda bound: bound)


# Delays


@pytest.mark.parametrize("asked", ["121", "86400"])
async def test_retry_after_above_the_limit_ends_the_call_at_once(
    asked: str, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A Retry-After above max_retry_after ends the call at once, and the error says so."""
    server = await serve(answer(429, headers={"Retry-After": asked}))
    client = make_client(base_url=server.url, deadline=None, clock=clock)

    with pytest.raises(RateLimitedError) as caught:
        await client.send(READ)

    assert caught.value.retry_after == float(asked)
    assert "max_retry_after (120 s)" in str(caught.value.__cause__)
    assert (clock.sleeps, len(server.requests)) == ([], 1)


@pytest.mark.parametrize("asked", ["31", "61", "120"])
async def test_retry_never_comes_sooner_than_retry_after(asked: str, serve: Serve, make_client: MakeClient) -> None:
    """Up to max_retry_after the client never comes back sooner than the server asks."""
    clock = FakeClock()
    server = await serve(answer(503, headers={"Retry-After": asked}), answer(200, RUN_BODY))

    await make_client(base_url=server.url, deadline=None, clock=clock).send(READ)

    assert clock.sleeps[0] >= float(asked)


@pytest.mark.usefixtures("no_jitter")
async def test_own_backoff_may_exceed_retry_after() -> None:
    """The longer of the own backoff and Retry-After is waited for."""
    asking = Response(503, CIMultiDict({"Retry-After": "3"}), b"")
    clock = FakeClock()
    retry, _ = retrying(asking, asking, asking, FINE)

    await retry(call(clock, RetryPolicy(base_delay=2, max_delay=5)))

    assert clock.sleeps == [3.0, 4.0, 5.0]


async def test_first_delays_of_many_clients_spread_evenly() -> None:
    """No two-percent bin holds more than 5 % of the first delays of 10,000 clients."""
    clock = FakeClock()
    for _ in range(10_000):
        retry, _ = retrying(UNAVAILABLE, FINE)
        await retry(call(clock, RetryPolicy(base_delay=1.0)))

    bins = Counter(int(delay / 0.02) for delay in clock.sleeps)

    assert len(clock.sleeps) == 10_000
    assert max(clock.sleeps) <= 1.0
    assert len(bins) >= 50
    assert max(bins.values()) <= 500


@pytest.mark.usefixtures("no_jitter")
async def test_bound_of_delays_doubles_up_to_max_delay() -> None:
    """The default bounds are 0.5 s, doubled with each retry, and 20 s at most."""
    clock = FakeClock()
    retry, _ = retrying(UNAVAILABLE)

    await retry(call(clock, RetryPolicy(max_attempts=9)))

    assert clock.sleeps == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


# Number of attempts


@pytest.mark.usefixtures("no_jitter")
async def test_deadline_bounds_the_attempts_by_default() -> None:
    """With a deadline a call is retried until the next delay would pass it."""
    clock = FakeClock()
    retry, server = retrying(UNAVAILABLE)
    failing = call(clock, deadline=120.0)

    assert await retry(failing) is UNAVAILABLE

    # 31.5 s of growing delays, then four of 20 s; a fifth would pass the deadline.
    assert len(server.requests) == 1 + 6 + 4
    assert "8.5 s are left" in str(failing.stop_reason)


async def test_call_without_deadline_ends_after_eight_attempts() -> None:
    """Eight attempts are the default of a call that has no deadline, also if all are answered with 429."""
    for outcome in (UNAVAILABLE, LIMITED):
        retry, server = retrying(outcome)
        await retry(call(FakeClock()))
        assert len(server.requests) == 8


@pytest.mark.parametrize("deadline", [None, 1e6])
async def test_a_given_number_of_attempts_holds(deadline: float | None) -> None:
    """A max_attempts that is given is never exceeded by failures of the server."""
    retry, server = retrying(UNAVAILABLE)
    await retry(call(FakeClock(), RetryPolicy(max_attempts=3), deadline=deadline))
    assert len(server.requests) == 3


async def test_rate_limited_attempts_do_not_count_while_a_deadline_runs() -> None:
    """A 429 does not use up max_attempts while a deadline bounds the call."""
    retry, server = retrying(*[LIMITED] * 30, UNAVAILABLE)
    await retry(call(FakeClock(), RetryPolicy(max_attempts=3), deadline=1e6))
    assert len(server.requests) == 30 + 3


async def test_one_attempt_switches_all_retries_off() -> None:
    """With max_attempts=1 a 429 is returned like any other failure."""
    retry, server = retrying(LIMITED)
    assert await retry(call(FakeClock(), NO_RETRIES, deadline=60.0)) is LIMITED
    assert len(server.requests) == 1


async def test_api_that_never_responded_gets_four_attempts_to_connect() -> None:
    """A client that cannot connect ends after four attempts until the API has responded once."""
    unreachable = ConnectionFailedError("refused", sent=False)
    retry, server = retrying(*[unreachable] * 4, UNAVAILABLE, *[unreachable] * 9, FINE)

    with pytest.raises(ConnectionFailedError):
        await retry(call(FakeClock(), deadline=1e6))
    assert len(server.requests) == 4

    assert await retry(call(FakeClock(), deadline=1e6)) is FINE


async def test_unreachable_token_endpoint_counts_as_unreachable() -> None:
    """A failure to connect to the token endpoint ends after four attempts as well."""
    failure = TransportError("no token", sent=False)
    failure.__cause__ = ConnectionFailedError("refused", sent=False)
    retry, server = retrying(failure)
    with pytest.raises(TransportError):
        await retry(call(FakeClock(), deadline=1e6))
    assert len(server.requests) == 4


# Budget


@pytest.mark.usefixtures("no_jitter")
async def test_retry_waits_for_the_budget_to_refill() -> None:
    """A retry that finds the budget empty waits for its refill, if the deadline permits."""
    clock = FakeClock()
    retry, _ = retrying(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, FINE, budget=1.0, refill=0.1)

    await retry(call(clock, deadline=60.0))

    assert clock.sleeps == pytest.approx([0.5, 9.5, 10.0])


@pytest.mark.parametrize(("refill", "sends"), [(1 / 119, 3), (1 / 121, 2)])
async def test_call_without_deadline_waits_two_minutes_for_the_budget(refill: float, sends: int) -> None:
    """Without a deadline a call waits for the budget for 120 s at most."""
    retry, server = retrying(UNAVAILABLE, UNAVAILABLE, FINE, budget=1.0, refill=refill)
    waiting = call(FakeClock(), RetryPolicy(base_delay=1e-9))
    await retry(waiting)
    assert len(server.requests) == sends
    assert isinstance(waiting.stop_reason, RetryBudgetExhaustedError) is (sends == 2)


@pytest.mark.parametrize(("successes", "sends"), [(4, 1), (5, 2)])
async def test_five_successful_calls_give_back_one_retry(successes: int, sends: int) -> None:
    """Each call that succeeds gives a fifth of a retry back to the budget."""
    retry, server = retrying(UNAVAILABLE, *[FINE] * successes, UNAVAILABLE, budget=1.0, refill=1e-9)
    clock = FakeClock()
    for _ in range(successes):
        await retry(call(clock))
    assert len(server.requests) == 1 + successes

    await retry(call(clock))
    assert len(server.requests) == 1 + successes + sends


async def test_successes_do_not_overfill_the_budget() -> None:
    """Neither successes nor time fill the budget above its capacity."""
    budget = RetryBudget(1.0, 1.0)
    budget.give_back(5.0)
    budget.take(1000.0)
    assert budget.wait(1000.0) == 1.0


async def test_rate_limited_attempts_cost_no_budget() -> None:
    """A 429 shows that the server is well: its retry takes nothing from the budget."""
    retry, server = retrying(*[LIMITED] * 50, FINE, budget=1.0, refill=1e-6)
    assert await retry(call(FakeClock(), deadline=60.0)) is FINE
    assert len(server.requests) == 51


async def test_cancelled_delay_gives_its_retry_back() -> None:
    """A call that is cancelled while it waits returns its retry to the budget."""
    retry, server = retrying(UNAVAILABLE, UNAVAILABLE, FINE, budget=1.0, refill=1e-6)
    task = asyncio.ensure_future(retry(call(FakeClock(jump=0))))
    await settle()
    task.cancel()
    await settle()

    assert await retry(call(FakeClock())) is FINE
    assert len(server.requests) == 3


async def test_exhausted_budget_is_the_cause_of_the_error(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """An error whose retry found no budget has RetryBudgetExhaustedError as its cause."""
    server = await serve(answer(503))
    client = make_client(base_url=server.url, deadline=9.0, retry=RetryPolicy(budget=1, budget_refill=0.1), clock=clock)

    with pytest.raises(ServerError) as caught:
        await client.send(READ)

    assert isinstance(caught.value.__cause__, RetryBudgetExhaustedError)
    assert len(server.requests) == 2


async def test_each_client_has_a_budget_of_its_own(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Retries of one client take nothing from the budget of another."""
    server = await serve(answer(503))
    policy = RetryPolicy(max_attempts=2, budget=1, budget_refill=1e-6)
    for client in [make_client(base_url=server.url, retry=policy, clock=clock) for _ in range(2)]:
        with pytest.raises(ServerError):
            await client.send(READ)
    assert len(server.requests) == 4


# Keys


async def test_all_attempts_of_a_call_carry_one_key(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """All attempts of one call carry one key; another call carries another."""
    server = await serve(answer(503), close, ACCEPTED, answer(503), ACCEPTED)
    client = make_client(base_url=server.url, clock=clock)

    first, second = await client.send(KEYED), await client.send(KEYED)

    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert keys == [first.idempotency_key] * 3 + [second.idempotency_key] * 2
    assert first.idempotency_key != second.idempotency_key


async def test_callers_key_is_used_unchanged(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A caller's own key is sent unchanged, on every attempt of every call."""
    server = await serve(answer(503), ACCEPTED)
    client = make_client(base_url=server.url, clock=clock)
    key = "Order #7: pause/1~{}"
    command = KEYED.replace(idempotency_key=key.replace(" ", "_"))

    await client.send(command)
    await client.send(command)

    assert {request.headers["idempotency-key"] for request in server.requests} == {"Order_#7:_pause/1~{}"}


@pytest.mark.parametrize("key", ["", " ", "a b", "a\r\nX: y", "a\n", "é", "\x00", "x" * 256, 7])
def test_invalid_key_is_refused(key: Any) -> None:
    """A key that is not 1 to 255 visible ASCII characters is refused."""
    with pytest.raises(InvalidCommandError) as caught:
        KEYED.replace(idempotency_key=key)
    assert caught.value.field == "idempotency_key"


@pytest.mark.parametrize("key", ["x", "x" * 255, "!~"])
def test_shortest_and_longest_key_are_accepted(key: str) -> None:
    """The shortest and the longest valid key are accepted."""
    assert KEYED.replace(idempotency_key=key).idempotency_key == key


async def test_command_without_key_sends_none(serve: Serve, make_client: MakeClient) -> None:
    """A command for which the API takes no key sends none."""
    server = await serve(answer(204))
    await make_client(base_url=server.url).send(TAGGED)
    assert "idempotency-key" not in server.requests[0].headers


async def test_key_that_is_sent_again_yields_the_same_job(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """A key that is sent again after a lost response yields the job that it created the first time."""
    project = sandbox.seed(live=2)
    sandbox.faults.add("create_bulk_*", faults.ApplyThenDrop())
    client = make_client(clock=sandbox_clock)

    result = await client.run(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))

    assert list(sandbox.jobs) == [result.job_id]
    assert result.ok


async def test_409_after_an_ambiguous_attempt_is_retried_with_the_same_key(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A 409 after a lost response means that the first attempt is still processed: wait, same key."""
    server = await serve(close, answer(409, {"object": "conflict_error"}), ACCEPTED)

    accepted = await make_client(base_url=server.url, clock=clock).send(KEYED)

    assert {request.headers["idempotency-key"] for request in server.requests} == {accepted.idempotency_key}
    assert len(clock.sleeps) == 2


async def test_409_to_the_first_attempt_is_raised(serve: Serve, make_client: MakeClient) -> None:
    """A 409 to the first attempt concerns another request's key: it is raised."""
    server = await serve(answer(409, {"object": "conflict_error"}))
    with pytest.raises(ConflictError):
        await make_client(base_url=server.url).send(KEYED)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [("idempotency_key_mismatch_error", ConflictError), ("invalid_state_error", InvalidStateError)]
)
async def test_422_is_classified_by_the_object_of_its_body(
    code: str, kind: type[ApiError], serve: Serve, make_client: MakeClient
) -> None:
    """A 422 about the key and one about the state differ by the body's object, which is kept as the code."""
    server = await serve(answer(422, {"object": code, "detail": "no"}))
    with pytest.raises(kind) as caught:
        await make_client(base_url=server.url).send(KEYED)
    assert (type(caught.value), caught.value.code) == (kind, code)


async def test_ambiguous_key_is_not_sent_again_after_its_ttl(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A key that may have been used is not sent again after idempotency_key_ttl seconds."""
    server = await serve(close)
    policy = RetryPolicy(max_attempts=10_000, budget=1e9, base_delay=20.0, idempotency_key_ttl=300)
    client = make_client(base_url=server.url, deadline=None, retry=policy, clock=clock)
    began = clock.time

    with pytest.raises(AmbiguousOutcomeError) as caught:
        await client.send(KEYED)

    assert 240 < clock.time - began <= 300
    assert RetryPolicy().idempotency_key_ttl == 3600
    assert "idempotency_key_ttl" in str(caught.value.__cause__)
    assert caught.value.idempotency_key == server.requests[0].headers["idempotency-key"]


# Bodies and answers


async def test_all_attempts_send_the_same_bytes(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Every attempt sends the same bytes, even if the caller changes the body's object meanwhile."""
    body = {"name": "first"}

    async def change(connection: Connection) -> None:
        body["name"] = "changed"
        await answer(429)(connection)

    server = await serve(change, change, answer(200, {}))
    await make_client(base_url=server.url, clock=clock).request("POST", "/things", json=body)

    assert [json.loads(request.body) for request in server.requests] == [{"name": "first"}] * 3


async def test_two_locations_of_different_jobs_are_an_error(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """Two attempts of one call whose Locations name two jobs raise DuplicateJobError with both ids."""
    other = LOCATION.replace(JOB, OTHER)
    server = await serve(answer(503, headers={"Location": LOCATION}), answer(201, headers={"Location": other}))

    with pytest.raises(DuplicateJobError) as caught:
        await make_client(base_url=server.url, clock=clock).submit(KEYED)

    assert caught.value.job_ids == (JOB, OTHER)
    assert len(caught.value.attempts) == 2


async def test_two_forms_of_one_location_are_one_job(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Two forms of a Location that name one job are one job."""
    server = await serve(answer(503, headers={"Location": JOB}), ACCEPTED)
    job = await make_client(base_url=server.url, clock=clock).submit(KEYED)
    assert job.id == JOB


# Attempts


async def test_error_lists_every_attempt(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """The error lists every attempt with its number, status or failure, start, duration and delay."""
    server = await serve(close, answer(503), answer(400))

    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url, clock=clock).send(READ)

    attempts = caught.value.attempts
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert [attempt.status for attempt in attempts] == [None, 503, 400]
    assert [attempt.error for attempt in attempts] == ["ServerDisconnectedError", None, None]
    assert [attempt.delay for attempt in attempts] == [0.0, *clock.sleeps]
    assert [attempt.started for attempt in attempts] == pytest.approx(
        list(itertools.accumulate(clock.sleeps, initial=0.0))
    )
    assert all(attempt.sent and attempt.duration == 0.0 for attempt in attempts)


async def test_every_attempt_is_logged_with_its_number(
    serve: Serve, make_client: MakeClient, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has a record for every attempt, with its number."""
    caplog.set_level("DEBUG", logger="fieldingkit")
    server = await serve(answer(503), answer(200, RUN_BODY))

    await make_client(base_url=server.url, clock=clock).send(READ)

    records = [record for record in caplog.records if record.name == "fieldingkit.attempts"]
    assert [vars(record)["attempt"] for record in records] == [1, 2]


KNOWN_HEADERS = {
    "host",
    "accept",
    "accept-encoding",
    "authorization",
    "cint-api-version",
    "content-length",
    "content-type",
    "idempotency-key",
    "if-match",
    "traceparent",
    "tracestate",
    "user-agent",
}


@pytest.mark.parametrize("command", [READ, KEYED, TAGGED, BARE], ids=["READ", "KEY", "TAG", "NONE"])
async def test_no_unknown_header_is_sent(
    command: Command[Any], serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """No attempt sends a header that the API does not know, and a retry sends the same headers."""
    server = await serve(answer(429), answer(400))

    with pytest.raises(ApiError):
        await make_client(base_url=server.url, clock=clock).send(command)

    first, second = server.requests
    assert set(first.headers) <= KNOWN_HEADERS
    assert first == second


# Exactly one


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED], ids=["GET", "POST", "keyed POST"])
async def test_server_sees_one_request_per_attempt(
    command: Command[Any], serve: Serve, make_client: MakeClient
) -> None:
    """A server that closes after the request sees exactly one request per attempt."""
    server = await serve(close)
    client = make_client(base_url=server.url, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(TransportError):
        await client.send(command)
    assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_aiohttp_does_not_resend_on_a_kept_connection(method: str, serve: Serve, make_client: MakeClient) -> None:
    """On a kept connection that breaks, aiohttp's own resend of GET, PUT and DELETE is off."""
    server = await serve(answer(200, {}), close)
    client = make_client(base_url=server.url, retry=RetryPolicy(max_attempts=1))
    await client.request("GET", "/first")

    with pytest.raises(TransportError):
        await client.request(method, "/second")

    assert [request.target for request in server.requests] == ["/v1/first", "/v1/second"]
    assert server.connections == 1


async def test_ambiguity_of_an_early_attempt_remains(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A call stays ambiguous after an ambiguous attempt, however harmless the later ones were."""
    server = await serve(close, answer(429), answer(429), answer(412))
    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url, clock=clock).send(TAGGED)
    assert caught.value.maybe_applied


# Cancellation


async def test_cancellation_during_a_delay_ends_the_call_at_once(serve: Serve, make_client: MakeClient) -> None:
    """A cancellation between attempts ends the call in the same tick, and leaves no timer."""
    clock = FakeClock(jump=0)
    server = await serve(answer(503))
    task = asyncio.create_task(make_client(base_url=server.url, clock=clock).send(READ))
    await clock.is_waited_for()

    task.cancel()
    await settle(2)

    assert task.cancelled()
    assert clock.pending == 0


async def test_cancellation_during_an_attempt_closes_its_connection(serve: Serve, make_client: MakeClient) -> None:
    """A cancellation during an attempt ends the call at once, and its connection is closed."""
    reached = asyncio.Event()
    left = asyncio.Event()

    async def wait(connection: Connection) -> None:
        reached.set()
        await connection.gone()
        left.set()

    server = await serve(wait)
    task = asyncio.create_task(make_client(base_url=server.url).send(TAGGED))
    await reached.wait()

    task.cancel()
    await settle(5)

    assert task.cancelled()
    async with asyncio.timeout(60):
        await left.wait()
    assert len(server.requests) == 1


async def test_call_cancelled_before_its_start_sends_nothing(serve: Serve, make_client: MakeClient) -> None:
    """A call that is cancelled before it starts sends nothing."""
    server = await serve(hang)
    task = asyncio.create_task(make_client(base_url=server.url).send(READ))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.requests == []


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(RetryPolicy)])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "5", [1]])
def test_policy_with_an_invalid_value_is_refused(field: str, value: Any) -> None:
    """A retry policy without attempts, delays or budget is refused."""
    with pytest.raises(ConfigurationError, match=field):
        RetryPolicy(**{field: value})


def test_fractional_number_of_attempts_is_refused() -> None:
    """A number of attempts is a whole number."""
    with pytest.raises(ConfigurationError, match="max_attempts must be at least 1 and an integer"):
        RetryPolicy(max_attempts=1.5)
