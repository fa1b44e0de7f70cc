"""HTTP by aiohttp: one request out, one answer in. The only file that speaks aiohttp; it decides nothing."""

import asyncio
import ssl
import warnings
from contextlib import suppress
from contextvars import ContextVar
from io import BytesIO
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from fieldingkit._warnings import calling_frame, file_and_line
from fieldingkit.errors import (
    Attempt,
    ClientClosedError,
    ConfigurationError,
    ConnectionFailedError,
    DecodeError,
    FieldingKitError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.secret import Secret
from fieldingkit.transport.http import Call, Response
from fieldingkit.transport.timeouts import Timeouts

__all__ = ["AiohttpTransport"]

_SAMPLE = 1000
"""Bytes that are kept of a body that is too long."""


_call: ContextVar[Call] = ContextVar("fieldingkit_call")


class _ClientRequest(aiohttp.ClientRequest):
    """A request that tells its call when it begins to leave, since aiohttp does not."""

    def send(self, conn: Any) -> Any:
        _call.get().bytes_sent = True
        return super().send(conn)


# To these methods aiohttp would add a Content-Type where there is no body. Naming it in `skip_auto_headers` does the
# same, but costs each request 5 us.
_ClientRequest.POST_METHODS = set()


class AiohttpTransport:
    """Sends requests over one aiohttp session, which is made with the first of them."""

    def __init__(
        self,
        base_url: str,
        *,
        connector_limit: int,
        max_body: int,
        proxy: str | None,
        ssl_context: ssl.SSLContext | None,
        trust_env: bool,
    ) -> None:
        self._base = URL(base_url)
        self._base_path = self._base.raw_path.rstrip("/")
        self._connector_limit = connector_limit
        self._max_body = max_body
        self._proxy = None if proxy is None else Secret(proxy)
        self._ssl = ssl_context
        self._direct = proxy is None and not trust_env
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timeouts = Timeouts()
        self._closed = False
        self._made_at = file_and_line(calling_frame())

    async def __call__(self, call: Call) -> Response:
        """Send a request once.

        Raises:
            TransportError: if there is no answer; ``sent`` says whether bytes of the request may have left.
        """
        request = call.request
        session = self._session or self._open()
        task = asyncio.current_task()
        if task is None or self._loop is not task.get_loop():
            raise ConfigurationError("this client belongs to another event loop: make one client for each loop")
        began = call.clock.now()
        limit, too_late = call.allowance(began)
        if limit is not None and limit <= 0:
            raise too_late("no time was left to send it", sent=False)
        call.bytes_sent = False
        _call.set(call)
        status: int | None = None
        failure: BaseException | None = None
        if limit is not None:
            self._timeouts.start(task, limit)
        try:
            url = self._url(request.target)
            answer = await session.request(
                request.method,
                url,
                # aiohttp warns of bytes above 1 MiB; a batch of 36,000 target groups is as long.
                data=BytesIO(request.body) if request.body and len(request.body) > 2**20 else request.body,
                headers={**request.headers, **call.headers},
                allow_redirects=False,
                proxy=None if self._direct else self._proxy_for(url),
            )
            status = answer.status
            return await self._read(answer, task, too_late)
        except BaseException as exc:
            failure = TimeoutError() if isinstance(exc, asyncio.CancelledError) and self._timeouts.caught(task) else exc
            if isinstance(failure, asyncio.CancelledError) and self._closed and not task.cancelling():
                # aiohttp's connector does that, when it closes, to those who wait for a connection.
                failure = aiohttp.ClientConnectionError("closed")
            meaning = self._meaning(failure, call, limit=limit, too_late=too_late)
            if meaning is None:
                raise
            raise meaning from exc
        finally:
            self._timeouts.stop(task)
            error = None if failure is None else type(failure).__name__
            began, took = began - call.started, call.clock.now() - began
            call.attempts.append(
                Attempt(len(call.attempts) + 1, status, error, call.bytes_sent, began, took, call.delay)
            )

    async def aclose(self) -> None:
        """Close the session; the transport cannot be used again."""
        self._closed = True
        self._timeouts.close()
        if self._session is not None:
            await self._session.close()

    def __del__(self) -> None:
        if self._session is None or self._session.closed or self._loop is None:
            return
        message = "this fieldingkit client was not closed: use it in an async with statement, or await aclose()"
        warnings.warn_explicit(message, ResourceWarning, *self._made_at)
        # Closed in the owner's place: aiohttp would complain of each of its parts, and on stderr too.
        closing = self._session.close()
        if self._loop.is_closed():
            with suppress(StopIteration):
                closing.send(None)
        else:
            self._loop.call_soon_threadsafe(self._loop.create_task, closing)

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosedError("the client is closed: make a new one")
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connector_limit, ssl=self._ssl or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_ClientRequest,
            timeout=aiohttp.ClientTimeout(total=None),  # `Timeouts` does it
        )
        # aiohttp sends GET and PUT a second time by itself when a kept connection breaks; here only `retry` repeats.
        self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._session

    def _url(self, target: str) -> URL:
        if not target.startswith("/"):
            return URL(target)
        if "?" in target:
            return self._base.with_path("/").join(URL(self._base_path + target, encoded=True))
        return self._base.with_path(self._base_path + target, encoded=True)

    def _proxy_for(self, url: URL) -> str | None:
        """The proxy to go through: our own, else the environment's."""
        if self._proxy is not None:
            return self._proxy.reveal()
        # aiohttp's own `trust_env` would heed the .netrc too, and a password there stand in the token's way.
        return None if proxy_bypass(url.host or "") else getproxies().get(url.scheme)

    async def _read(
        self, answer: aiohttp.ClientResponse, task: asyncio.Task[Any], too_late: type[TransportError]
    ) -> Response:
        """Read an answer to its end, but no further than the limit: a gzip bomb unpacks within it too."""
        if answer.status == 407:
            answer.close()
            raise ConnectionFailedError("the proxy wants credentials (407)", sent=False, retryable=False)
        chunks: list[bytes] = []
        size = 0
        body_error: FieldingKitError | None = None
        try:
            while chunk := await answer.content.readany():
                size += len(chunk)
                if size > self._max_body:
                    body_error = DecodeError(f"the body is longer than {self._max_body} bytes")
                    chunks = [b"".join(chunks)[:_SAMPLE]]
                    break
                chunks.append(chunk)
        except asyncio.CancelledError:
            if not self._timeouts.caught(task):
                raise
            body_error = too_late(f"the body had not come to its end in time, after {size} bytes")
        except (aiohttp.ClientError, OSError) as exc:
            body_error = TransportError(f"the body broke off after {size} bytes ({type(exc).__name__})")
        finally:
            if not answer.closed:  # as it is after its last byte
                answer.release()
        return Response(answer.status, answer.headers, b"".join(chunks), body_error, answer.version)

    def _meaning(
        self,
        exc: BaseException,
        call: Call,
        *,
        limit: float | None,
        too_late: type[TransportError],
    ) -> FieldingKitError | None:
        """What a failure of aiohttp means to the caller; None for one that is not about HTTP."""
        request, sent = call.request, call.bytes_sent
        where = f"{self._base.host}:{self._base.port}" if request.target.startswith("/") else request.target
        match exc:
            case aiohttp.ClientError() | OSError() | RuntimeError() if self._closed:
                applied = sent and request.retry_safety is not RetrySafety.READ
                return ClientClosedError("the client was closed while the call was going on", maybe_applied=applied)
            case aiohttp.ClientConnectorCertificateError():
                reason = f"the certificate of {where} is not trusted: {exc.certificate_error}"
                return ConnectionFailedError(reason, sent=False, retryable=False)
            case aiohttp.ClientHttpProxyError():
                reason = f"the proxy refused the connection: {exc.status} {exc.message}"
                return ConnectionFailedError(reason, sent=False, retryable=exc.status != 407)
            case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
                return ConnectionFailedError(f"no connection to {where}: {exc}", sent=False)
            case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
                return ConfigurationError(f"not a URL that can be called: {where}")
            case aiohttp.ClientResponseError():
                # aiohttp reports unreadable bytes as a 400 of its own making; the API never said that.
                return TransportError(f"the answer of {where} was not HTTP: {exc.message[:80]!r}", sent=sent)
            case TimeoutError() if limit is not None:
                return too_late(f"no answer within {limit:.3g} s from {where}", sent=sent)
            case aiohttp.ClientError() | OSError():
                reason = f"the connection to {where} broke: {type(exc).__name__} {exc}".rstrip()
                return TransportError(reason, sent=sent)
            case _:
                return None
