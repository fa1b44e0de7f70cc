"""Faults that handle the request and spoil the answer."""

from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

import attrs
from aiohttp import web

from fieldingkit.sandbox.faults.connections import cut
from fieldingkit.sandbox.injection import Exchange, Fault

__all__ = ["EmptyBody", "ResetMidBody", "SkewedDate", "TruncatedJson", "WrongCharset", "WrongContentType"]


@attrs.frozen
class ResetMidBody(Fault):
    """Handle the request, send the head and half of the body, then reset the connection."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer in part."""
        response = await exchange.proceed()
        whole = _tearable(response)
        return _TornResponse(status=response.status, headers=response.headers, body=whole)


@attrs.frozen
class TruncatedJson(Fault):
    """Handle the request, and answer half of the JSON as if it were all."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer half."""
        response = await exchange.proceed()
        whole = _tearable(response)
        response.body = whole[: len(whole) // 2]
        return response


@attrs.frozen
class EmptyBody(Fault):
    """Handle the request, and answer with the right status and no body."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer without the body."""
        response = await exchange.proceed()
        response.body = None
        return response


@attrs.frozen
class WrongContentType(Fault):
    """Handle the request, and call the JSON something else."""

    content_type: str = "text/plain"
    """What to call it."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer under another name."""
        response = await exchange.proceed()
        response.headers["Content-Type"] = self.content_type
        return response


@attrs.frozen
class WrongCharset(Fault):
    """Handle the request, and name a charset that the body is not in."""

    charset: str = "utf-16"
    """The charset to name; it need not exist."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer with the charset."""
        response = await exchange.proceed()
        response.headers["Content-Type"] = f"application/json; charset={self.charset}"
        return response


@attrs.frozen
class SkewedDate(Fault):
    """Handle the request, and answer with a `Date` that is off."""

    seconds: float
    """How far ahead of the sandbox's clock; negative for behind."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer with the date."""
        response = await exchange.proceed()
        date = exchange.world.clock.now() + timedelta(seconds=self.seconds)
        response.headers["Date"] = format_datetime(date, usegmt=True)
        return response


class _TornResponse(web.Response):
    """Sends its head and half of its body, then resets the connection."""

    async def write_eof(self, data: bytes = b"") -> None:
        whole = data or _tearable(self)
        await self.write(whole[: len(whole) // 2])
        if self._req is not None:
            cut(self._req, reset=True)
        raise ConnectionResetError


def _tearable(response: web.Response) -> bytes:
    """The body; an answer that has none becomes a 200 that can have one."""
    if isinstance(response.body, bytes) and response.body:
        return response.body
    response.set_status(HTTPStatus.OK)
    return b'{"id":"01BTGNYV6HRNK8K8VKZASZCFP1"}'
