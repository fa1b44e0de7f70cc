"""A transport of the caller in place of the network, for simulations and tests."""

import asyncio

from fieldingkit.errors import Attempt, ClientClosedError, ConfigurationError, TransportError
from fieldingkit.transport.http import Call, Response, Transport

__all__ = ["CustomTransport"]


class CustomTransport:
    """Sends requests through a function, and records the attempts.

    Args:
        send: Sends a call's request once and returns its response, or raises ``TransportError``.
    """

    def __init__(self, send: Transport) -> None:
        self._send = send
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def __call__(self, call: Call) -> Response:
        """Send a call's request once.

        Raises:
            TransportError: if there is no response.
        """
        started = call.clock.now()
        call.bytes_sent = True
        status: int | None = None
        failure: str | None = None
        try:
            response = await self._send(call)
            status = response.status
            return response
        except BaseException as exc:
            call.bytes_sent = exc.sent if isinstance(exc, TransportError) else True
            failure = type(exc).__name__
            raise
        finally:
            number, duration = len(call.attempts) + 1, call.clock.now() - started
            call.attempts.append(
                Attempt(number, status, failure, call.bytes_sent, started - call.started, duration, call.delay)
            )

    def bind(self) -> None:
        """Bind the client to the running event loop.

        Raises:
            ClientClosedError: if the client is closed.
            ConfigurationError: if the client is bound to another event loop.
        """
        if self._closed:
            raise ClientClosedError("the client is closed and nothing was sent; create a new client")
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            raise ConfigurationError("the client belongs to another event loop; create one client for each event loop")
        self._loop = loop

    async def aclose(self) -> None:
        """Refuse further calls."""
        self._closed = True
