"""The retry decisions: every cell of the table, by itself and over a socket."""

import asyncio
import ssl
from typing import Any, Final

import pytest
from multidict import CIMultiDict
from support.examples import BARE, BARE_BODY, BY_GUARD, JOB, KEYED, LOCATION, READ, RUN_BODY, TAGGED, failure, free_port
from support.fake_clock import FakeClock
from support.fixture_types import Certify, MakeClient, Serve
from support.raw_server import Step, answer, close, hang, raw, reset

from fieldingkit.commands import Command
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    ConnectionFailedError,
    DecodeError,
    FieldingKitError,
    InvalidCommandError,
    RequestTimeoutError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.http import Response
from fieldingkit.transport.retry import RetryDecision, decide
from fieldingkit.transport.retry_policy import RetryPolicy

AGAIN: Final = RetryDecision(retry=True, ambiguous=False)
AGAIN_PERHAPS_DONE: Final = RetryDecision(retry=True, ambiguous=True)
NEVER: Final = RetryDecision(retry=False, ambiguous=False)
NEVER_PERHAPS_DONE: Final = RetryDecision(retry=False, ambiguous=True)

COLUMNS: Final = (RetrySafety.READ, RetrySafety.IDEMPOTENCY_KEY, RetrySafety.IF_MATCH, RetrySafety.NONE)
SAFE: Final = (AGAIN, AGAIN, AGAIN, AGAIN)
FINAL: Final = (NEVER, NEVER, NEVER, NEVER)
UNREPEATED: Final = (NEVER, NEVER_PERHAPS_DONE, NEVER_PERHAPS_DONE, NEVER_PERHAPS_DONE)
UNCERTAIN: Final = (AGAIN, AGAIN_PERHAPS_DONE, AGAIN_PERHAPS_DONE, NEVER_PERHAPS_DONE)

Outcome = Response | TransportError


def status(code: int, **headers: str) -> Response:
    """An answer."""
    return Response(code, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), b"{}")


TABLE: Final[dict[str, tuple[Outcome, tuple[RetryDecision, ...]]]] = {
    "nothing sent": (ConnectionFailedError("refused", sent=False), SAFE),
    "certificate": (ConnectionFailedError("untrusted", sent=False, retryable=False), FINAL),
    "no token yet": (failure(sent=False), SAFE),
    "broken after sending": (failure(sent=True), UNCERTAIN),
    "timed out after sending": (RequestTimeoutError("late", sent=True), UNCERTAIN),
    "429": (status(429), SAFE),
    "408": (status(408), UNCERTAIN),
    "500": (status(500), UNCERTAIN),
    "502": (status(502), UNCERTAIN),
    "503": (status(503), UNCERTAIN),
    "503 with Retry-After": (status(503, Retry_After="1"), UNCERTAIN),
    "504": (status(504), UNCERTAIN),
    **{
        f"{code} of a gateway": (status(code), UNCERTAIN) for code in (460, 499, 507, 520, 524, 527, 530, 598, 599, 600)
    },
    **{f"{code} without a verdict": (status(code), UNREPEATED) for code in (0, 101, 300, 301, 303, 304, 501, 505)},
    **{str(code): (status(code), FINAL) for code in (400, 401, 403, 404, 405, 409, 410, 412, 422, 451)},
    **{f"{code} with Retry-After": (status(code, Retry_After="1"), FINAL) for code in (400, 403, 409, 412, 422)},
}
CELLS: Final = [
    pytest.param(retry_safety, outcome, decision, id=f"{row}-{retry_safety.name}")
    for row, (outcome, verdicts) in TABLE.items()
    for retry_safety, decision in zip(COLUMNS, verdicts, strict=True)
]


@pytest.mark.parametrize(("retry_safety", "outcome", "decision"), CELLS)
def test_decision_after_the_first_attempt(retry_safety: RetrySafety, outcome: Outcome, decision: RetryDecision) -> None:
    """The decision after the first attempt of a call is the table's."""
    assert decide(retry_safety, outcome, was_ambiguous=False) == decision


@pytest.mark.parametrize(("retry_safety", "outcome", "decision"), CELLS)
def test_decision_after_an_ambiguous_attempt(
    retry_safety: RetrySafety, outcome: Outcome, decision: RetryDecision
) -> None:
    """After an ambiguous attempt only two cells differ: a tag allows one retry, a key waits for its first."""
    if retry_safety is RetrySafety.IF_MATCH and decision == AGAIN_PERHAPS_DONE:
        decision = NEVER_PERHAPS_DONE
    if retry_safety is RetrySafety.IDEMPOTENCY_KEY and isinstance(outcome, Response) and outcome.status == 409:
        decision = AGAIN
    assert decide(retry_safety, outcome, was_ambiguous=True) == decision


@pytest.mark.parametrize("code", [400, 401, 403, 404, 412, 422])
def test_retry_after_does_not_make_a_status_retryable(code: int) -> None:
    """A Retry-After never makes a status retryable that is not."""
    for retry_safety in COLUMNS:
        assert decide(retry_safety, status(code, Retry_After="0"), was_ambiguous=False) == NEVER


# Over a socket. Each row: what the server always does, and how often each guard lets it happen of four times.

STEPS: Final[dict[str, tuple[Step, tuple[int, int, int, int]]]] = {
    "closed": (close, (4, 4, 2, 1)),
    "reset": (reset, (4, 4, 2, 1)),
    "garbage": (raw(b"\x16\x03\x01\x02\x00\r\n\r\n"), (4, 4, 2, 1)),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), (4, 4, 2, 1)),
    "timeout": (hang, (4, 4, 2, 1)),
    "429": (answer(429), (4, 4, 4, 4)),
    "408": (answer(408), (4, 4, 2, 1)),
    "500": (answer(500), (4, 4, 2, 1)),
    "502": (answer(502), (4, 4, 2, 1)),
    "503": (answer(503), (4, 4, 2, 1)),
    "503 with Retry-After": (answer(503, headers={"Retry-After": "1"}), (4, 4, 2, 1)),
    "504": (answer(504), (4, 4, 2, 1)),
    **{str(code): (answer(code), (4, 4, 2, 1)) for code in (499, 520, 524, 598, 599)},
    **{str(code): (answer(code), (1, 1, 1, 1)) for code in (301, 303, 501, 505)},
    **{str(code): (answer(code), (1, 1, 1, 1)) for code in (400, 403, 404, 409, 412, 422)},
    "412 with Retry-After": (answer(412, headers={"Retry-After": "1"}), (1, 1, 1, 1)),
}
SENDS: Final = [
    pytest.param(row, step, retry_safety, times, id=f"{row}-{retry_safety.name}")
    for row, (step, sends) in STEPS.items()
    for retry_safety, times in zip(COLUMNS, sends, strict=True)
]
SILENT: Final = {"closed", "reset", "garbage", "half a head", "timeout"}
HARMLESS: Final = {"429", "400", "403", "404", "409", "412", "422", "412 with Retry-After"}


@pytest.mark.parametrize(("row", "step", "retry_safety", "times"), SENDS)
async def test_sends_over_a_socket_follow_the_decisions(
    *,
    row: str,
    step: Step,
    retry_safety: RetrySafety,
    times: int,
    serve: Serve,
    make_client: MakeClient,
    clock: FakeClock,
) -> None:
    """Over a socket each outcome is retried as often as the retry safety allows, and the error carries all facts."""
    server = await serve(step)
    client = make_client(
        base_url=server.url,
        clock=clock,
        timeout=0.75 if row == "timeout" else 30,
        deadline=None,  # while one runs, a 429 would not count
        retry=RetryPolicy(max_attempts=4),
    )

    with pytest.raises(FieldingKitError) as caught:
        await client.send(BY_GUARD[retry_safety])

    error = caught.value
    perhaps = retry_safety is not RetrySafety.READ and row not in HARMLESS
    assert len(server.requests) == len(error.attempts) == times
    assert error.maybe_applied is perhaps
    assert isinstance(error, TransportError if row in SILENT else ApiError)
    if row in SILENT and perhaps:
        assert type(error) is AmbiguousOutcomeError


@pytest.mark.parametrize("retry_safety", COLUMNS)
async def test_refused_connection_is_retried_for_every_call(
    retry_safety: RetrySafety, make_client: MakeClient, clock: FakeClock
) -> None:
    """A refused connection is retried for every kind of call: nothing was sent."""
    client = make_client(base_url=f"http://127.0.0.1:{free_port()}/v1", clock=clock)

    with pytest.raises(ConnectionFailedError) as caught:
        await client.send(BY_GUARD[retry_safety])

    assert len(caught.value.attempts) == 4
    assert not caught.value.sent
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("retry_safety", COLUMNS)
async def test_interrupted_tls_handshake_is_retried_for_every_call(
    retry_safety: RetrySafety, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """An interrupted TLS handshake is retried for every kind of call: nothing was sent."""
    server = await serve(hang)
    plain = server.url.replace("http://", "https://")  # it answers the greeting with nothing that is TLS
    client = make_client(base_url=plain, clock=clock, timeout=0.05)

    with pytest.raises(TransportError) as caught:
        await client.send(BY_GUARD[retry_safety])

    assert len(caught.value.attempts) == 4
    assert not caught.value.sent
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("retry_safety", COLUMNS)
async def test_server_without_tls_is_retried_for_every_call(
    retry_safety: RetrySafety, make_client: MakeClient, clock: FakeClock
) -> None:
    """A server that does not speak TLS is retried for every kind of call: nothing was sent."""
    async with _NotTls() as url:
        client = make_client(base_url=url, clock=clock)

        with pytest.raises(ConnectionFailedError) as caught:
            await client.send(BY_GUARD[retry_safety])

    assert len(caught.value.attempts) == 4
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("retry_safety", COLUMNS)
@pytest.mark.parametrize("fault", ["unknown authority", "wrong host", "expired"])
async def test_untrusted_certificate_is_final(
    *,
    retry_safety: RetrySafety,
    fault: str,
    serve: Serve,
    make_client: MakeClient,
    clock: FakeClock,
    certified: Certify,
    trusting: ssl.SSLContext,
) -> None:
    """A certificate that is not trusted is final: one attempt, nothing sent, and the error says certificate."""
    tls = certified("example.org" if fault == "wrong host" else "localhost", expired=fault == "expired")
    server = await serve(answer(200, RUN_BODY), tls=tls)
    trust = None if fault == "unknown authority" else trusting
    client = make_client(base_url=server.url, clock=clock, ssl_context=trust)

    with pytest.raises(ConnectionFailedError, match="certificate") as caught:
        await client.send(BY_GUARD[retry_safety])

    assert len(caught.value.attempts) == 1
    assert not caught.value.retryable
    assert server.requests == []


async def test_trusted_certificate_lets_the_call_through(
    serve: Serve, make_client: MakeClient, certified: Certify, trusting: ssl.SSLContext
) -> None:
    """A trusted certificate lets the call through, which shows that the refusals above mean something."""
    server = await serve(answer(200, RUN_BODY), tls=certified())
    run = await make_client(base_url=server.url, ssl_context=trusting).send(READ)
    assert run.version == 1


@pytest.mark.parametrize("value", [object(), b"x", {1, 2}, float("nan"), float("inf"), "\ud800", {(): 1}])
async def test_body_that_cannot_be_encoded_is_not_sent(value: object, serve: Serve, make_client: MakeClient) -> None:
    """A body that cannot be encoded is refused before anything is sent."""
    server = await serve(answer(200))
    client = make_client(base_url=server.url)

    with pytest.raises(InvalidCommandError) as caught:
        await client.request("POST", "/things", json={"when": value})

    assert caught.value.field == "json"
    assert server.requests == []


SUCCESSES: Final[list[tuple[Command[Any], Step]]] = [
    (READ, answer(200, RUN_BODY)),
    (KEYED, answer(201, headers={"Location": LOCATION})),
    (TAGGED, answer(204, headers={"ETag": 'W/"2"'})),
    (BARE, answer(200, BARE_BODY)),
]


@pytest.mark.parametrize(("command", "success"), SUCCESSES, ids=lambda value: getattr(value, "__name__", None))
async def test_successful_retry_is_a_success_with_both_attempts(
    command: Command[Any], success: Step, serve: Serve, make_client: MakeClient
) -> None:
    """A call whose retry succeeds is a success, and its response lists both attempts."""
    server = await serve(answer(429), success)
    client = make_client(base_url=server.url, clock=FakeClock())

    exchange = await client.send_detailed(command)

    assert [attempt.status for attempt in exchange.attempts] == [429, exchange.status]


UNREADABLE: Final[list[tuple[Command[Any], Step]]] = [
    (READ, answer(200, b"{", {"ETag": 'W/"9"', "Location": "/x"})),
    (TAGGED, answer(200, b"[]", {"ETag": 'W/"9"', "Location": "/x"})),
    (BARE, answer(200, b"\xff", {"ETag": 'W/"9"', "Location": "/x"})),
]


@pytest.mark.parametrize(("command", "step"), UNREADABLE, ids=["READ", "TAG", "NONE"])
async def test_undecodable_success_is_never_sent_again(
    command: Command[Any], step: Step, serve: Serve, make_client: MakeClient
) -> None:
    """A 2xx that cannot be decoded raises DecodeError with status, ETag and Location, and is never sent again."""
    server = await serve(step)

    with pytest.raises(DecodeError) as caught:
        await make_client(base_url=server.url).send(command)

    error = caught.value
    assert (error.status, error.headers["etag"], error.headers["location"]) == (200, 'W/"9"', "/x")
    assert len(server.requests) == 1
    assert error.maybe_applied is (command is not READ)


async def test_job_is_accepted_despite_an_unreadable_body(serve: Serve, make_client: MakeClient) -> None:
    """A job whose acceptance has an unreadable body is accepted: only the Location counts."""
    server = await serve(answer(201, b"<created>", {"Location": LOCATION}))
    accepted = await make_client(base_url=server.url).send(KEYED)
    assert accepted.job_id == JOB


class _NotTls:
    """A server that greets with something else than TLS as soon as it is connected to."""

    async def __aenter__(self) -> str:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example.org ESMTP\r\n")
            await writer.drain()
            writer.close()

        self._server = await asyncio.start_server(greet, "127.0.0.1", 0)
        return f"https://localhost:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
