"""The aiohttp transport: waits for the pool, reuse of connections, statuses of proxies, event loops and closing."""

import asyncio
import ssl
from typing import Any

import pytest
from support.examples import READ, RUN_BODY, TAGGED
from support.fake_clock import settle
from support.fixture_types import Certify, MakeClient, Serve
from support.raw_server import Connection, RawServer, answer, hang

from fieldingkit import RetryPolicy
from fieldingkit.errors import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    PreconditionFailedError,
)

ONCE = RetryPolicy(max_attempts=1)


# The connection pool


async def test_waiting_for_the_pool_is_not_part_of_the_timeout(serve: Serve, make_client: MakeClient) -> None:
    """A call that waits for a connection longer than its timeout succeeds; the timeout starts with the connection."""
    released = asyncio.Event()

    async def hold(connection: Connection) -> None:
        await released.wait()
        await answer(200, RUN_BODY)(connection)

    server = await serve(hold, answer(200, RUN_BODY))
    client = make_client(base_url=server.url, connector_limit=1, timeout=None, retry=ONCE)
    first = asyncio.create_task(client.send(READ))
    while not server.requests:
        await asyncio.sleep(0.001)
    second = asyncio.create_task(client.with_options(timeout=3.0).send_detailed(READ))
    asyncio.get_running_loop().call_later(3.1, released.set)
    await first

    (attempt,) = (await second).attempts

    assert server.connections == 1
    assert attempt.started > 3.0
    assert attempt.duration < 3.0


async def test_the_deadline_bounds_the_wait_for_the_pool(serve: Serve, make_client: MakeClient) -> None:
    """A call that gets no connection before its deadline fails without having sent anything."""
    server = await serve(hang)
    client = make_client(base_url=server.url, connector_limit=1, timeout=None, deadline=None, retry=ONCE)
    first = asyncio.create_task(client.send(READ))
    while not server.requests:
        await asyncio.sleep(0.001)

    with pytest.raises(DeadlineExceededError, match="no free connection") as caught:
        await client.with_options(deadline=0.1).send(TAGGED)

    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)
    assert len(server.requests) == 1
    assert not first.done()
    first.cancel()
    await asyncio.wait([first])


async def test_a_timeout_still_bounds_an_attempt(serve: Serve, make_client: MakeClient) -> None:
    """A call that has its connection ends at its timeout, and frees the connection for the next one."""
    server = await serve(hang, answer(200, RUN_BODY))
    client = make_client(base_url=server.url, connector_limit=1, timeout=0.2)

    exchange = await client.send_detailed(READ)

    assert exchange.result.version == 1
    assert [attempt.status for attempt in exchange.attempts][:1] == [None]
    assert len(server.requests) == len(exchange.attempts) > 1


# Unread input


class Stray:
    """A step that answers, and a response that the server sends later without a request."""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    async def __call__(self, connection: Connection) -> None:
        """Answer, and remember the connection."""
        self.connection = connection
        await answer(200, RUN_BODY)(connection)

    def send(self) -> None:
        """Send a 204 without a request."""
        assert self.connection is not None
        self.connection.writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("rounds", [0, 20], ids=["in the socket", "read by the event loop"])
async def test_a_connection_with_unread_input_is_not_reused(
    rounds: int, serve: Serve, make_client: MakeClient, certified: Certify, trusting: ssl.SSLContext, *, tls: bool
) -> None:
    """A stray response on a kept connection is never taken for the response of the next request."""
    stray = Stray()
    server = await serve(stray, answer(412), tls=certified() if tls else None)
    client = make_client(base_url=server.url, ssl_context=trusting)
    await client.send(READ)

    stray.send()
    await settle(rounds)
    with pytest.raises(PreconditionFailedError):
        await client.send(TAGGED)

    assert server.connections == 2


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_an_idle_connection_is_reused(
    serve: Serve, make_client: MakeClient, certified: Certify, trusting: ssl.SSLContext, *, tls: bool
) -> None:
    """A kept connection without input is reused."""
    server = await serve(answer(200, RUN_BODY), tls=certified() if tls else None)
    client = make_client(base_url=server.url, ssl_context=trusting)
    for _ in range(3):
        await client.send(READ)
    assert server.connections == 1


async def test_an_idle_connection_is_kept_for_keepalive_timeout(serve: Serve, make_client: MakeClient) -> None:
    """A connection that was idle for longer than ``keepalive_timeout`` is not reused."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url, keepalive_timeout=0.01)
    await client.send(READ)
    await asyncio.sleep(0.05)
    await client.send(READ)
    assert server.connections == 2


async def test_connect_timeout_bounds_the_connection(make_client: MakeClient) -> None:
    """A server that accepts a connection and never answers the TLS handshake fails after ``connect_timeout``."""
    async with RawServer(answer(200)) as server:  # it speaks no TLS
        client = make_client(base_url=f"https://localhost:{server.port}/v1", connect_timeout=0.1, retry=ONCE)
        with pytest.raises(ConnectionFailedError, match="no connection to localhost") as caught:
            await client.send(TAGGED)
    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


# The API's own 407


async def test_a_407_of_the_api_is_its_answer(serve: Serve, make_client: MakeClient) -> None:
    """Without a proxy a 407 is an answer of the API, with its status and its words."""
    server = await serve(answer(407, {"object": "odd_error", "detail": "not here"}))

    with pytest.raises(ApiError, match="not here") as caught:
        await make_client(base_url=server.url).send(TAGGED)

    assert (caught.value.status, caught.value.code) == (407, "odd_error")
    assert [attempt.sent for attempt in caught.value.attempts] == [True]


# Event loops


@pytest.mark.parametrize("options", [{}, {"rate": 0.001}])
async def test_a_second_event_loop_is_refused_at_once(
    options: dict[str, Any], serve: Serve, make_client: MakeClient
) -> None:
    """Use from a second event loop is refused before anything else, also where the client has a rate."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url, deadline=None, **options)
    await client.send(READ)

    with pytest.raises(ConfigurationError, match="another event loop"):
        await asyncio.wait_for(asyncio.to_thread(asyncio.run, client.send(READ)), timeout=60.0)

    assert len(server.requests) == 1


async def test_closing_in_another_event_loop_is_refused_and_closes_nothing(
    serve: Serve, make_client: MakeClient
) -> None:
    """A client is closed in the event loop of its first call; elsewhere nothing is closed, and calls go on."""
    server = await serve(answer(200, RUN_BODY), answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    await client.send(READ)

    with pytest.raises(ConfigurationError, match="another event loop and nothing was closed"):
        await asyncio.to_thread(asyncio.run, client.aclose())

    await client.send(READ)
    assert server.connections == 1
    await client.aclose()
    await asyncio.to_thread(asyncio.run, client.aclose())  # closed already


# Closing


@pytest.mark.parametrize("limit", [1, 100])
async def test_closing_ends_attempts_at_once(limit: int, serve: Serve, make_client: MakeClient) -> None:
    """Closing ends attempts that wait for a response, for the rest of a body or for the pool, and leaves no task."""

    async def torn(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await connection.gone()

    server = await serve(torn, hang)
    client = make_client(base_url=server.url, connector_limit=limit, timeout=None, deadline=None)
    before = asyncio.all_tasks()
    calls = [asyncio.create_task(client.send(command)) for command in (READ, TAGGED, READ)]
    while len(server.requests) < min(limit, 3):
        await asyncio.sleep(0.001)

    await client.aclose()
    errors = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(error) for error in errors] == [ClientClosedError] * 3
    reads = [error for error in (errors[0], errors[2]) if isinstance(error, ClientClosedError)]
    assert [error.maybe_applied for error in reads] == [False, False]
    assert isinstance(errors[1], ClientClosedError)
    assert errors[1].maybe_applied is (limit > 1)
    while server.open:
        await asyncio.sleep(0.001)
    assert {task for task in asyncio.all_tasks() - before if "raw_server" not in repr(task)} == set()


async def test_a_closed_client_refuses_calls(serve: Serve, make_client: MakeClient) -> None:
    """A call on a closed client is refused, whether or not the client was used before."""
    server = await serve(answer(200, RUN_BODY))
    for used in (False, True):
        client = make_client(base_url=server.url)
        if used:
            await client.send(READ)
        await client.aclose()
        with pytest.raises(ClientClosedError, match="closed"):
            await client.send(READ)
    assert len(server.requests) == 1
