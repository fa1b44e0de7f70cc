"""The rate limiter: one queue for all calls of a client, and its reaction to 429s."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from multidict import CIMultiDict
from support.examples import READ
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer

from fieldingkit import fielding_runs
from fieldingkit.errors import ClientClosedError, ConfigurationError, DeadlineExceededError, RateLimitedError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.service import RateLimit
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry import Retry, RetryBudget


def reading(path: str, template: str = "") -> Request:
    """Return a request that reads."""
    return Request(
        "GET", path, headers={}, body=None, operation_id="x", template=template, retry_safety=RetrySafety.READ
    )


REQUEST = reading("/x", "/x")


class Server:
    """The transport below the limiter: records the arrivals and plays responses."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.arrivals: list[float] = []
        self.limits: list[float | None] = []
        self.answers: list[Response] = []
        self.latency = 0.0

    async def __call__(self, call: Call) -> Response:
        """Return the next response, by default a 200."""
        self.arrivals.append(self.clock.now() - 1000.0)
        self.limits.append(call.allowance(self.clock.now())[0])
        answer = self.answers.pop(0) if self.answers else answer_of(200)
        if self.latency:
            await self.clock.sleep(self.latency)
        return answer

    @property
    def gaps(self) -> list[float]:
        """The times between consecutive arrivals."""
        return [round(after - before, 6) for before, after in pairwise(self.arrivals)]


def answer_of(status: int, **headers: str) -> Response:
    """Return a response without a body."""
    return Response(status, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), b"")


class Line:
    """A limiter and a server, with a clock that the test moves, or that jumps."""

    def __init__(self, rate: float | None, *, jump: float = float("inf")) -> None:
        self.clock = FakeClock(jump=jump)
        self.server = Server(self.clock)
        self.limits = RateLimiter(self.server, rate)

    def call(self, *, deadline: float | None = None, timeout: float | None = 30.0, request: Request = REQUEST) -> Call:
        """Return a call."""
        return Call(request, clock=self.clock, timeout=timeout, deadline=deadline)

    async def send(self, **options: Any) -> Response:
        """Send one request."""
        return await self.limits(self.call(**options))

    async def send_many(self, count: int, **options: Any) -> list[Response]:
        """Send many at once."""
        return await asyncio.gather(*(self.send(**options) for _ in range(count)))


async def test_without_a_rate_and_a_429_nothing_waits_and_no_timer_is_set() -> None:
    """Without a rate there is no queue."""
    line = Line(None)

    await line.send_many(100)

    assert line.server.arrivals == [0.0] * 100
    assert (line.limits.rate, line.limits.waiting, line.limits.delay, line.clock.waits) == (None, 0, 0.0, [])


async def test_requests_leave_evenly_and_in_the_order_they_came() -> None:
    """The rate is never exceeded, not at the beginning either, and the order is kept."""
    line = Line(20.0)
    order: list[int] = []

    async def send(number: int) -> None:
        await line.send()
        order.append(number)

    await asyncio.gather(*(send(number) for number in range(60)))

    assert line.server.gaps == [0.05] * 59
    assert order == list(range(60))


async def test_idle_time_is_not_saved_up_for_a_burst() -> None:
    """After a pause the next requests are as far apart as any others."""
    line = Line(10.0)

    await line.send()
    line.clock.advance(30.0)
    await line.send_many(3)

    assert line.server.gaps == [30.0, 0.1, 0.1]


async def test_a_stall_is_made_up_for_by_one_request_only() -> None:
    """A loop that was blocked does not send everything at once that was due meanwhile."""
    line = Line(10.0, jump=0.0)
    sending = asyncio.ensure_future(line.send_many(8))
    await settle()

    line.clock.time += 0.45
    line.clock.advance(0.0)
    await settle()
    late = len(line.server.arrivals)
    for _ in range(6):
        line.clock.advance(0.1)
        await settle()
    await sending

    assert late == 3
    assert line.server.gaps[2:] == [0.1] * 5


async def test_rate_waiting_and_delay_show_the_state_of_the_queue() -> None:
    """The three properties describe the queue while it fills and when it is empty."""
    line = Line(4.0, jump=0.0)
    sending = asyncio.ensure_future(line.send_many(5))
    await settle()

    assert (line.limits.rate, line.limits.waiting, line.limits.delay) == (4.0, 4, 1.25)

    line.clock.advance(2.0)
    await settle()
    await sending
    assert (line.limits.waiting, line.limits.delay) == (0, 0.0)


async def test_waiting_for_a_turn_does_not_count_against_the_attempt() -> None:
    """An attempt has its whole timeout, however long it waited for its turn."""
    line = Line(0.1)

    await line.send_many(3, timeout=5.0, deadline=None)

    assert line.server.limits == [5.0, 5.0, 5.0]


async def test_a_turn_that_cannot_come_before_the_deadline_is_refused_at_once() -> None:
    """A call whose turn would come after its deadline fails immediately, and says when a turn is free."""
    line = Line(2.0, jump=0.0)
    others = asyncio.ensure_future(line.send_many(5))
    await settle()

    with pytest.raises(DeadlineExceededError) as caught:
        await line.send(deadline=2.4)

    assert (caught.value.sent, caught.value.retryable, caught.value.retry_after) == (False, True, 2.5)
    assert "4 requests wait" in str(caught.value)
    others.cancel()
    with pytest.raises(asyncio.CancelledError):
        await others


async def test_cancelled_call_leaves_its_turn_to_the_next() -> None:
    """A cancelled call gives its turn to the next one."""
    line = Line(1.0, jump=0.0)
    await line.send()
    first, second = (asyncio.ensure_future(line.send()) for _ in range(2))
    await settle()

    first.cancel()
    await settle()
    assert line.limits.waiting == 1
    line.clock.advance(1.0)
    await settle()

    assert second.done()
    assert line.server.arrivals == [0.0, 1.0]


async def test_a_429_holds_all_calls_for_as_long_as_the_server_asks() -> None:
    """No request leaves during Retry-After, and afterwards they leave one by one."""
    line = Line(None)
    line.server.answers = [answer_of(429, Retry_After="7")]

    await line.send()
    await line.send_many(3)

    assert line.server.arrivals[:3] == pytest.approx([0.0, 7.0, 7.1])
    assert line.server.gaps[2] > 0.05


@pytest.mark.parametrize(
    ("headers", "hold"), [({}, 1.0), ({"Retry_After": "soon"}, 1.0), ({"Retry_After": "120"}, 120.0)]
)
async def test_a_429_without_a_number_holds_the_queue_for_a_second(headers: Mapping[str, str], hold: float) -> None:
    """A Retry-After up to max_retry_after is waited for; without one it is a second."""
    line = Line(5.0)
    line.server.answers = [answer_of(429, **headers)]

    await line.send()
    await line.send(deadline=None)

    assert line.server.arrivals == [0.0, hold]


async def test_a_volley_of_429_halves_the_rate_once() -> None:
    """Responses to requests that left before the rate was halved do not halve it again."""
    line = Line(8.0, jump=0.0)
    line.server.latency = 5.0
    line.server.answers = [answer_of(429, Retry_After="1") for _ in range(11)]

    volley = asyncio.ensure_future(line.send_many(10))
    for _ in range(65):
        await settle()
        line.clock.advance(0.1)
    await volley
    assert line.limits.rate == 4.0

    late = asyncio.ensure_future(line.send())
    for _ in range(65):
        await settle()
        line.clock.advance(0.1)
    await late
    assert line.limits.rate == 2.0


async def test_the_rate_recovers_step_by_step_up_to_the_given_rate() -> None:
    """A halved rate doubles with 70 requests that waited, and never exceeds the given rate."""
    line = Line(10.0)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()
    assert line.limits.rate == 5.0

    begun = line.clock.now()
    steps: list[float] = []
    while (line.limits.rate or 0.0) < 10.0 and len(steps) < 1000:
        await line.send_many(5)
        steps.append(line.limits.rate or 0.0)

    assert 9.0 < line.clock.now() - begun < 14.0
    assert max(after - before for before, after in pairwise(steps)) < 0.5
    await line.send_many(50)
    assert line.limits.rate == 10.0


async def test_a_high_rate_recovers_by_half_a_request_per_second_with_each_request() -> None:
    """Above 50 requests per second the steps are fixed, since a part of the rate would pass the limit by far."""
    line = Line(400.0)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()
    assert line.limits.rate == 200.0

    await line.send_many(41)
    assert line.limits.rate in {220.0, 220.5}


async def test_the_rate_has_a_floor() -> None:
    """However many 429s there are, a request leaves every ten seconds."""
    line = Line(5.0)
    line.server.answers = [answer_of(429) for _ in range(20)]
    for _ in range(20):
        await line.send()
    assert line.limits.rate == 0.1


async def test_a_rate_that_is_not_used_does_not_grow() -> None:
    """Requests that did not wait give no reason for a higher rate."""
    line = Line(10.0)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()

    for _ in range(50):
        line.clock.advance(10.0)
        await line.send()

    assert line.limits.rate == 5.0


async def test_the_first_429_of_a_client_without_a_rate_sets_one() -> None:
    """The limiter starts at ten requests per second, and grows from there without an upper bound."""
    line = Line(None)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()
    assert line.limits.rate == 10.0

    await line.send_many(100)
    assert line.limits.rate == pytest.approx(10.0 * 1.01**100)


async def test_a_long_retry_after_holds_only_its_own_kind_of_path() -> None:
    """A Retry-After of a day is a quota of one kind of path: others pass, and it is tried again in two minutes."""
    line = Line(None)
    other = reading("/y", "/y")
    line.server.answers = [answer_of(429, Retry_After="86400")]
    assert (await line.send()).status == 429

    await line.send(request=other)
    await line.send(request=reading("/raw?page=1"))
    assert line.server.arrivals == [0.0, 0.0, 0.0]
    assert line.limits.rate is None

    with pytest.raises(DeadlineExceededError) as caught:
        await line.send(deadline=119.0)
    assert caught.value.retry_after == 120.0

    await line.send(deadline=121.0)
    await line.send()
    assert line.server.arrivals[3:] == [120.0, 120.0]


async def test_a_long_retry_after_of_a_request_without_command_holds_its_path() -> None:
    """Without a path template the path itself is the kind, with any query."""
    line = Line(None)
    line.server.answers = [answer_of(429, Retry_After="86400")]
    await line.send(request=reading("/raw?page=1"))

    await line.send(request=reading("/raw?page=2"))
    await line.send(request=reading("/raw/deeper"))

    assert line.server.arrivals == [0.0, 120.0, 120.0]


async def test_a_limit_header_of_zero_is_no_429() -> None:
    """The gateway sends X-Ratelimit-Remaining: 0 with healthy answers."""
    line = Line(None)
    line.server.answers = [answer_of(200, X_Ratelimit_Remaining="0", X_Ratelimit_Limit="0")]

    await line.send()

    assert line.limits.rate is None


async def test_a_hold_refuses_calls_at_once_that_cannot_wait_for_its_end() -> None:
    """A queued call whose turn moves past its deadline fails immediately, and the others move up."""
    line = Line(2.0, jump=0.0)
    line.server.latency = 0.1
    line.server.answers = [answer_of(429, Retry_After="20")]
    first = asyncio.ensure_future(line.send())
    await settle()
    short, long = (asyncio.ensure_future(line.send(deadline=deadline)) for deadline in (10.0, 60.0))
    await settle()

    line.clock.advance(0.1)
    await settle()

    assert first.done()
    assert isinstance(short.exception(), DeadlineExceededError)
    assert line.limits.waiting == 1
    line.clock.advance(20.0)
    await settle()
    line.clock.advance(0.1)
    await settle()
    assert long.result().status == 200


async def test_closing_ends_all_waits_at_once() -> None:
    """Calls that wait for a turn or for their kind of path raise ClientClosedError when the client closes."""
    line = Line(0.01, jump=0.0)
    line.server.answers = [answer_of(429, Retry_After="86400")]
    await line.send(request=reading("/held"))
    sending = [asyncio.ensure_future(line.send()) for _ in range(4)]
    sending.append(asyncio.ensure_future(line.send(request=reading("/held"))))
    await settle()

    line.limits.close()
    await settle()

    assert [type(task.exception()) for task in sending] == [ClientClosedError] * 5
    assert line.clock.pending == 0


async def test_call_that_is_cancelled_at_its_turn_gives_the_turn_back() -> None:
    """A cancellation in the same tick in which the turn came leaves the turn to the next call."""
    line = Line(1.0, jump=0.0)
    await line.send()
    first, second = (asyncio.ensure_future(line.send()) for _ in range(2))
    await settle()

    line.clock.advance(1.0)
    first.cancel()
    await settle()
    line.clock.advance(0.0)
    await settle()

    assert first.cancelled()
    assert second.done()
    assert line.server.arrivals == [0.0, 1.0]


async def test_waiting_for_a_turn_is_part_of_the_attempts_delay() -> None:
    """The time in the queue is what the client waited before the attempt."""
    line = Line(0.5)
    await line.send()
    call = line.call()
    await line.limits(call)
    assert call.delay == 2.0


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_would_never_let_anything_pass_is_refused(make_client: MakeClient, rate: float) -> None:
    """No rate is None, not zero."""
    with pytest.raises(ConfigurationError, match="rate must be above 0"):
        make_client(base_url="https://api.invalid", rate=rate)


async def test_limits_count_attempts_and_not_calls(make_client: MakeClient, sandbox: Sandbox, clock: FakeClock) -> None:
    """A retry waits for its turn like any other attempt."""
    client = make_client(rate=2.0, clock=clock)
    group = sandbox.seed(live=1).groups[0]
    command = fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Answer(503), times=2)
    begun = clock.now()

    await asyncio.gather(client.send(command), client.send(command))

    assert len(sandbox.requests) == 4
    assert clock.now() - begun >= 1.5


async def test_client_with_the_servers_rate_meets_no_429() -> None:
    """With the server's own rate as the client's, nothing is refused."""
    line = Line(40.0)
    server = RateLimit(40.0)

    await line.send_many(1000)

    for arrival in line.server.arrivals:
        server.take(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=arrival))  # or else it raises a Problem


async def test_a_call_that_would_be_too_late_is_not_retried(make_client: MakeClient, sandbox: Sandbox) -> None:
    """A refusal of the limiter is final."""
    client = make_client(rate=0.01, deadline=50.0)
    group = sandbox.seed(live=1).groups[0]
    command = fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)
    await client.send(command)

    with pytest.raises(DeadlineExceededError, match="next turn is in"):
        await client.send(command)

    assert len(sandbox.requests) == 1
    assert client.rate_limiter.waiting == 0


async def test_the_apis_429_is_raised_with_the_limiters_refusal_as_its_cause(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A call that got a 429 and then no turn in time raises the 429, with its status and body."""
    server = await serve(answer(429, {"object": "rate_limit_error", "details": "slow down"}, {"Retry-After": "30"}))
    client = make_client(base_url=server.url, deadline=20.0, clock=clock)

    with pytest.raises(RateLimitedError) as caught:
        await client.send(READ)

    assert (caught.value.code, caught.value.detail) == ("rate_limit_error", "slow down")
    assert caught.value.retry_after == 30.0
    assert clock.sleeps == []


async def test_the_limiters_refusal_is_the_cause_of_an_earlier_429() -> None:
    """The refusal of the second attempt's turn is the reason why the call ended with its 429."""
    line = Line(0.1, jump=0.0)
    line.server.latency = 1.0
    line.server.answers = [answer_of(429, Retry_After="1")]
    call = line.call(deadline=15.0)
    task = asyncio.ensure_future(Retry(line.limits, RetryBudget(20.0, 2.0))(call))
    other = asyncio.ensure_future(line.send())
    await settle()

    line.clock.advance(1.0)
    await settle()
    other.cancel()

    assert task.result().status == 429
    assert isinstance(call.stop_reason, DeadlineExceededError)
    assert "next turn is in" in call.stop_reason.message
