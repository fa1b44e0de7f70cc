"""Faults in the response or in the connection."""

import asyncio
import json
import socket
import struct
import sys
import zlib
from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus

import attrs
from aiohttp import web

from fieldingkit.sandbox.faults.base import Exchange, Fault
from fieldingkit.sandbox.problems import problem_for_status

__all__ = [
    "Answer",
    "ApplyThenAnswer",
    "ApplyThenDrop",
    "Delay",
    "DropBefore",
    "EmptyBody",
    "Garbage",
    "GzipBomb",
    "Hang",
    "HtmlPage",
    "Redirect",
    "ResetMidBody",
    "SkewedDate",
    "StrayAnswer",
    "TruncatedJson",
    "WrongCharset",
    "WrongContentType",
    "close_connection",
]


@attrs.frozen
class Answer(Fault):
    """Answer with any status and body, without handling the request."""

    status: int
    """The HTTP status."""
    body: object = None
    """Bytes are sent unchanged, anything else as JSON. None stands for the documented error body of the status."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Headers beside the default ones, such as `Retry-After`."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Return the response."""
        body = self.body
        if body is None and self.status >= HTTPStatus.BAD_REQUEST:
            body = problem_for_status(self.status).body(exchange.state.identifiers.uuid())
        response = web.Response(status=self.status, headers=self.headers)
        if isinstance(body, bytes):
            response.body = body
        elif body is not None:
            response.body = json.dumps(body).encode()
        if body is not None and "Content-Type" not in self.headers:
            response.content_type = "application/json"
        return response


@attrs.frozen
class ApplyThenAnswer(Answer):
    """Handle the request, then answer with another status and body: the action was applied, and the answer hides it."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then return the other response."""
        await exchange.proceed()
        return await Answer.inject(self, exchange)


@attrs.frozen
class HtmlPage(Fault):
    """Answer with the HTML page of a proxy, without handling the request."""

    status: int = 502
    """The HTTP status."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Return the page."""
        page = f"<html><head><title>{self.status}</title></head><body><h1>Bad app</h1></body></html>"
        return web.Response(status=self.status, text=page, content_type="text/html")


@attrs.frozen
class Redirect(Fault):
    """Answer with a redirect, without handling the request."""

    location: str
    """The target URL."""
    status: int = 307
    """The HTTP status."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Return the redirect."""
        return web.Response(status=self.status, headers={"Location": self.location})


@attrs.frozen
class GzipBomb(Fault):
    """Answer 200 with a small gzip body that decompresses to a huge one, without handling the request."""

    size: int = 64 * 2**20
    """The approximate size of the decompressed body, in bytes."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Return the compressed body."""
        return web.Response(
            body=_bomb(self.size), content_type="application/json", headers={"Content-Encoding": "gzip"}
        )


@lru_cache(maxsize=4)
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(level=9, wbits=31)
    block = b"0" * 2**20
    parts = [packer.compress(b'{"data":"')]
    parts += [packer.compress(block) for _ in range(size // len(block))]
    parts += [packer.compress(block[: size % len(block)] + b'"}'), packer.flush()]
    return b"".join(parts)


@attrs.frozen
class ResetMidBody(Fault):
    """Handle the request, send the headers and half of the body, then reset the connection."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then return a response that breaks."""
        response = await exchange.proceed()
        whole = _body_to_truncate(response)
        return _ResetResponse(status=response.status, headers=response.headers, body=whole)


@attrs.frozen
class TruncatedJson(Fault):
    """Handle the request, and answer with half of the JSON as a complete body."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then truncate the body."""
        response = await exchange.proceed()
        whole = _body_to_truncate(response)
        response.body = whole[: len(whole) // 2]
        return response


@attrs.frozen
class EmptyBody(Fault):
    """Handle the request, and answer with the right status and an empty body."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then remove the body."""
        response = await exchange.proceed()
        response.body = None
        return response


@attrs.frozen
class WrongContentType(Fault):
    """Handle the request, and declare another content type than JSON."""

    content_type: str = "text/plain"
    """The declared content type."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then replace the content type."""
        response = await exchange.proceed()
        response.headers["Content-Type"] = self.content_type
        return response


@attrs.frozen
class WrongCharset(Fault):
    """Handle the request, and declare a charset that the body does not use."""

    charset: str = "utf-16"
    """The declared charset; it need not exist."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then add the charset."""
        response = await exchange.proceed()
        response.headers["Content-Type"] = f"application/json; charset={self.charset}"
        return response


@attrs.frozen
class SkewedDate(Fault):
    """Handle the request, and answer with a wrong `Date`."""

    seconds: float
    """The difference to the sandbox's clock, in seconds; negative for a date in the past."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then replace the date."""
        response = await exchange.proceed()
        date = exchange.state.clock.now() + timedelta(seconds=self.seconds)
        response.headers["Date"] = format_datetime(date, usegmt=True)
        return response


class _ResetResponse(web.Response):
    """A response that sends its headers and half of its body, then resets the connection."""

    async def write_eof(self, data: bytes = b"") -> None:
        whole = data or _body_to_truncate(self)
        await self.write(whole[: len(whole) // 2])
        if self._req is not None:
            close_connection(self._req, reset=True)
        raise ConnectionResetError


def _body_to_truncate(response: web.Response) -> bytes:
    """Return the body of a response; a response without a body becomes a 200 with one."""
    if isinstance(response.body, bytes) and response.body:
        return response.body
    response.set_status(HTTPStatus.OK)
    return b'{"id":"01BTGNYV6HRNK8K8VKZASZCFP1"}'


@attrs.frozen
class Delay(Fault):
    """Wait before handling the request. It is handled even if the caller has given up by then."""

    seconds: float
    """The delay in real seconds, since it is meant for real timeouts."""
    then: Fault | None = None
    """The fault to inject after the delay; None to handle the request."""

    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Wait, then handle the request or inject the other fault."""
        await asyncio.sleep(self.seconds)
        return await (exchange.proceed() if self.then is None else self.then.inject(exchange))


@attrs.frozen
class Hang(Fault):
    """Never answer, without handling the request; the connection stays open."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Wait until the caller or the sandbox closes the connection."""
        del exchange
        await asyncio.Event().wait()
        return web.Response()


@attrs.frozen
class StrayAnswer(Fault):
    """Handle the request and answer it, then send a second answer that nothing asked for on the same connection."""

    status: int = 204
    """The HTTP status of the second answer."""
    seconds: float = 0.0
    """The delay between the two answers, in real seconds."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then schedule the second answer."""
        response = await exchange.proceed()
        stray = _StrayResponse(status=response.status, headers=response.headers, body=response.body)
        stray.second = f"HTTP/1.1 {self.status} Stray\r\nContent-Length: 0\r\n\r\n".encode()
        stray.delay = self.seconds
        return stray


class _StrayResponse(web.Response):
    """A response that is followed by a second one."""

    second: bytes = b""
    delay: float = 0.0

    async def write_eof(self, data: bytes = b"") -> None:
        transport = None if self._req is None else self._req.transport
        await super().write_eof(data)
        if transport is not None:
            asyncio.get_running_loop().call_later(self.delay, transport.write, self.second)


@attrs.frozen
class DropBefore(Fault):
    """Close the connection without handling the request."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Close the connection."""
        return close_connection(exchange.request)


@attrs.frozen
class ApplyThenDrop(Fault):
    """Handle the request, then close the connection without a response: the caller cannot know that it was applied."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle the request, then close the connection."""
        await exchange.proceed()
        return close_connection(exchange.request)


@attrs.frozen
class Garbage(Fault):
    """Send bytes that are not HTTP, and close the connection, without handling the request."""

    data: bytes = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
    """The bytes; a broken TLS greeting by default."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Send the bytes and close the connection."""
        transport = exchange.request.transport
        if transport is not None:
            transport.write(self.data)
            transport.close()
        return web.Response()


def close_connection(request: web.BaseRequest, *, reset: bool = False) -> web.Response:
    """Close the connection of a request. The returned response is never sent."""
    transport = request.transport
    if transport is not None:
        if reset:
            # A linger time of zero makes the kernel send RST instead of FIN.
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()
