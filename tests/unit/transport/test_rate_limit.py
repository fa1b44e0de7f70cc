"""The limiter: one line for all calls of a client, and what a 429 does to it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from multidict import CIMultiDict
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient

from fieldingkit import fielding_runs
from fieldingkit.errors import ConfigurationError, DeadlineExceededError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.app import RateLimit
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.rate_limit import RateLimiter

REQUEST = Request("GET", "/x", headers={}, body=None, operation_id="x", template="/x", retry_safety=RetrySafety.READ)


class Server:
    """Takes requests in the place of the transports below; notes when, and answers what it is told."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.arrivals: list[float] = []
        self.limits: list[float | None] = []
        self.answers: list[Response] = []
        self.latency = 0.0

    async def __call__(self, call: Call) -> Response:
        """Answer the next of the answers, or 200."""
        self.arrivals.append(self.clock.now() - 1000.0)
        self.limits.append(call.allowance(self.clock.now())[0])
        answer = self.answers.pop(0) if self.answers else answer_of(200)
        if self.latency:
            await self.clock.sleep(self.latency)
        return answer

    @property
    def gaps(self) -> list[float]:
        """The times between one arrival and the next."""
        return [round(after - before, 6) for before, after in pairwise(self.arrivals)]


def answer_of(status: int, **headers: str) -> Response:
    """An answer without a body."""
    return Response(status, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), b"")


class Line:
    """A limiter before a server, by a clock that the test moves, or that jumps."""

    def __init__(self, rate: float | None, *, jump: float = float("inf")) -> None:
        self.clock = FakeClock(jump=jump)
        self.server = Server(self.clock)
        self.limits = RateLimiter(self.server, rate)

    def call(self, *, deadline: float | None = None, timeout: float | None = 30.0) -> Call:
        """The facts of one call."""
        return Call(REQUEST, clock=self.clock, timeout=timeout, deadline=deadline)

    async def send(self, **options: Any) -> Response:
        """Send one request."""
        return await self.limits(self.call(**options))

    async def send_many(self, count: int, **options: Any) -> list[Response]:
        """Send many at once."""
        return await asyncio.gather(*(self.send(**options) for _ in range(count)))


async def test_without_a_rate_and_a_429_nothing_waits_and_no_timer_is_set() -> None:
    """Without a rate there is no line."""
    line = Line(None)

    await line.send_many(100)

    assert line.server.arrivals == [0.0] * 100
    assert (line.limits.rate, line.limits.waiting, line.limits.delay, line.clock.waits) == (None, 0, 0.0, [])


async def test_requests_leave_evenly_and_in_the_order_they_came() -> None:
    """The rate is never exceeded, not at the beginning either, and nobody overtakes."""
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
    """A loop that was blocked does not send everything at once that should have left meanwhile."""
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


async def test_the_state_of_the_line_can_be_seen() -> None:
    """Rate, waiting and delay tell how it stands."""
    line = Line(4.0, jump=0.0)
    sending = asyncio.ensure_future(line.send_many(5))
    await settle()

    assert (line.limits.rate, line.limits.waiting, line.limits.delay) == (4.0, 4, 1.25)

    line.clock.advance(2.0)
    await settle()
    await sending
    assert (line.limits.waiting, line.limits.delay) == (0, 0.0)


async def test_waiting_for_a_turn_does_not_count_against_the_attempt() -> None:
    """An attempt has its whole time-out, however long its turn took to come."""
    line = Line(0.1)

    await line.send_many(3, timeout=5.0, deadline=None)

    assert line.server.limits == [5.0, 5.0, 5.0]


async def test_a_turn_that_cannot_come_before_the_deadline_is_refused_at_once() -> None:
    """There is no sense in waiting for what will be too late."""
    line = Line(2.0, jump=0.0)
    others = asyncio.ensure_future(line.send_many(5))
    await settle()

    with pytest.raises(DeadlineExceededError) as caught:
        await line.send(deadline=2.4)

    assert (caught.value.sent, caught.value.retryable, caught.value.retry_after) == (False, True, 2.5)
    assert "4 requests are waiting" in str(caught.value)
    others.cancel()
    with pytest.raises(asyncio.CancelledError):
        await others


async def test_who_leaves_the_line_makes_room() -> None:
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
    """Nobody sends while one of them was told to wait, and nobody sends in a burst after it."""
    line = Line(None)
    line.server.answers = [answer_of(429, Retry_After="7")]

    await line.send()
    await line.send_many(3)

    assert line.server.arrivals[:3] == pytest.approx([0.0, 7.0, 7.1])
    assert line.server.gaps[2] > 0.05


@pytest.mark.parametrize(
    ("headers", "hold"), [({}, 1.0), ({"Retry_After": "soon"}, 1.0), ({"Retry_After": "86400"}, 300.0)]
)
async def test_a_429_holds_the_line_for_a_sensible_time_in_any_case(headers: Mapping[str, str], hold: float) -> None:
    """Without a number it is a second; a day would be as good as never."""
    line = Line(5.0)
    line.server.answers = [answer_of(429, **headers)]

    await line.send()
    await line.send(deadline=None)

    assert line.server.arrivals == [0.0, hold]


async def test_a_volley_of_429_halves_the_rate_once() -> None:
    """Answers to requests that left before the speed was halved do not halve it again."""
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


async def test_the_rate_comes_back_step_by_step_and_no_further_than_it_was_set() -> None:
    """After it was halved it takes some twenty seconds of work to be what it was."""
    line = Line(10.0)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()
    assert line.limits.rate == 5.0

    begun = line.clock.now()
    steps: list[float] = []
    while line.limits.rate < 10.0 and len(steps) < 1000:
        await line.send_many(5)
        steps.append(line.limits.rate)

    assert 18.0 < line.clock.now() - begun < 25.0
    assert max(after - before for before, after in pairwise(steps)) < 0.3
    await line.send_many(50)
    assert line.limits.rate == 10.0


async def test_a_rate_that_nobody_needs_does_not_grow() -> None:
    """Requests that did not have to wait say nothing about a faster line."""
    line = Line(10.0)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()

    for _ in range(50):
        line.clock.advance(10.0)
        await line.send()

    assert line.limits.rate == 5.0


async def test_a_rate_that_was_only_learned_grows_fast_at_first_and_is_forgotten_in_the_end() -> None:
    """A single 429 does not slow a client down for ever."""
    line = Line(None)
    line.server.answers = [answer_of(429, Retry_After="1")]
    await line.send()
    assert line.limits.rate == 10.0

    begun = line.clock.now()
    await line.send_many(100)
    assert line.limits.rate == pytest.approx(110.0)
    assert line.clock.now() - begun < 4.0

    line.clock.advance(301.0)
    await line.send()
    assert line.limits.rate is None


async def test_a_limit_header_of_zero_is_no_429() -> None:
    """The gateway sends X-Ratelimit-Remaining: 0 with healthy answers."""
    line = Line(None)
    line.server.answers = [answer_of(200, X_Ratelimit_Remaining="0", X_Ratelimit_Limit="0")]

    await line.send()

    assert line.limits.rate is None


async def test_a_hold_tells_those_at_once_who_cannot_wait_for_its_end() -> None:
    """Whoever stands in the line and will be too late hears so when it is known, and the others move up."""
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


async def test_closing_lets_everybody_go() -> None:
    """A client that is closed leaves nobody in the line."""
    line = Line(0.01, jump=0.0)
    sending = asyncio.ensure_future(line.send_many(4))
    await settle()

    line.limits.close()
    await settle()

    assert sending.done()
    assert line.clock.pending == 0


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_would_never_let_anything_pass_is_refused(make_client: MakeClient, rate: float) -> None:
    """No rate at all is None, not zero."""
    with pytest.raises(ConfigurationError, match="rate must be above 0"):
        make_client(base_url="https://api.invalid", rate=rate)


async def test_limits_count_attempts_and_not_calls(make_client: MakeClient, sandbox: Sandbox, clock: FakeClock) -> None:
    """A retry waits for its turn like everything else."""
    client = make_client(rate=2.0, clock=clock)
    group = sandbox.seed(live=1).groups[0]
    command = fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Answer(503), times=2)
    begun = clock.now()

    await asyncio.gather(client.send(command), client.send(command))

    assert len(sandbox.requests) == 4
    assert clock.now() - begun >= 1.5


async def test_a_client_that_was_told_the_servers_rate_meets_no_429() -> None:
    """With the server's own rate as the client's, nothing is refused."""
    line = Line(40.0)
    server = RateLimit(40.0)

    await line.send_many(1000)

    for arrival in line.server.arrivals:
        server.take(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=arrival))  # or else it raises a Problem


async def test_a_call_that_would_be_too_late_is_not_tried_again(make_client: MakeClient, sandbox: Sandbox) -> None:
    """The deadline does not come back, so the line is not asked a second time."""
    client = make_client(rate=0.5, deadline=1.0)
    group = sandbox.seed(live=1).groups[0]
    command = fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)
    await client.send(command)

    with pytest.raises(DeadlineExceededError, match="its turn would come in"):
        await client.send(command)

    assert len(sandbox.requests) == 1
    assert client.rate_limiter.waiting == 0
