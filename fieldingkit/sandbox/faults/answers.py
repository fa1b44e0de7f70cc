"""Faults that answer something of their own."""

import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

import attrs
from aiohttp import web

from fieldingkit.sandbox.injection import Exchange, Fault
from fieldingkit.sandbox.problems import problem_of_status

__all__ = ["Answer", "ApplyThenAnswer", "GzipBomb", "HtmlPage", "Redirect"]


@attrs.frozen
class Answer(Fault):
    """Answer with any status and body, without handling the request."""

    status: int
    """The HTTP status."""
    body: object = None
    """Bytes are sent as they are, anything else as JSON; None for the body that the API documents for the status."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Headers beside the usual ones, such as `Retry-After`."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Answer."""
        body = self.body
        if body is None and self.status >= HTTPStatus.BAD_REQUEST:
            body = problem_of_status(self.status).body(exchange.world.identifiers.uuid())
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
    """Handle the request, then answer something else: a failure that only looks like one."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Handle, then answer."""
        await exchange.proceed()
        return await Answer.inject(self, exchange)


@attrs.frozen
class HtmlPage(Fault):
    """Answer with the HTML page of a proxy, without handling the request."""

    status: int = 502
    """The HTTP status."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Answer the page."""
        page = f"<html><head><title>{self.status}</title></head><body><h1>Bad gateway</h1></body></html>"
        return web.Response(status=self.status, text=page, content_type="text/html")


@attrs.frozen
class Redirect(Fault):
    """Answer with a redirect, without handling the request."""

    location: str
    """Where to."""
    status: int = 307
    """The HTTP status."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Redirect."""
        return web.Response(status=self.status, headers={"Location": self.location})


@attrs.frozen
class GzipBomb(Fault):
    """Answer 200 with a small gzip body that unpacks to a huge one, without handling the request."""

    size: int = 64 * 2**20
    """How many bytes it unpacks to, roughly."""

    async def inject(self, exchange: Exchange) -> web.Response:
        """Answer the bomb."""
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
