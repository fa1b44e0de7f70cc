"""Timeouts, cancellations and failures in each phase of an exchange: the same on both paths; nothing is left open."""

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from support.fixture_types import Certify, Serve
from support.raw_server import Connection, RawServer, Step, answer, close, hang
from support.transport_paths import PATHS, Outcome, exchange, make_call, make_transport, take_path

from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.http import Call

LARGE = b"x" * (64 * 2**20)
"""A body that no socket buffers."""

pytestmark = pytest.mark.parametrize("path", PATHS)


@pytest.fixture(autouse=True)
def _path(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_path(path, monkeypatch)


@pytest.fixture(autouse=True)
def _open_files() -> Iterator[None]:
    """Check that a test leaves no socket open."""
    before = open_files()
    yield
    gc.collect()
    assert open_files() <= before


def open_files() -> int:
    """Return the number of open files of this process; 0 where that is unknown."""
    listed = Path("/proc/self/fd")
    return len([*listed.iterdir()]) if listed.is_dir() else 0


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Run a server whose kernel accepts connections and that reads nothing; yield its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


async def body_hangs(connection: Connection) -> None:
    """Send a part of a response."""
    await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await connection.gone()


def check_all_closed(transport: AiohttpTransport) -> None:
    """Check that the transport has no connection, in use or idle."""
    session = transport._session
    assert session is not None
    connector = session.connector
    assert connector is not None
    assert not connector._acquired
    assert not connector._conns


async def cancelled(transport: AiohttpTransport, call: Call, reached: Callable[[], object]) -> Call:
    """Cancel a call as soon as a phase has been reached."""
    task = asyncio.create_task(transport(call))
    while not reached():
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return call


async def timed_out(transport: AiohttpTransport, call: Call, reached: Callable[[], object]) -> Outcome:
    """End the time of a call as soon as a phase has been reached."""
    task = asyncio.create_task(exchange(transport, call))
    while not reached():
        await asyncio.sleep(0.001)
    transport._timeouts.expire(task)
    return await task


async def test_a_timeout_while_connecting_sends_nothing(certified: Certify) -> None:
    """An attempt that ends during the TLS handshake has sent nothing."""
    async with silent_server() as url:
        transport = make_transport(url.replace("http:", "https:"))
        outcome = await exchange(transport, make_call("POST", timeout=0.1))
        check_all_closed(transport)
        await transport.aclose()
    assert (outcome.kind, outcome.sent, outcome.attempt) == (
        "RequestTimeoutError",
        False,
        (None, "TimeoutError", False),
    )
    assert "no response within 0.1 s" in outcome.message


async def test_connect_timeout_sends_nothing() -> None:
    """A connection that is not made within ``connect_timeout`` has sent nothing."""
    async with silent_server() as url:
        transport = make_transport(url.replace("http:", "https:"), connect_timeout=0.1)
        outcome = await exchange(transport, make_call("POST"))
        await transport.aclose()
    assert (outcome.kind, outcome.sent) == ("ConnectionFailedError", False)
    assert outcome.attempt == (None, "ConnectionTimeoutError", False)


async def test_a_refused_connection_sends_nothing() -> None:
    """A closed port has received nothing."""
    async with silent_server() as url:
        pass
    transport = make_transport(url)
    outcome = await exchange(transport, make_call("POST"))
    await transport.aclose()
    assert (outcome.kind, outcome.sent) == ("ConnectionFailedError", False)
    assert outcome.attempt == (None, "ClientConnectorError", False)
    assert outcome.message.endswith("Connection refused")


async def test_an_untrusted_certificate_sends_nothing(serve: Serve, certified: Certify) -> None:
    """A server whose certificate is not trusted has received nothing."""
    server = await serve(answer(200), tls=certified())
    transport = make_transport(server.url)
    outcome = await exchange(transport, make_call("POST"))
    await transport.aclose()
    assert (outcome.kind, outcome.sent, outcome.retryable) == ("ConnectionFailedError", False, False)
    assert outcome.attempt == (None, "ClientConnectorCertificateError", False)


async def test_a_deadline_while_waiting_for_a_connection_sends_nothing(serve: Serve) -> None:
    """A call that waits for a free connection until its deadline has sent nothing."""
    server = await serve(hang)
    transport = make_transport(server.url, connector_limit=1)
    busy = asyncio.create_task(exchange(transport, make_call()))
    while not server.requests:
        await asyncio.sleep(0.001)
    outcome = await exchange(transport, make_call("POST", timeout=30.0, deadline=0.1))
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    await transport.aclose()
    assert (outcome.kind, outcome.sent, outcome.attempt[2]) == ("DeadlineExceededError", False, False)
    assert outcome.message.startswith("no free connection within")


async def test_a_timeout_while_writing_closes_the_connection() -> None:
    """A large body that the server does not read ends at the timeout; its connection does not outlive it."""
    async with silent_server() as url:
        transport = make_transport(url)
        call = make_call("POST", body=LARGE, timeout=30.0)
        outcome = await timed_out(transport, call, lambda: call.bytes_sent)
        check_all_closed(transport)
        await transport.aclose()
    assert (outcome.kind, outcome.sent, outcome.attempt) == ("RequestTimeoutError", True, (None, "TimeoutError", True))


async def test_a_timeout_while_waiting_closes_the_connection(serve: Serve) -> None:
    """A server that does not answer in time is left, and its connection is closed."""
    server = await serve(hang)
    transport = make_transport(server.url)
    outcome = await timed_out(transport, make_call("POST", timeout=30.0), lambda: server.requests)
    while server.open:
        await asyncio.sleep(0.001)
    check_all_closed(transport)
    await transport.aclose()
    assert (outcome.kind, outcome.sent, outcome.attempt) == ("RequestTimeoutError", True, (None, "TimeoutError", True))


async def test_a_timeout_while_reading_keeps_the_status(serve: Serve) -> None:
    """A body that does not end in time is an incomplete response, and its connection is closed."""
    server = await serve(body_hangs)
    transport = make_transport(server.url)
    call = make_call("POST", timeout=30.0)
    call.body_writer = Mock()
    outcome = await timed_out(transport, call, lambda: call.body_writer.write.called)
    while server.open:
        await asyncio.sleep(0.001)
    check_all_closed(transport)
    await transport.aclose()
    assert (outcome.kind, outcome.status, outcome.error) == ("response", 200, "RequestTimeoutError")
    assert outcome.attempt == (200, None, True)


async def test_a_cancellation_while_connecting_sends_nothing() -> None:
    """A call that is cancelled during the TLS handshake has sent nothing."""
    async with silent_server() as url:
        transport = make_transport(url.replace("http:", "https:"))
        connecting = asyncio.get_running_loop().create_task(asyncio.sleep(0.05)).done
        call = await cancelled(transport, make_call("POST"), connecting)
        check_all_closed(transport)
        await transport.aclose()
    assert [(attempt.error, attempt.sent) for attempt in call.attempts] == [("CancelledError", False)]


async def test_a_cancellation_while_writing_closes_the_connection() -> None:
    """A call that is cancelled while it writes may have been received."""
    async with silent_server() as url:
        transport = make_transport(url)
        call = make_call("POST", body=LARGE)
        await cancelled(transport, call, lambda: call.bytes_sent)
        check_all_closed(transport)
        await transport.aclose()
    assert [(attempt.error, attempt.sent) for attempt in call.attempts] == [("CancelledError", True)]


@pytest.mark.parametrize("step", [hang, body_hangs], ids=["waiting", "reading"])
async def test_a_cancellation_after_the_request_closes_the_connection(step: Step, serve: Serve) -> None:
    """A call that is cancelled while it waits or reads may have been received, and its connection is closed."""
    server = await serve(step)
    transport = make_transport(server.url)
    call = make_call("POST")
    call.body_writer = Mock()
    await cancelled(transport, call, lambda: call.body_writer.write.called if step is body_hangs else server.requests)
    while server.open:
        await asyncio.sleep(0.001)
    check_all_closed(transport)
    await transport.aclose()
    assert [(attempt.error, attempt.sent) for attempt in call.attempts] == [("CancelledError", True)]


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_an_early_answer_to_a_large_body_is_read(
    certified: Certify, trusting: ssl.SSLContext, *, tls: bool
) -> None:
    """An answer that does not wait for the end of a large body is read, and the connection is not used again."""
    seen: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!")
        while await reader.read(2**16):
            pass
        writer.close()

    async def client_is_gone() -> None:
        while len(seen) < 2:
            await asyncio.sleep(0.001)

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=certified() if tls else None)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        transport = make_transport(url, ssl_context=trusting)
        first = await exchange(transport, make_call("POST", body=LARGE))
        second = await exchange(transport, make_call("POST"))
        await client_is_gone()
        await transport.aclose()
    assert (first.status, first.body, first.attempt) == (413, b"no!", (413, None, True))
    assert (second.status, len(seen)) == (413, 2)


async def test_a_kept_connection_that_breaks_is_not_tried_again(serve: Serve) -> None:
    """A server that closes a kept connection when the next request arrives may have received it."""
    server = await serve(answer(200), close, answer(200))
    transport = make_transport(server.url)
    outcomes = [await exchange(transport, make_call("GET")) for _ in range(3)]
    await transport.aclose()
    assert [outcome.kind for outcome in outcomes] == ["response", "TransportError", "response"]
    assert outcomes[1].attempt == (None, "ServerDisconnectedError", True)
    assert (len(server.requests), server.connections) == (3, 2)


async def test_a_connection_that_the_server_has_closed_is_not_used(serve: Serve) -> None:
    """A kept connection that the server has closed receives no request."""
    opened: list[Connection] = []

    async def remember(connection: Connection) -> None:
        opened.append(connection)
        await answer(200)(connection)

    server: RawServer = await serve(remember)
    transport = make_transport(server.url)
    for _ in range(20):
        assert (await exchange(transport, make_call("POST"))).status == 200
        opened[-1].close()
        await opened[-1].writer.wait_closed()
    await transport.aclose()
    assert (len(server.requests), server.connections) == (20, 20)
