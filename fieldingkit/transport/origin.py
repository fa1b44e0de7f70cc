"""HTTP/1.1 over the connections of a pool, without the request and response objects of aiohttp's session."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from fieldingkit.transport.connection import Pool
from fieldingkit.transport.http import Call, Request

__all__ = ["IncomingResponse", "Origin"]

_WITHOUT_LENGTH: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that have no ``Content-Length: 0`` where there is no body (RFC 9110, section 8.6)."""


class IncomingResponse:
    """A response whose head has arrived."""

    __slots__ = ("_connection", "content", "headers", "status", "version")

    def __init__(self, message: Any, content: aiohttp.StreamReader, connection: Any) -> None:
        self.status: int = message.code
        self.headers: Mapping[str, str] = message.headers
        self.version: tuple[int, int] | None = message.version
        self.content: aiohttp.StreamReader = content
        self._connection = connection

    def release(self) -> None:
        """Return the connection to the pool, or close it if the body was not read to its end."""
        self._connection.release()


class Origin:
    """Sends requests to one origin.

    Args:
        pool: The pool of connections.
        base: The URL below which requests are sent.
        timeout: The time limits for connecting.
        proxy: The proxy that tunnels to the origin; None for none.
    """

    def __init__(self, pool: Pool, base: URL, timeout: aiohttp.ClientTimeout, proxy: URL | None = None) -> None:
        self._template = aiohttp.ClientRequest("GET", base, proxy=proxy)
        """The request by which the pool knows the origin. Its headers are those that aiohttp adds to any request."""
        self._path = base.raw_path.rstrip("/")
        self._timeout = timeout
        self._connect = pool.lease
        self._missing = lru_cache(partial(_missing_lines, self._template.headers))

    async def request(self, call: Call, headers: Mapping[str, str]) -> IncomingResponse:
        """Send a call's request, and wait for the head of the response."""
        head = self._head(call.request, headers)
        try:
            lease = await self._connect(self._template, traces=[], timeout=self._timeout)
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError from None
        try:
            connection: Any = lease.protocol
            connection.set_response_params(skip_payload=call.request.method == "HEAD", read_until_eof=True)
            connection.send(call, head)
            message, content = await connection.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, content = await connection.read()
        except BaseException as exc:
            lease.close()
            if isinstance(exc, HttpProcessingError):
                raise aiohttp.ClientResponseError(self._template.request_info, (), message=exc.message) from None
            raise
        return IncomingResponse(message, content, lease)

    def _head(self, request: Request, headers: Mapping[str, str]) -> bytes:
        """Return the head of a request, as the session would send it."""
        host, *added = self._missing(tuple(headers))
        lines = [f"{request.method} {self._path}{request.target} HTTP/1.1", host, *map(": ".join, headers.items())]
        lines += added
        if request.body is not None or request.method not in _WITHOUT_LENGTH:
            lines.append(f"Content-Length: {len(request.body or b'')}")
        return "\r\n".join([*lines, "", ""]).encode()


def _missing_lines(headers: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those headers that a request with headers of these names lacks."""
    given = {name.lower() for name in names}
    return tuple(f"{name}: {value}" for name, value in headers.items() if name.lower() not in given)
