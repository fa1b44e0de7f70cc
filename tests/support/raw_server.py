"""A server that sends exactly the given bytes, sends nothing, or disconnects."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import attrs


@attrs.frozen
class Received:
    """A request as received."""

    method: str
    target: str
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes
    head: bytes
    """The request line and the headers, byte for byte."""


@attrs.frozen
class Connection:
    """The server's side of a connection, for one request."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Close the connection."""
        self.writer.close()

    def reset(self) -> None:
        """Close the connection with a RST."""
        plain = self.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has disconnected."""
        while await self.reader.read(65536):
            pass


Step = Callable[[Connection], Awaitable[None]]
"""The server's reaction to one request."""


def answer(
    status: int = 200, body: object = None, headers: Mapping[str, str] | None = None, *, length: int | None = None
) -> Step:
    """Return a step that responds; bytes are sent as they are, anything else as JSON.

    Args:
        status: The HTTP status.
        body: The body.
        headers: Additional headers.
        length: A false ``Content-Length``.
    """
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()

    async def step(connection: Connection) -> None:
        fields: dict[str, Any] = {"Content-Type": "application/json", **(headers or {})}
        if status != 204:
            fields["Content-Length"] = len(content) if length is None else length
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await connection.write(f"HTTP/1.1 {status} Reason\r\n{head}\r\n".encode() + content)
        if length is not None and length > len(content):
            connection.close()

    return step


def raw(data: bytes) -> Step:
    """Return a step that sends bytes, which need not be HTTP, and disconnects."""

    async def step(connection: Connection) -> None:
        await connection.write(data)
        connection.close()

    return step


async def close(connection: Connection) -> None:
    """Disconnect without a response."""
    connection.close()


async def reset(connection: Connection) -> None:
    """Disconnect with a RST, without a response."""
    connection.reset()


async def hang(connection: Connection) -> None:
    """Send nothing until the client has disconnected."""
    await connection.gone()


class RawServer:
    """Plays a script: each request takes the next step; the last step is repeated.

    Args:
        script: The steps.
        tls: The TLS context; None for plain HTTP.
    """

    def __init__(self, *script: Step, tls: ssl.SSLContext | None = None) -> None:
        self.script = list(script)
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        """The number of open connections."""
        self.handshakes_failed = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def origin(self) -> str:
        """The origin, by address; by name for TLS, since certificates hold names."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"{self.origin}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # TLS would wait for the peer's close notification
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.open += 1
        try:
            while not writer.is_closing():
                request = await _read(reader)
                self.requests.append(request)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await step(Connection(request, reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body, head)
