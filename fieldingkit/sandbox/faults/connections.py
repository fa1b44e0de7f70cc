"""Faults of the connection: too slow, or cut."""

import asyncio
import socket
import struct
import sys

import attrs
from aiohttp import web

from fieldingkit.sandbox.injection import Exchange, Fault

__all__ = ["ApplyThenDrop", "Delay", "DropBefore", "Garbage", "cut"]


@attrs.frozen
class Delay(Fault):
    """Wait before handling the request; it is handled even if the caller has given up by then."""

    seconds: float
    """How long, in real seconds, since it is real time-outs that this is to meet."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Wait, then handle."""
        await asyncio.sleep(self.seconds)
        return await exchange.proceed()


@attrs.frozen
class DropBefore(Fault):
    """Close the connection without handling the request."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Close."""
        return cut(exchange.request)


@attrs.frozen
class ApplyThenDrop(Fault):
    """Handle the request, then close the connection without an answer: the caller cannot know that it was done."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then close."""
        await exchange.proceed()
        return cut(exchange.request)


@attrs.frozen
class Garbage(Fault):
    """Send bytes that are not HTTP, and close the connection, without handling the request."""

    data: bytes = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
    """The bytes; a broken TLS greeting if not given."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Send them."""
        transport = exchange.request.transport
        if transport is not None:
            transport.write(self.data)
            transport.close()
        return web.Response()


def cut(request: web.BaseRequest, *, reset: bool = False) -> web.Response:
    """Close the connection; the response is there to be returned, and is never sent."""
    transport = request.transport
    if transport is not None:
        if reset:
            # Lingering for no time makes the kernel send RST, where closing would send FIN.
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()
