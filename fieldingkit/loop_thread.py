"""An event loop on a thread of its own, and what lives in it."""

import asyncio
import contextvars
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from typing import Any, ParamSpec, Protocol, TypeVar

from fieldingkit.errors import ConfigurationError

__all__ = ["GRACE_PERIOD", "LoopResource", "LoopThread", "new_event_loop"]


P = ParamSpec("P")
T = TypeVar("T")

GRACE_PERIOD = 1.0
"""Seconds that what was cancelled gets to clean up, before an interrupted caller or the interpreter's end goes on."""


class LoopResource(Protocol):
    """What lives in a loop and is closed with it."""

    async def aclose(self) -> None:
        """Close what is open; what is under way fails."""
        ...

    def renew(self) -> None:
        """Begin anew in another loop, after a fork. What was open belongs to the parent: leave it as it is."""
        ...


class LoopThread:
    """A loop that runs until it is stopped, and then lets everything in it come to its end.

    Raises:
        ConfigurationError: if there is no thread any more, since the interpreter shuts down.
    """

    def __init__(self, tenant: LoopResource) -> None:
        self._stopped: bool = False
        self._closes_tenant = False
        # In an empty context: the loop must not keep the span of whoever happened to call first.
        run = contextvars.Context().run
        self.loop: asyncio.AbstractEventLoop = run(new_event_loop)
        self.loop.set_default_executor(_Lookups())
        self.thread: threading.Thread = threading.Thread(
            target=run, args=(self._serve, tenant), name="fieldingkit", daemon=True
        )
        try:
            self.thread.start()
        except RuntimeError as exc:  # Python 3.12 starts none once the interpreter shuts down
            self.loop.close()
            raise ConfigurationError(f"there is no thread to run the client's event loop on: {exc}") from exc
        except BaseException:  # interrupted: the thread may be running by now, and nobody would know of it
            self.stop(close_tenant=False)
            raise

    def stop(self, *, close_tenant: bool = True) -> None:
        """Have it end soon; does not wait."""
        self.loop.call_soon_threadsafe(self._stop, close_tenant)

    def _stop(self, close_tenant: bool) -> None:  # call_soon passes no keywords
        self._stopped, self._closes_tenant = True, close_tenant
        self.loop.stop()

    def _serve(self, tenant: LoopResource) -> None:
        """The thread.

        In a forked child this frame lives on, never to be run or freed: it keeps the loop and the tenant from being
        collected there, which would close the parent's connections.
        """
        # A SystemExit or KeyboardInterrupt of a task breaks the loop off, whatever it is at; whoever waits for that
        # task gets it as well.
        try:
            while not self._stopped:
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_forever()
            ending = self.loop.create_task(_end(tenant if self._closes_tenant else None))
            while not ending.done():
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_until_complete(ending)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()


class _Lookups(ThreadPoolExecutor):
    """Threads to look up host names on. In atexit handlers, where no pool takes work any more, the loop does it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if threading.main_thread().is_alive():
            return super().submit(fn, *args, **kwargs)
        found: Future[T] = Future()
        found.set_result(fn(*args, **kwargs))
        return found


async def _end(tenant: LoopResource | None) -> None:
    """Close the tenant before the tasks are cancelled: a request that breaks can tell what may have become of it."""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_PERIOD):  # a server may not take what is still to be sent
                if tenant is not None:
                    await tenant.aclose()
    finally:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
