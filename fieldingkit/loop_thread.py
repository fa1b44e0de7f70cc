"""The thread that runs the event loop of a blocking client."""

import asyncio
import contextvars
import logging
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
"""Seconds that cancelled work has to clean up before an interrupted caller or the interpreter's exit continues."""


_TURNS = 100
"""Iterations of the loop in which ended calls may raise their own errors; more than any call needs."""

_logger = logging.getLogger("fieldingkit.loop")


class LoopResource(Protocol):
    """A resource that is used in one event loop and closed with it."""

    async def aclose(self) -> None:
        """Close the resource; pending operations fail."""
        ...

    def reopen(self) -> None:
        """Prepare for another event loop after a fork, without touching the connections of the parent."""
        ...


class LoopThread:
    """A thread with an event loop that runs until it is stopped, and then cancels and awaits all its tasks.

    Raises:
        ConfigurationError: if no thread can be started because the interpreter is shutting down.
    """

    def __init__(self, resource: LoopResource) -> None:
        self._stopped: bool = False
        self._closes_resource = False
        # An empty context: the loop must not keep the span of its first caller alive.
        run = contextvars.Context().run
        self.loop: asyncio.AbstractEventLoop = run(new_event_loop)
        self.loop.set_default_executor(_ResolverThreads())
        self.thread: threading.Thread = threading.Thread(
            target=run, args=(self._serve, resource), name="fieldingkit", daemon=True
        )
        try:
            self.thread.start()
        except RuntimeError as exc:  # Python 3.12 starts no thread once the interpreter is shutting down
            self.loop.close()
            raise ConfigurationError(f"no thread can be started for the client's event loop: {exc}") from exc
        except BaseException:  # interrupted by a signal: the thread may be running already
            self.stop(close_resource=False)
            raise

    def stop(self, *, close_resource: bool = True) -> None:
        """Request the end of the loop; does not wait for it."""
        self.loop.call_soon_threadsafe(self._stop, close_resource)

    def _stop(self, close_resource: bool) -> None:  # call_soon passes no keywords
        self._stopped, self._closes_resource = True, close_resource
        self.loop.stop()

    def _serve(self, resource: LoopResource) -> None:
        """Run the loop, in the thread.

        In a forked child this frame is never resumed or freed. It keeps the loop and the resource from being
        collected there, which would close the connections of the parent.
        """
        # A SystemExit or KeyboardInterrupt in a task stops the loop; the caller that waits for the task gets it too.
        try:
            while not self._stopped:
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_forever()
            ending = self.loop.create_task(_finish(resource if self._closes_resource else None))
            while not ending.done():
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_until_complete(ending)
        finally:
            self.loop.close()


class _ResolverThreads(ThreadPoolExecutor):
    """Threads for host name lookups. During interpreter shutdown, pools accept no work: the loop resolves itself."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if threading.main_thread().is_alive():
            return super().submit(fn, *args, **kwargs)
        found: Future[T] = Future()
        found.set_result(fn(*args, **kwargs))
        return found


async def _finish(resource: LoopResource | None) -> None:
    """Close the resource, then cancel all tasks and give them the grace period to end."""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_PERIOD):  # a stalled server may never read the rest of a request
                if resource is not None:
                    await resource.aclose()
    finally:
        # Calls that the resource ended raise their own errors first: these know whether they may have been applied.
        for _ in range(_TURNS):
            if not (tasks := _other_tasks()):
                break
            await asyncio.sleep(0)
        for task in (tasks := _other_tasks()):
            task.cancel()
        tasks.add(asyncio.create_task(asyncio.get_running_loop().shutdown_asyncgens()))
        _, stubborn = await asyncio.wait(tasks, timeout=GRACE_PERIOD)
        if stubborn:
            names = sorted(_name(task) for task in stubborn)
            _logger.warning("tasks ignored their cancellation", extra={"tasks": names})
            # They are destroyed with the loop, which asyncio would report once more.
            asyncio.get_running_loop().set_exception_handler(_ignore)


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    del loop, context


def _other_tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    # The task of a call awaits the coroutine of its caller, whose name says more.
    awaited = getattr(coroutine, "cr_await", None)
    return str(getattr(awaited, "__qualname__", getattr(coroutine, "__qualname__", task.get_name())))


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's if it is installed, else asyncio's."""
    return _loop_factory()()


@cache
def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        base = import_module("uvloop").Loop
    except ImportError:
        return asyncio.new_event_loop
    loop: Callable[[], asyncio.AbstractEventLoop] = type("Loop", (base,), {"getaddrinfo": _getaddrinfo})
    return loop


async def _getaddrinfo(loop: asyncio.AbstractEventLoop, host: Any, port: Any, **options: int) -> Any:
    """Resolve a host name as asyncio does, on the loop's executor.

    uvloop resolves on threads of libuv, and libuv crashes at the exit of a forked child that lacks these threads:
    https://github.com/libuv/libuv/issues/4443.
    """
    return await loop.run_in_executor(None, partial(socket.getaddrinfo, host, port, **options))
