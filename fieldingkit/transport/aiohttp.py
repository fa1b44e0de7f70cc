"""HTTP via aiohttp: send one request, receive one response.

Requests below the base URL are written to aiohttp's connections. aiohttp's session sends all others, those that a proxy
forwards without a tunnel, and those of an application that instruments or replaces the session.
"""

import asyncio
import ssl
import warnings
from collections.abc import Awaitable
from contextlib import suppress
from io import BytesIO
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from fieldingkit._warnings import calling_frame, file_and_line
from fieldingkit.errors import (
    ClientClosedError,
    ConnectionFailedError,
    DecodeError,
    FieldingKitError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.secret import Secret
from fieldingkit.transport.attempt import RunningAttempt
from fieldingkit.transport.connection import Pool
from fieldingkit.transport.failures import Route, to_error
from fieldingkit.transport.headers import check_head
from fieldingkit.transport.http import Call, Response
from fieldingkit.transport.internals import is_session_patched, missing_internals
from fieldingkit.transport.origin import IncomingResponse, Origin
from fieldingkit.transport.timeouts import Timeouts

__all__ = ["AiohttpTransport"]

_SAMPLE = 1000
"""Bytes that are kept of a body that is too long."""
_LARGE_BODY = 2**20
"""Bytes above which aiohttp warns of a body that is no file; a batch of 36,000 target groups has as many."""
_NO_METHODS = set[str]()
_NO_CONTENT_TYPE = ("Content-Type",)
"""The header that aiohttp would add to a request with a body."""
_GRACE_PERIOD = 1.0
"""Seconds that connections have to close."""


class _Request(aiohttp.ClientRequest):
    """A request to which aiohttp adds no ``Content-Type`` if it has no body."""

    POST_METHODS = _NO_METHODS


class AiohttpTransport:
    """Sends requests over one pool of connections, which is opened by the first of them.

    Args:
        base_url: The client's base URL.
        connector_limit: The maximum number of connections.
        max_body: The maximum number of bytes of a response's body, decompressed.
        connect_timeout: Seconds to connect to an address, TLS handshake included; None for no limit of its own.
        keepalive_timeout: Seconds that an idle connection is kept; None to keep it until the server closes it.
        proxy: The URL of a proxy, which may hold credentials.
        ssl_context: The TLS context; by default the system's authorities are trusted.
        trust_env: Whether to use the environment's proxies.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connector_limit: int,
        max_body: int,
        connect_timeout: float | None,
        keepalive_timeout: float | None,
        proxy: Secret | None,
        ssl_context: ssl.SSLContext | None,
        trust_env: bool,
    ) -> None:
        self._base = URL(base_url)
        self._base_path = self._base.raw_path.rstrip("/")
        self._connector_limit = connector_limit
        self._max_body = max_body
        self._connect_timeout = connect_timeout
        self._keepalive_timeout = keepalive_timeout
        self._proxy = proxy
        self._ssl = ssl_context
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None
        self._origin: Origin | None = None
        """Sends requests below the base URL; None if the session sends them."""
        self._tunnel: Route | None = None
        """The route of its requests through a proxy; None if there is none."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._attempts: dict[asyncio.Task[Any], RunningAttempt] = {}
        self._timeouts = Timeouts()
        self._closed = False
        self._made_at = file_and_line(calling_frame())

    async def __call__(self, call: Call) -> Response:
        """Send a call's request once.

        Raises:
            TransportError: if there is no response; ``sent`` says whether bytes of the request may have been sent.
        """
        session = self._session or self._open()
        # Without the loop, Python 3.11 would find it by a system call.
        task: Any = asyncio.current_task(self._loop)
        attempt = RunningAttempt(call, task, self._timeouts)
        if attempt.limit is not None and attempt.limit <= 0:
            raise attempt.too_late("no time was left to send the request", sent=False)
        self._attempts[task] = attempt
        attempt.start_timeout()
        failure = None
        try:
            response = await self._send(session, attempt)
            attempt.status = response.status
            if response.status == 407:
                _check_proxy(response, attempt.route)
            return await self._read(response, attempt)
        except BaseException as exc:  # noqa: BLE001  # raised below
            if isinstance(exc, asyncio.CancelledError) and self._timeouts.caught(task):
                error, failure = self._to_error(TimeoutError(), attempt), TimeoutError.__name__
            else:
                error, failure = self._to_error(exc, attempt), type(exc).__name__
            if isinstance(error, ConnectionFailedError):
                call.bytes_sent = error.sent
        finally:
            del self._attempts[task]
            self._timeouts.stop(task)
            attempt.record(failure)
        # After the except block, so that the error does not refer to aiohttp's: the locals of aiohttp's frames, and
        # some of its exceptions, hold the credentials that were sent.
        raise error

    async def aclose(self) -> None:
        """Close the session and end the attempts that are under way; the transport cannot be used again."""
        self._closed = True
        for task in list(self._attempts):
            self._timeouts.expire(task)
        self._timeouts.close()
        if self._session is not None:
            # A server that does not read holds up the end of a TLS connection, or of one with unsent bytes.
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_PERIOD):
                    await self._session.close()

    def __del__(self) -> None:
        if self._session is None or self._session.closed or self._loop is None:
            return
        message = "this fieldingkit client was not closed: use it in an async with statement, or await aclose()"
        warnings.warn_explicit(message, ResourceWarning, *self._made_at)
        # aiohttp would warn about each of its parts, and write to stderr too.
        closing = self._session.close()
        if self._loop.is_closed():
            with suppress(StopIteration):
                closing.send(None)
        else:
            self._loop.call_soon_threadsafe(self._loop.create_task, closing)

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosedError("the client is closed and nothing was sent; create a new client")
        self._loop = asyncio.get_running_loop()
        pool = Pool(limit=self._connector_limit, keepalive_timeout=self._keepalive_timeout, ssl=self._ssl or True)
        pool.observe(self._attempts)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout)
        session = aiohttp.ClientSession(
            connector=pool, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout, request_class=_Request
        )
        # aiohttp sends GET and PUT again by itself when a kept connection breaks; here only `retry` does that.
        session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        proxy = self._proxy_for(self._base)
        # A request for an http URL names the whole URL to a proxy. Instrumentations add trace configs to every session.
        tunneled = proxy is None or self._base.scheme == "https"
        if tunneled and not session.trace_configs and not missing_internals():
            self._origin = Origin(pool, self._base, timeout, None if proxy is None else URL(proxy))
            self._tunnel = None if proxy is None else self._route("/", self._base, proxy)
        self._session = session
        return session

    def _url(self, target: str) -> URL:
        if not target.startswith("/"):
            return URL(target)
        if "?" in target:
            return self._base.with_path("/").join(URL(self._base_path + target, encoded=True))
        return self._base.with_path(self._base_path + target, encoded=True)

    def _proxy_for(self, url: URL) -> str | None:
        """Return the proxy's URL: the client's own, else the environment's."""
        if self._proxy is not None:
            return self._proxy.reveal()
        # aiohttp's own `trust_env` would also read the .netrc, whose password would replace the token.
        return None if not self._trust_env or proxy_bypass(url.host or "") else getproxies().get(url.scheme)

    def _send(
        self, session: aiohttp.ClientSession, attempt: RunningAttempt
    ) -> Awaitable[IncomingResponse | aiohttp.ClientResponse]:
        """Send a request, and wait for the head of its response."""
        call = attempt.call
        request, headers = call.request, _headers(call)
        check_head(request.target, headers)
        patched = is_session_patched()
        if self._origin is not None and not patched and request.target.startswith("/"):
            attempt.route = self._tunnel
            return self._origin.request(call, headers)
        call.bytes_sent = patched  # otherwise the pool reports it
        url = self._url(request.target)
        proxy = self._proxy_for(url)
        attempt.route = None if proxy is None else self._route(request.target, url, proxy)
        # What `session.request` does too, without the context manager around it, which costs each request 2 %.
        return session._request(  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            request.method,
            url,
            data=BytesIO(request.body) if request.body and len(request.body) > _LARGE_BODY else request.body,
            headers=headers,
            skip_auto_headers=None if request.body is None else _NO_CONTENT_TYPE,
            allow_redirects=False,
            proxy=proxy,
        )

    async def _read(self, response: IncomingResponse | aiohttp.ClientResponse, attempt: RunningAttempt) -> Response:
        """Read a response to its end, but no further than ``max_body``, which also bounds a decompression bomb."""
        content = response.content
        writer = attempt.call.body_writer if 200 <= response.status < 300 else None
        if writer is not None:
            length = None if "Content-Encoding" in response.headers else response.headers.get("Content-Length")
            writer.start(None if length is None else int(length))
        chunks: list[bytes] = []
        size = 0
        body_error: FieldingKitError | None = None
        try:
            while chunk := await content.readany():
                size += len(chunk)
                if writer is not None:
                    writer.write(chunk)
                    continue
                if size > self._max_body:
                    body_error = DecodeError(f"the body is longer than {self._max_body} bytes")
                    chunks = [b"".join(chunks)[:_SAMPLE]]
                    break
                chunks.append(chunk)
        except asyncio.CancelledError:
            if self._closed or not self._timeouts.caught(attempt.task):
                raise
            body_error = attempt.too_late(f"the body was incomplete at the timeout, after {size} bytes")
        except (aiohttp.ClientError, OSError):
            body_error = TransportError(f"the body was cut off after {size} bytes")
        finally:
            response.release()
        return Response(response.status, response.headers, b"".join(chunks), body_error, response.version)

    def _to_error(self, exc: BaseException, attempt: RunningAttempt) -> BaseException:
        """Return fieldingkit's error for a failure of aiohttp; any other exception as it is, without its traceback."""
        request, sent = attempt.call.request, attempt.call.bytes_sent
        if self._closed and self._is_caused_by_close(exc, attempt.task):
            applied = sent and request.retry_safety is not RetrySafety.READ
            return ClientClosedError("the client was closed during the call", maybe_applied=applied)
        route = attempt.route or Route(self._name(request.target))
        is_late = isinstance(exc, TimeoutError) and not isinstance(exc, aiohttp.ConnectionTimeoutError)
        if is_late and attempt.limit is not None:
            awaited = "free connection" if attempt.waits else "response"
            return attempt.too_late(f"no {awaited} within {attempt.limit:.3g} s from {route}", sent=sent)
        return to_error(exc, route, sent=sent) or _without_tracebacks(exc)

    def _route(self, target: str, url: URL, proxy: str) -> Route:
        """Return the route of a request through a proxy, for the text of an error."""
        name = self._name(target)
        try:
            return Route.to(name, url, URL(proxy))
        except ValueError:  # not a URL
            return Route(name)

    def _name(self, target: str) -> str:
        """Return the name of a request's host, for the text of an error."""
        return f"{self._base.host}:{self._base.port}" if target.startswith("/") else target

    @staticmethod
    def _is_caused_by_close(exc: BaseException, task: asyncio.Task[Any]) -> bool:
        if isinstance(exc, asyncio.CancelledError):
            return not task.cancelling()  # the connector, not the caller, cancelled the wait for a connection
        return isinstance(exc, aiohttp.ClientError | OSError | RuntimeError)


def _check_proxy(response: IncomingResponse | aiohttp.ClientResponse, route: Route | None) -> None:
    """Raise if a 407 is the answer of a proxy; within a tunnel, or without a proxy, it is the API's.

    Raises:
        ConnectionFailedError: if the proxy requires credentials; it forwarded nothing.
    """
    if route is not None and route.proxy and not route.is_tunneled:
        response.release()
        raise ConnectionFailedError(f"{route.peer(sent=False)} requires credentials (407)", sent=False, retryable=False)


def _headers(call: Call) -> dict[str, str]:
    """Return all headers of an attempt. Only here does the access token leave its ``Secret``."""
    headers = dict(call.request.headers)
    if call.headers:
        headers.update(call.headers)
    if call.authorization is not None:
        headers["Authorization"] = call.authorization.reveal()
    return headers


def _without_tracebacks(exc: BaseException) -> BaseException:
    """Remove the tracebacks of an exception and of those it refers to."""
    linked = [exc]
    for each in linked:
        each.__traceback__ = None
        linked += [other for other in (each.__cause__, each.__context__) if other is not None and other not in linked]
    return exc
