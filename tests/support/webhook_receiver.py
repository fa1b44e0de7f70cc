"""A receiver of webhook deliveries for the sandbox's own tests."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import attrs
from aiohttp import web
from aiohttp.test_utils import TestServer


@attrs.frozen
class Received:
    """A received delivery, decompressed."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event in the body."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    def is_signed_with(self, secret: str) -> bool:
        """Return True if the signature is valid, computed independently of the sandbox."""
        parts = dict(part.split("=", 1) for part in self.headers["Cint-Signature"].split(","))
        signed = parts["t"].encode() + b"." + self.body
        return parts["v1"] == hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Receiver:
    """A server on loopback that acknowledges deliveries, or sends the given answers first."""

    def __init__(self) -> None:
        application = web.Application()
        application.router.add_post("/", self._receive)
        self._server = TestServer(application)
        self.received: list[Received] = []
        self.answers: list[web.Response] = []
        self.on_arrival: Callable[[], Awaitable[object]] | None = None

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        """The URL of the receiver."""
        return str(self._server.make_url("/"))

    @property
    def changes(self) -> list[str]:
        """The first changed field of each received event."""
        return [item.event["data"]["changes"][0]["object"] for item in self.received]

    async def _receive(self, request: web.Request) -> web.Response:
        received = Received(request.headers.copy(), await request.read())
        self.received.append(received)
        if self.on_arrival is not None:
            await self.on_arrival()
        return self.answers.pop(0) if self.answers else web.json_response({"event_id": received.event["id"]})
