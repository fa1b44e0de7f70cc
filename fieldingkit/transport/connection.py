"""Connections and their pool, which are aiohttp's: it connects, keeps idle connections, and parses responses."""

import asyncio
import select
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from fieldingkit.transport.attempt import RunningAttempt
from fieldingkit.transport.http import Call

__all__ = ["Connection", "Pool"]

_PART: Final = 2**16
"""Bytes of a body that are written at once."""


class Pool(aiohttp.TCPConnector):
    """A connection pool that reports to the attempts that use it.

    An attempt's time does not run while it waits for a free connection; with a connection, the session sends it.
    """

    lease: ClassVar[Callable[..., Awaitable[Any]]] = aiohttp.TCPConnector.connect
    """Returns a connection for those who report themselves when they send."""

    def observe(self, attempts: Mapping[asyncio.Task[Any], RunningAttempt]) -> None:
        """Set the attempts that use the pool, by their task."""
        self._attempts = attempts
        self._factory: Any = partial(Connection, loop=self._loop)

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return a connection for the session."""
        connection = await self.lease(req, traces, timeout)
        self._current().call.bytes_sent = True
        return connection

    async def _wait_for_available_connection(self, *args: Any, **options: Any) -> None:
        attempt = self._current()
        attempt.wait_for_connection()
        await super()._wait_for_available_connection(*args, **options)
        attempt.start_again()

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        protocol.end_exchange()
        super()._release(key, protocol, should_close=should_close)

    def _current(self) -> RunningAttempt:
        task: Any = asyncio.current_task(self._loop)
        return self._attempts[task]


class Connection(ResponseHandler):
    """A connection that is not reused while it has unread input: that would be taken for the next response."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._poll: Callable[[int], Sequence[object]] = lambda _: ()
        self._unsent: memoryview | None = None
        """The rest of a large body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Watch the socket of a new connection."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(select, "poll"):  # Windows has none
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            self._poll = poll.poll

    def is_connected(self) -> bool:
        """Return whether the connection can be used for another request.

        Input that the event loop has read makes ``should_close`` true. Input that it has not read yet, which the end of
        the stream counts as, makes the socket readable.
        """
        transport = self.transport  # not super().is_connected(), whose frame costs as much as the system call
        return transport is not None and not transport.is_closing() and not self.should_close and not self._poll(0)

    def send(self, call: Call, head: bytes) -> None:
        """Write a request: at once, or the beginning of one that has a large body."""
        transport, body = self.transport, call.request.body
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("the connection was closed before the request was sent")
        call.bytes_sent = True
        if body is None or len(body) <= _PART:
            transport.write(head + body if body else head)
        else:
            self._unsent = memoryview(body)
            transport.write(head)
            self._send_part()

    def resume_writing(self) -> None:
        """Continue with a large body: the server has received what was written."""
        super().resume_writing()
        self._send_part()

    def _send_part(self) -> None:
        """Write the next part of a large body, one in each turn of the event loop, which reads an early response."""
        transport, unsent = self.transport, self._unsent
        if unsent is None or transport is None or transport.is_closing():
            self._unsent = None
        elif not self.writing_paused:
            self._unsent = unsent[_PART:] or None
            transport.write(unsent[:_PART])
            self._loop.call_soon(self._send_part)

    def set_exception(self, exc: Any, *args: Any, **options: Any) -> None:
        """Fail the response that is being received, and its body, which would otherwise be waited for."""
        super().set_exception(exc, *args, **options)
        content = self._payload
        if content is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError(str(exc)))

    def end_exchange(self) -> None:
        """End the present exchange: whatever arrives from now on is unread input."""
        if self._unsent is not None or self.writing_paused:
            # The response did not wait for the rest of the body, which nobody needs.
            self._unsent = None
            self.force_close()
        self._parser = None  # it would accept the beginning of a further response

    def close(self) -> None:
        """Close the connection at once, even if the server does not read what was written."""
        transport = self.transport
        if transport is not None and not transport.is_closing() and transport.get_write_buffer_size():
            transport.abort()
        super().close()
