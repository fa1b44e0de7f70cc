"""Serving over stdin and stdout, with an orderly end when the process is interrupted."""

import asyncio
import io
import logging
import os
import socket
import sys
import threading
from contextlib import suppress

from mcp.server.mcpserver import MCPServer

__all__ = ["log_to_stderr", "serve_stdio"]

_STDIN = 0
_CHUNK = 65536


def log_to_stderr() -> None:
    """Log warnings and errors on stderr. Call it before the server is made, since the SDK logs in its own way else.

    Records of fieldingkit that have a handler of their own, because of ``--verbose``, are not repeated.
    """
    own = logging.getLogger("fieldingkit")
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: not (own.handlers and record.name.startswith("fieldingkit")))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=[handler])


async def serve_stdio(server: MCPServer) -> None:
    """Serve until the client closes stdin. A cancellation ends it as a closed stdin does: calls in progress first.

    The SDK reads stdin on a thread that nothing can interrupt. So it reads a socket instead, to which a thread of ours
    copies stdin, and which a cancellation shuts.
    """
    source, sink = socket.socketpair()
    previous = sys.stdin
    with source, sink, io.TextIOWrapper(source.makefile("rb"), encoding="utf-8") as stdin:
        sys.stdin = stdin
        threading.Thread(target=_copy, args=(sink,), daemon=True).start()
        serving = asyncio.create_task(server.run_stdio_async())
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            sink.shutdown(socket.SHUT_RDWR)
            await asyncio.wait([serving])
            raise
        finally:
            sys.stdin = previous


def _copy(sink: socket.socket) -> None:
    """Copy stdin to its end, or until the sink is shut."""
    with suppress(OSError):
        while chunk := os.read(_STDIN, _CHUNK):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
