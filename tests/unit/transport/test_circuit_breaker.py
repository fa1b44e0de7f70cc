"""A server that stops talking is left alone for a while."""

import asyncio
from unittest.mock import Mock

import pytest
from multidict import CIMultiDict
from support.examples import READ, RUN_BODY, TAGGED, failure
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close, hang

from fieldingkit import AsyncClient
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    Attempt,
    CircuitOpenError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.circuit_breaker import Breaker, is_silence
from fieldingkit.transport.credentials import AccessToken
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.retry import RetryPolicy

REQUEST = Request("GET", "/x", headers={}, body=None, operation_id="read", template="/x", retry_safety=RetrySafety.READ)
FINE = Response(200, CIMultiDict(), b"{}")
ONCE = RetryPolicy(max_attempts=1, breaker_after=3, breaker_pause=4)


def status(code: int, body: bytes = b"") -> Response:
    """An answer."""
    return Response(code, CIMultiDict(), body)


SILENCE = {
    "no connection": ConnectionFailedError("refused", sent=False),
    "broken": failure(sent=True),
    "time-out": RequestTimeoutError("late"),
    "nothing in a 500": status(500),
    "a gateway's page": status(502, b"<html>Bad gateway</html>"),
    "a gateway's JSON": status(503, b'{"error": "no upstream"}'),
    "a list": status(504, b"[]"),
}
SPEECH = {
    "success": FINE,
    "a redirect": status(301),
    **{str(code): status(code) for code in (400, 401, 403, 404, 408, 409, 412, 422, 429)},
    "the API's own 500": status(500, b'{"object": "unexpected_internal_error", "detail": "oops"}'),
    "the API's own 503": status(503, b'{"object": "unexpected_internal_error", "detail": "busy"}'),
    "a certificate": ConnectionFailedError("untrusted", sent=False, retryable=False),
}


@pytest.mark.parametrize("name", SILENCE)
def test_silence(name: str) -> None:
    """No answer is silence, and so is a 5xx that a gateway made up in the API's place."""
    assert is_silence(SILENCE[name])


@pytest.mark.parametrize("name", SPEECH)
def test_speech(name: str) -> None:
    """An answer of the API is no silence, whatever it says; nor is a failure that has to do with us."""
    assert not is_silence(SPEECH[name])


async def fail(client: AsyncClient, times: int) -> None:
    """Make calls that have no answer."""
    for _ in range(times):
        with pytest.raises(TransportError):
            await client.send(READ)


async def test_fails_fast(serve: Serve, make_client: MakeClient) -> None:
    """After so many failures in a row a call fails at once, without a request, and says for how long."""
    server = await serve(close)
    clock = FakeClock(jump=0)
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    await fail(client, 3)

    with pytest.raises(CircuitOpenError, match="did not answer 3 times in a row") as caught:
        await client.send(TAGGED)

    assert len(server.requests) == 3
    assert caught.value.attempts == ()
    assert 2.0 <= caught.value.retry_after <= 4.0
    assert (caught.value.sent, caught.value.maybe_applied, caught.value.retryable) == (False, False, True)


async def _break(request: Request, call: Call) -> Response:
    """A transport that only fails."""
    del request
    call.attempts.append(Attempt(1, None, "OSError", sent=True, started=0, duration=0, delay=0))
    raise failure(sent=True)


async def test_pause_has_jitter() -> None:
    """The pause is drawn from the upper half of what the policy allows, anew each time."""
    pauses = set()
    for _ in range(50):
        breaker = Breaker(_break, after=1, pause=10)
        call = Call(FakeClock(), timeout=None, deadline=None)
        with pytest.raises(TransportError):
            await breaker(REQUEST, call)
        with pytest.raises(CircuitOpenError) as caught:
            await breaker(REQUEST, call)
        pauses.add(caught.value.retry_after)
    assert len(pauses) == 50
    assert min(pauses) >= 5.0
    assert max(pauses) <= 10.0


async def test_one_probe(serve: Serve, make_client: MakeClient) -> None:
    """After the pause one call finds out, while all others still fail at once; if it is well, all may pass again."""
    let_go = asyncio.Event()

    async def think(connection: object) -> None:
        await let_go.wait()
        await answer(200, RUN_BODY)(connection)

    server = await serve(close, close, close, think, answer(200, RUN_BODY))
    clock = FakeClock(jump=0)
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    await fail(client, 3)

    clock.advance(4.0)
    calls = [asyncio.create_task(client.send(READ)) for _ in range(20)]
    refused, _ = await asyncio.wait(calls[1:])
    assert all(isinstance(call.exception(), CircuitOpenError) for call in refused)
    let_go.set()
    await calls[0]
    await client.send(READ)

    assert len(server.requests) == 3 + 1 + 1


async def test_probe_that_fails(serve: Serve, make_client: MakeClient) -> None:
    """If the probe fails too, the server is left alone for another while."""
    server = await serve(close)
    clock = FakeClock(jump=0)
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    await fail(client, 3)

    clock.advance(4.0)
    await fail(client, 1)
    with pytest.raises(CircuitOpenError):
        await client.send(READ)

    assert len(server.requests) == 4


async def test_late_failures(serve: Serve, make_client: MakeClient) -> None:
    """Calls that were under way when the server was given up do not prolong the pause when they fail too."""
    clock = FakeClock(jump=0)
    let_go = asyncio.Event()

    async def linger(connection: Connection) -> None:
        await let_go.wait()
        connection.close()

    server = await serve(*[linger] * 5, answer(200, RUN_BODY))
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    calls = [asyncio.create_task(client.send(READ)) for _ in range(5)]
    while len(server.requests) < 5:
        await asyncio.sleep(0.001)
    pauses = iter([0.5, 1000.0, 1000.0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fieldingkit.transport.circuit_breaker.random", Mock(uniform=lambda *_: next(pauses)))
        let_go.set()
        await asyncio.gather(*calls, return_exceptions=True)
    clock.advance(2.0)

    assert (await client.send(READ)).version == 1


async def test_probe_that_is_cancelled(serve: Serve, make_client: MakeClient) -> None:
    """A probe that is cancelled leaves its place to the next call."""
    server = await serve(close, close, close, hang, answer(200, RUN_BODY))
    clock = FakeClock(jump=0)
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    await fail(client, 3)
    clock.advance(4.0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.send(READ)

    assert (await client.send(READ)).version == 1


async def test_call_under_way(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A call that was sent before ends with what happened to it; that the server is left alone is the cause."""
    server = await serve(close)
    policy = RetryPolicy(max_attempts=5, breaker_after=2)
    client = make_client(base_url=server.url, retry=policy, clock=clock)
    await fail(client, 1)

    server.requests.clear()
    clock.advance(10)
    with pytest.raises(AmbiguousOutcomeError, match="broke") as caught:
        await client.send(TAGGED)

    assert isinstance(caught.value.__cause__, CircuitOpenError)
    assert len(server.requests) == len(caught.value.attempts) == 1
    assert caught.value.maybe_applied


async def test_gateways_page(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A gateway's error pages open the circuit like silence does; the error keeps the page."""
    server = await serve(answer(502, b"<h1>Bad gateway</h1>"))
    client = make_client(base_url=server.url, retry=RetryPolicy(breaker_after=2), clock=clock)

    with pytest.raises(ServerError) as caught:
        await client.send(READ)

    assert isinstance(caught.value.__cause__, CircuitOpenError)
    assert caught.value.body == b"<h1>Bad gateway</h1>"
    assert len(server.requests) == 2


async def test_only_failures_in_a_row_count(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Any answer of the API in between begins the count anew, a refusal included."""
    server = await serve(close, close, answer(404), close, close, answer(404), close, close, answer(404))
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    for _ in range(3):
        await fail(client, 2)
        with pytest.raises(NotFoundError):
            await client.send(READ)
    assert len(server.requests) == 9


async def test_refusals_never_count(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """However often the API says no, it is asked again."""
    server = await serve(answer(404))
    client = make_client(base_url=server.url, retry=ONCE, clock=clock)
    for _ in range(20):
        with pytest.raises(NotFoundError):
            await client.send(READ)
    assert len(server.requests) == 20


async def test_hurry_is_no_silence(serve: Serve, make_client: MakeClient) -> None:
    """Calls whose deadline is too short say nothing about the server."""
    server = await serve(hang)
    client = make_client(base_url=server.url, retry=ONCE, deadline=0.02, timeout=30)
    for _ in range(5):
        with pytest.raises(DeadlineExceededError):
            await client.send(READ)


async def test_no_token_is_no_silence(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A token endpoint that does not answer says nothing about the API, however many calls wait for it."""

    class Tokens:
        good = False

        async def fetch(self, http: object) -> AccessToken:
            del http
            if self.good:
                return AccessToken("token")
            raise failure(sent=False)

    tokens = Tokens()
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url, auth=tokens, retry=ONCE, clock=clock)
    await fail(client, 5)

    tokens.good = True
    assert (await client.send(READ)).version == 1


async def test_off(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """With breaker_after=None the server is asked however often it was silent."""
    server = await serve(close)
    client = make_client(base_url=server.url, retry=RetryPolicy(max_attempts=1, breaker_after=None), clock=clock)
    await fail(client, 30)
    assert len(server.requests) == 30


async def test_default(serve: Serve, make_client: MakeClient) -> None:
    """By default it takes ten failures in a row, more than the attempts of any one call."""
    server = await serve(close)
    client = make_client(base_url=server.url, clock=FakeClock(jump=0), retry=RetryPolicy(max_attempts=1))
    await fail(client, 10)
    with pytest.raises(CircuitOpenError):
        await client.send(READ)
    assert RetryPolicy().breaker_after == 10 > RetryPolicy().max_attempts


@pytest.mark.parametrize("value", [0, -1])
def test_bad_threshold(value: int) -> None:
    """A circuit that is never closed is refused."""
    with pytest.raises(ConfigurationError, match="breaker_after"):
        RetryPolicy(breaker_after=value)
