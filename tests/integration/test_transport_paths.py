"""Both paths of the transport, aiohttp's connections and its session, give the same results, errors and ``sent``."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import attrs
import pytest
from support.fake_clock import settle
from support.fixture_types import Certify
from support.raw_server import Connection, RawServer, Step, answer, close, raw, reset
from support.transport_paths import Outcome, exchange, make_call, make_transport, take_path

LARGE = b"x" * (8 * 2**20)
"""A body that no socket buffers."""
MAX_BODY = 2**20


def sends(text: bytes, then: Callable[[Connection], None] | None = None) -> Step:
    """Return a step that sends a text in one piece, and then ends the connection, or keeps it."""

    async def step(connection: Connection) -> None:
        await connection.write(text)
        if then is not None:
            then(connection)

    return step


def chunked(body: bytes, *headers: str, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a response in chunks of 7 bytes."""
    chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
    head = "".join(f"{header}\r\n" for header in ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, ""))
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def encoded(body: bytes, coding: str, *, length: int | None = None) -> Step:
    """Return a step that answers with a coded body."""
    return answer(200, body, {"Content-Encoding": coding}, length=length)


def cut(text: bytes) -> Step:
    """Return a step that sends a part of a response and closes."""
    return sends(text, then=Connection.close)


def torn(text: bytes) -> Step:
    """Return a step that sends a part of a response and resets."""
    return sends(text, then=Connection.reset)


JSON = b'{"a": 1}'
LONG = b"z" * 700_000
"""A body that is read in several parts."""
OK = b"HTTP/1.1 200 OK\r\n"
HEADERS_129 = b"".join(b"X-%d: y\r\n" % number for number in range(129))


@attrs.frozen
class Case:
    """A request, the reaction of the server, and what comes of it."""

    name: str
    step: Step
    kind: str = "response"
    method: str = "GET"
    body: bytes | None = None
    reused: bool | None = False
    """True if a second request goes over the same connection; None if that depends on the version of aiohttp."""
    error: str | None = None
    """The kind of error of the body."""
    later: bytes = b""
    """Bytes that the server sends when the exchange is over."""


CASES = [
    Case("length", answer(200, JSON), reused=True),
    Case("empty", answer(200), reused=True),
    Case("chunked", sends(chunked(JSON * 30)), reused=True),
    Case("chunked with trailers", sends(chunked(JSON, end=b"0\r\nX-Trailer: y\r\n\r\n")), reused=True),
    Case("chunked gzip", sends(chunked(gzip.compress(JSON * 30), "Content-Encoding: gzip")), reused=True),
    Case("gzip", encoded(gzip.compress(JSON), "gzip"), reused=True),
    Case("deflate", encoded(zlib.compress(JSON), "deflate"), reused=True),
    Case("unknown coding", encoded(JSON, "rot13"), reused=True),
    Case("gzip cut", encoded(gzip.compress(JSON)[:-9], "gzip"), reused=True),
    Case("no gzip", encoded(JSON, "gzip"), error="TransportError"),
    Case("bomb", encoded(gzip.compress(bytes(3 * MAX_BODY)), "gzip"), error="DecodeError", reused=None),
    Case("too long", answer(200, b"y" * (MAX_BODY + 1)), error="DecodeError", reused=True),
    Case("far too long", answer(200, LARGE), error="DecodeError"),
    Case(
        "100",
        sends(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"),
        "response",
        "POST",
        JSON,
        reused=True,
    ),
    Case(
        "103",
        sends(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + OK + b"Content-Length: 0\r\n\r\n"),
        reused=True,
    ),
    Case("101", sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
    Case("1.0 until closed", cut(b"HTTP/1.0 200 OK\r\n\r\n" + JSON)),
    Case("1.0 with length", cut(b"HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n" + JSON)),
    Case(
        "1.0 kept", sends(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 8\r\n\r\n" + JSON), reused=True
    ),
    Case("1.1 until closed", cut(OK + b"\r\n" + JSON)),
    Case("connection: close", cut(OK + b"Connection: close\r\nContent-Length: 8\r\n\r\n" + JSON)),
    Case("connection: close, left open", sends(OK + b"Connection: close\r\nContent-Length: 8\r\n\r\n" + JSON)),
    Case("HEAD", sends(OK + b"Content-Length: 1000\r\n\r\n"), method="HEAD", reused=True),
    Case("204", sends(b"HTTP/1.1 204 No Content\r\n\r\n"), method="POST", reused=True),
    Case(
        "204 with a length", sends(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), method="POST", reused=True
    ),
    Case("204 with a body", sends(b"HTTP/1.1 204 No Content\r\n\r\n"), method="POST", later=JSON),
    Case("205", answer(205), method="POST", reused=True),
    Case("304", sends(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'), reused=True),
    Case("404", answer(404, JSON), reused=True),
    Case("503", answer(503, JSON), reused=True),
    Case("a redirect", answer(307, JSON, {"Location": "/elsewhere"}), method="POST", body=JSON, reused=True),
    Case("a cookie", answer(200, JSON, {"Set-Cookie": "a=b"}), reused=True),
    Case("two of a header", sends(OK + b"X: 1\r\nx: 2\r\nContent-Length: 0\r\n\r\n"), reused=True),
    Case("a header beyond ASCII", sends(OK + b"X: \xc3\xa9\xff\r\nContent-Length: 0\r\n\r\n"), reused=True),
    Case("no HTTP", raw(b"garbage\r\n\r\n"), "TransportError"),
    Case("a greeting", raw(b"220 mail.example.org ESMTP\r\n"), "TransportError"),
    Case("a wrong status", raw(b"HTTP/1.1 2000 OK\r\n\r\n"), "TransportError"),
    Case("a wrong version", raw(b"HTTP/7.7 200 OK\r\n\r\n"), "TransportError"),
    Case("a line without a colon", raw(OK + b"broken\r\n\r\n"), "TransportError"),
    Case("a header with NUL", raw(OK + b"X: \0\r\n\r\n"), "TransportError"),
    Case("a length below zero", raw(OK + b"Content-Length: -1\r\n\r\n"), "TransportError"),
    Case("two lengths", raw(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), "TransportError"),
    Case(
        "length and chunks",
        raw(OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "TransportError",
    ),
    Case("a wrong chunk", raw(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"), "TransportError"),
    Case("a wrong chunk in a long body", sends(chunked(LONG, end=b"zz\r\n")), error="TransportError"),
    Case("a long line", raw(OK + b"X: " + b"y" * 9000 + b"\r\n\r\n"), "TransportError"),
    Case("the longest line", sends(OK + b"X: " + b"y" * 8000 + b"\r\nContent-Length: 0\r\n\r\n"), reused=True),
    Case("many headers", raw(OK + HEADERS_129 + b"\r\n"), "TransportError"),
    Case("a head without end", raw(OK + b"X: y\r\n" * 100_000), "TransportError"),
    Case("closed", close, "TransportError", "POST", JSON),
    Case("reset", reset, "TransportError", "POST", JSON),
    Case("closed in the head", cut(OK[:12]), "TransportError"),
    Case("closed in a header", cut(OK + b"Content-Le"), "TransportError"),
    Case("reset in the head", torn(OK[:12]), "TransportError"),
    Case("closed before the body", cut(OK + b"Content-Length: 8\r\n\r\n"), error="TransportError"),
    Case("closed in the body", cut(OK + b"Content-Length: 9\r\n\r\n" + JSON), error="TransportError"),
    Case("closed in a chunk", cut(chunked(JSON)[:-9]), error="TransportError"),
    Case("closed before the last chunk", cut(chunked(JSON, end=b"")), error="TransportError"),
    Case("closed after 100", cut(b"HTTP/1.1 100 Continue\r\n\r\n"), "TransportError", "POST", JSON),
    Case("more than the length", sends(OK + b"Content-Length: 4\r\n\r\n" + JSON), "TransportError"),
    Case("more than the length, later", sends(OK + b"Content-Length: 4\r\n\r\n" + JSON[:4]), later=JSON[4:]),
    Case("two responses", sends((OK + b"Content-Length: 8\r\n\r\n" + JSON) * 2)),
    Case("another response, later", answer(200, JSON), later=OK + b"Content-Length: 0\r\n\r\n"),
    Case("the beginning of another, later", answer(200, JSON), later=b"HTTP/1.1 2"),
    Case("an empty line, later", answer(200, JSON), later=b"\r\n"),
    Case("a large request", answer(200, JSON), method="POST", body=LARGE, reused=True),
]


@attrs.frozen
class Played:
    """The outcomes of a case on one path, and the requests that the server received."""

    first: Outcome
    second: Outcome
    """The outcome of a plain exchange after it."""
    connections: int
    heads: tuple[bytes, ...]
    """The heads of the requests, as received."""


def loops() -> list[Any]:
    """Return what makes event loops: asyncio's, and uvloop's where it is installed."""
    names = ["asyncio", "uvloop"] if find_spec("uvloop") else ["asyncio"]
    return [pytest.param(import_module(name).new_event_loop, id=name) for name in names]


async def play(case: Case, path: str, tls: ssl.SSLContext | None, trusted: ssl.SSLContext) -> Played:
    """Play a case on one path."""
    opened: list[Connection] = []

    async def step(connection: Connection) -> None:
        opened.append(connection)
        await case.step(connection)

    with pytest.MonkeyPatch.context() as patch:
        take_path(path, patch)
        async with RawServer(step, answer(200, b"the next"), tls=tls) as server:
            transport = make_transport(server.url, max_body=MAX_BODY, ssl_context=trusted)
            first = await exchange(transport, make_call(case.method, body=case.body))
            if case.later:
                opened[0].writer.write(case.later)
            await settle(20)
            second = await exchange(transport, make_call())
            await transport.aclose()
            port = str(server.port)
    heads = tuple(request.head.replace(port.encode(), b"PORT") for request in server.requests)
    return Played(first.without(port), second.without(port), server.connections, heads)


@pytest.mark.parametrize("make_loop", loops())
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_paths_give_the_same(
    case: Case,
    certified: Certify,
    trusting: ssl.SSLContext,
    make_loop: Callable[[], asyncio.AbstractEventLoop],
    *,
    tls: bool,
) -> None:
    """An exchange has the same outcome on both paths, leaves the same connection, and sends the same head."""
    context = certified() if tls else None

    with asyncio.Runner(loop_factory=make_loop) as runner:
        played = runner.run(play(case, "connection", context, trusting))
        session = runner.run(play(case, "session", context, trusting))

    assert played.first.kind == case.kind
    assert played.first.error == case.error
    assert played.second.body == b"the next"
    assert case.reused is None or played.connections == (1 if case.reused else 2)
    assert played == session
