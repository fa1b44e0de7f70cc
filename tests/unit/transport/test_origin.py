"""Requests that are written to a connection: their bytes, and the cases that aiohttp's session sends instead."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from support.examples import READ, RUN_BODY, TAGGED, free_port
from support.fixture_types import MakeClient, Serve
from support.raw_server import RawServer, answer
from support.transport_paths import PATHS, exchange, make_call, make_transport, take_path

from fieldingkit import ClientCredentials, RetryPolicy
from fieldingkit.errors import ConfigurationError, ConnectionFailedError, TransportError
from fieldingkit.transport.connection import Connection
from fieldingkit.transport.headers import check_head
from fieldingkit.transport.internals import INTERNALS, missing_internals
from fieldingkit.transport.origin import Origin

NAMES = st.sampled_from(["X-A", "Accept-Encoding", "accept-encoding", "Cookie", "If-Match", "Content-Encoding", "x"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.strip)


async def received(path: str, **request: Any) -> bytes:
    """Return the head of a request, as a server receives it over a path."""
    with pytest.MonkeyPatch.context() as patch:
        take_path(path, patch)
        async with RawServer(answer(200)) as server:
            transport = make_transport(server.url)
            await exchange(transport, make_call(**request))
            await transport.aclose()
            return server.requests[0].head.replace(str(server.port).encode(), b"PORT")


# The bytes


@given(
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "POST", "PUT", "PATCH"]),
    target=st.sampled_from(["/x", "/x?a=1", "/x?a=b%20c&d=%2F", "/a%20b/c", "/x:y@z!$&'()*+,;=", "/x?a=%C3%A9&a=+"]),
    headers=st.dictionaries(NAMES, VALUES, max_size=4).filter(
        lambda given: len({*map(str.lower, given)}) == len(given)
    ),
    body=st.sampled_from([None, b"", b"{}"]),
)
@settings(max_examples=60)
def test_both_paths_send_the_same_bytes(
    method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> None:
    """A request has the same head on both paths."""
    request = {"method": method, "target": target, "headers": headers, "body": body}
    connection, session = (asyncio.run(received(path, **request)) for path in PATHS)
    assert connection == session


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\x1b", "\x7f", "é", "\u2028", "\ud800"])
async def test_a_header_that_would_break_the_head_is_refused(
    path: str, value: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header with a line end, a control character, or beyond ASCII is refused by name; nothing is sent."""
    take_path(path, monkeypatch)
    server = await serve(answer(200))
    transport = make_transport(server.url)
    call = make_call("POST", headers={"tracestate": value})
    with pytest.raises(ConfigurationError, match="'tracestate' has a character that cannot be sent; nothing was sent"):
        await transport(call)
    await transport.aclose()
    assert (server.connections, call.bytes_sent) == (0, False)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/é"])
async def test_a_path_that_would_break_the_head_is_refused(
    path: str, target: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path with a space, a line end, or beyond ASCII is refused; nothing is sent."""
    take_path(path, monkeypatch)
    server = await serve(answer(200))
    transport = make_transport(server.url)
    with pytest.raises(ConfigurationError, match="the path has a character that cannot be sent"):
        await transport(make_call(target=target))
    await transport.aclose()
    assert server.connections == 0


def test_a_head_may_contain_tabs() -> None:
    """A tab is a space within a header."""
    check_head("/", {"X": "a\tb"})


@pytest.mark.parametrize("path", PATHS)
async def test_a_refused_head_holds_no_token_in_its_traceback(
    path: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of the error do not hold the head, whose token could be read from them."""
    take_path(path, monkeypatch)
    transport = make_transport((await serve(answer(200))).url)
    with pytest.raises(ConfigurationError) as caught:
        await transport(make_call(headers={"X": "\n"}))
    await transport.aclose()
    assert "check_head" not in [entry.name for entry in caught.traceback]


async def test_headers_of_a_client_that_differ_in_case_are_one(serve: Serve, make_client: MakeClient) -> None:
    """A view's header replaces the client's, however it is spelled."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url, headers={"X-Team": "a", "x-team": "b"})
    await client.send(READ)
    await client.with_options(headers={"X-TEAM": "c"}).send(READ)
    lines = [[line for line in request.head.split(b"\r\n") if b"eam" in line.lower()] for request in server.requests]
    assert lines == [[b"x-team: b"], [b"X-TEAM: c"]]


# A connection that was lost before the request


async def test_a_connection_lost_before_the_write_has_sent_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that ends between connecting and writing has sent nothing."""
    take_path("connection", monkeypatch)
    server = await serve(answer(200))
    transport = make_transport(server.url)
    send = Connection.send

    def lose(self: Connection, *args: Any) -> None:
        assert self.transport is not None
        self.transport.abort()
        send(self, *args)

    monkeypatch.setattr(Connection, "send", lose)
    call = make_call("POST")
    with pytest.raises(TransportError, match="was closed before the request was sent") as caught:
        await transport(call)
    await transport.aclose()
    assert (caught.value.sent, call.bytes_sent) == (False, False)


# The session


def count_requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each request that is written to a connection adds its target."""
    written: list[str] = []
    request = Origin.request

    async def counted(self: Origin, call: Any, headers: Any) -> Any:
        written.append(call.request.target)
        return await request(self, call, headers)

    monkeypatch.setattr(Origin, "request", counted)
    monkeypatch.setattr("fieldingkit.transport.aiohttp.missing_internals", tuple)
    return written


async def test_a_session_patched_later_sends_the_request(
    serve: Serve, make_client: MakeClient, mocked: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is in use when its session is patched sends through the patch, and directly afterwards."""
    mocked.stop()
    written = count_requests(monkeypatch)
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    await client.send(READ)

    mocked.start()
    mocked.get(f"{server.origin}{server.requests[0].target}", payload={**RUN_BODY, "version": 77})
    assert (await client.send(READ)).version == 77
    mocked.stop()
    assert (await client.send(READ)).version == RUN_BODY["version"]

    mocked.start()  # the fixture stops it
    assert (len(written), len(server.requests)) == (2, 2)


async def test_a_failure_of_a_patched_session_counts_as_sent(make_client: MakeClient, mocked: aioresponses) -> None:
    """A patched session does not report what it sent: its request may have been applied, unless nothing was reached."""
    client = make_client(base_url="https://api.example.org/v1")
    for failure, sent in ((aiohttp.ServerDisconnectedError(), True), (aiohttp.ConnectionTimeoutError(), False)):
        mocked.post(f"https://api.example.org/v1{path_of(TAGGED)}", exception=failure, repeat=True)
        with pytest.raises(TransportError) as caught:
            await client.with_options(deadline=0.05).send(TAGGED)
        assert caught.value.maybe_applied is sent
        assert {attempt.sent for attempt in caught.value.attempts} == {sent}
        mocked.clear()


def path_of(command: Any) -> str:
    """Return the path of a command."""
    from fieldingkit.codec import encode

    return encode(command, account_id="101", headers={}).target


async def test_an_instrumented_session_sends_all_requests(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client of an application that instruments aiohttp sends through its session, which the instrumentation sees."""
    written = count_requests(monkeypatch)
    server = await serve(answer(200, RUN_BODY))
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument()
    try:
        await make_client(base_url=server.url).send(READ)
    finally:
        instrumentor.uninstrument()
    await make_client(base_url=server.url).send(READ)
    assert len(written) == 1


async def test_a_proxy_without_a_tunnel_is_the_sessions(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request for an http URL goes to a proxy through the session."""
    written = count_requests(monkeypatch)
    server = await serve(answer(200, RUN_BODY))
    await make_client(base_url=server.url, proxy=server.origin).send(READ)
    assert not written


async def test_a_tunnel_is_not_the_sessions(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for an https URL is written to a connection, through the proxy's tunnel."""
    written = count_requests(monkeypatch)
    proxy = f"http://127.0.0.1:{free_port()}"
    client = make_client(base_url="https://api.example.org/v1", proxy=proxy, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(ConnectionFailedError, match="no connection"):
        await client.send(READ)
    assert len(written) == 1


async def test_an_environment_without_a_proxy_costs_nothing(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``trust_env=True`` and no proxy for the API, requests are written to connections."""
    monkeypatch.setenv("no_proxy", "*")
    written = count_requests(monkeypatch)
    server = await serve(answer(200, RUN_BODY))
    await make_client(base_url=server.url, trust_env=True).send(READ)
    assert len(written) == 1


async def test_a_token_endpoint_is_reached_through_the_session(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request to another origin goes through the session, and its Host is that origin's."""
    written = count_requests(monkeypatch)
    endpoint = await serve(answer(200, {"access_token": "t", "token_type": "bearer"}))
    server = await serve(answer(200, RUN_BODY))
    auth = ClientCredentials(client_id="i", client_secret="s", token_url=f"{endpoint.origin}/token")
    await make_client(base_url=server.url, auth=auth).send(READ)
    assert endpoint.requests[0].headers["host"] == f"127.0.0.1:{endpoint.port}"
    assert len(written) == 1


# Other versions of aiohttp


@pytest.mark.parametrize("internal", INTERNALS, ids=lambda internal: f"{internal[0].__name__}.{internal[1]}")
def test_aiohttp_has_what_is_used_beneath_its_session(
    internal: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """This version of aiohttp has each internal that is used; without it, one record names it."""
    owner, name, *_ = internal
    missing_internals.cache_clear()
    assert missing_internals() == ()
    monkeypatch.setattr("fieldingkit.transport.internals._has", lambda *wanted: wanted[:2] != (owner, name))
    missing_internals.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, "fieldingkit.connection"):
            assert missing_internals() == missing_internals() == (f"{owner.__name__}.{name}",)
        assert [record.missing for record in caplog.records] == [[f"{owner.__name__}.{name}"]]
    finally:
        missing_internals.cache_clear()


async def test_an_unknown_aiohttp_is_used_through_its_session(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With an aiohttp that lacks a parameter all calls work, and one record says so."""
    set_params = aiohttp.client_proto.ResponseHandler.set_response_params

    def changed(self: Any, **options: Any) -> None:
        set_params(self, **options)

    monkeypatch.setattr("fieldingkit.transport.aiohttp.missing_internals", missing_internals)
    monkeypatch.setattr(aiohttp.client_proto.ResponseHandler, "set_response_params", changed)
    missing_internals.cache_clear()
    try:
        server = await serve(answer(200, RUN_BODY))
        with caplog.at_level(logging.WARNING, "fieldingkit.connection"):
            for _ in range(2):
                await make_client(base_url=server.url).send(READ)
        assert [record.name for record in caplog.records] == ["fieldingkit.connection"]
        assert len(server.requests) == 2
    finally:
        missing_internals.cache_clear()
