"""The event loop that fieldingkit makes for itself: uvloop's where that is installed, with ``fieldingkit[speed]``."""

import asyncio
import socket
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

__all__ = ["new_event_loop"]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop that is not running yet. Loads uvloop, if it is there, no earlier than a loop is needed."""
    return _kind()()


@cache
def _kind() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        base = import_module("uvloop").Loop
    except ImportError:
        return asyncio.new_event_loop
    loop: Callable[[], asyncio.AbstractEventLoop] = type("Loop", (base,), {"getaddrinfo": _getaddrinfo})
    return loop


async def _getaddrinfo(loop: asyncio.AbstractEventLoop, host: Any, port: Any, **options: int) -> Any:
    """Looks addresses up as asyncio does, on the loop's executor.

    uvloop does it on threads of libuv's own, and in a forked child libuv crashes at exit, in search of these threads:
    https://github.com/libuv/libuv/issues/4443.
    """
    return await loop.run_in_executor(None, partial(socket.getaddrinfo, host, port, **options))
