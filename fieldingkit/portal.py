"""A private event loop on a thread of its own, and the way into it from any other thread."""

import asyncio
import atexit
import inspect
import os
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

from fieldingkit._warnings import calling_frame, file_and_line
from fieldingkit.errors import ClientClosedError, ConfigurationError, FieldingKitError
from fieldingkit.loop_thread import GRACE_PERIOD, LoopResource, LoopThread

__all__ = ["Portal"]

P = ParamSpec("P")
T = TypeVar("T")


class Portal:
    """Runs coroutines for callers that are not in an event loop, or in one that they do not want to wait in.

    The thread starts with the first call, and once more in a forked child: threads do not survive a fork.
    """

    def __init__(self, tenant: LoopResource) -> None:
        self._tenant = tenant
        # Re-entrant: a signal handler or a finalizer may make a call in the midst of another one.
        self._lock = threading.RLock()
        self._running: LoopThread | None = None
        self._thread: threading.Thread | None = None
        self._inherited = False
        self._closed = False
        self._warned = False
        self._made_at = file_and_line(calling_frame())
        _portals.add(self)

    def call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(*args, **kwargs)`` on the loop and give its result.

        The caller's context variables, the current span among them, are those of the coroutine. A caller who is
        interrupted cancels it.

        Raises:
            ClientClosedError: if the portal was closed, before or during the call.
            ConfigurationError: if called from its own loop, where it would wait for itself.
        """
        self._refuse_own_loop(function)
        self._warn_of_blocking()
        call = _Call(partial(function, *args, **kwargs))
        try:
            self._submit(call)
            call.wait()
        except BaseException:
            call.cancel()
            raise
        try:
            return call.outcome()
        except asyncio.CancelledError as exc:
            # Not passed on as it is: above a blocking call it would look as if the caller had been cancelled.
            kind = ClientClosedError if self._closed else FieldingKitError
            reason = "the client was closed" if self._closed else "something in the event loop cancelled it"
            error = kind(f"{reason} while the call was going on", maybe_applied=True)
            for note in getattr(exc, "__notes__", ()):  # how to go on with what was broken off
                error.add_note(note)
            raise error from exc

    def each(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Give the items of an async iterator one by one.

        Who leaves early leaves nothing behind: the loop closes an async generator that nobody refers to any more.

        Raises:
            ClientClosedError: as for ``call``, with each item.
            ConfigurationError: as for ``call``.
        """
        self._refuse_own_loop(items)
        while (taken := self.call(_take, items)) is not None:
            yield taken[0]

    def close(self) -> None:
        """Break off what is running, close the tenant, and wait until the thread has ended. Calling it again is fine.

        Raises:
            ConfigurationError: if called from its own loop.
        """
        self._refuse_own_loop(self._tenant.aclose)
        self._stop()
        self.join()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended, if there is one."""
        if self._thread is not None:
            self._thread.join(timeout)

    def abandon(self) -> None:
        """Close it in the place of an owner who did not, and say so. Does not wait."""
        if self._stop():
            message = "this fieldingkit client was not closed: use it in a with statement, or call close()"
            warnings.warn_explicit(message, ResourceWarning, *self._made_at)

    __del__ = abandon

    def forked(self) -> None:
        """Forget, in a forked child, what stayed in the parent: the thread, and whoever may hold the lock there."""
        self._lock = threading.RLock()
        self._inherited = self._inherited or self._thread is not None
        self._running = self._thread = None

    def _submit(self, call: "_Call[Any]") -> None:
        with self._lock:  # what is let in comes before the end that close() asks for
            if self._running is None and not self._closed:
                self._open()
            running = self._running
            if running is not None:
                try:
                    call.begin(running.loop)
                except RuntimeError:
                    if not self._closed:
                        raise
            if self._closed:  # before, or in the midst of this by a signal handler
                self._stop()
                if not call.has_begun():  # if it has, it may have left by now; the loop's end will settle it
                    raise ClientClosedError("the client is closed: make a new one", maybe_applied=running is not None)

    def _open(self) -> None:
        """Have a loop run. Its thread does not know the portal, which can be collected while it runs."""
        if self._inherited:
            self._tenant.renew()
            self._inherited = False
        opened = LoopThread(self._tenant)
        if self._running is None and not self._closed:
            self._running, self._thread = opened, opened.thread
        else:  # a signal handler came in between: it opened one of its own, or closed the portal
            opened.stop(close_tenant=False)

    def _stop(self) -> bool:
        """Let nobody in any more, and have the thread end; tells whether it was running."""
        with self._lock:
            running, self._running = self._running, None
            self._closed = True
            if running is not None:
                running.stop()
            return running is not None

    def _refuse_own_loop(self, function: object) -> None:
        if threading.current_thread() is self._thread:
            name = getattr(function, "__qualname__", repr(function))
            reason = "a blocking call on the client's own event loop would wait for itself"
            raise ConfigurationError(f"{reason}: use the async client's {name} there")

    def _warn_of_blocking(self) -> None:
        """Warn, once, of a call in a coroutine function: its event loop stands still meanwhile."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        user = frame = calling_frame()
        # The cells of a notebook run within an event loop too. But a cell is a module: nobody expects it to be awaited.
        while not self._warned and frame is not None and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            if frame.f_code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
                self._warned = True
                message = "a blocking call in a coroutine function stops its event loop: use AsyncClient there"
                warnings.warn_explicit(message, RuntimeWarning, *file_and_line(user))
            frame = frame.f_back


class _Call(Generic[T]):
    """One call. Its coroutine runs in the loop, while its caller waits on another thread for a lock to open."""

    __slots__ = ("_done", "_error", "_function", "_lock", "_loop", "_result", "_task")

    _result: T

    def __init__(self, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._function = function
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._done = False
        # Half the price of a concurrent future, which is made of a condition and takes another lock for each wait.
        self._lock = threading.Lock()
        self._lock.acquire()

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have it started in the loop, in a copy of the caller's context: nothing that is set there leaks back."""
        self._loop = loop  # first, since it can be interrupted at any time from here on
        loop.call_soon_threadsafe(self._start)

    def has_begun(self) -> bool:
        """Whether its coroutine is in the loop."""
        return self._task is not None

    def wait(self) -> None:
        """Wait until it is done."""
        while not self._lock.acquire(timeout=GRACE_PERIOD):
            pass  # in slices, since on Windows Ctrl-C does not interrupt the wait for a lock

    def outcome(self) -> T:
        """Give what the coroutine gave, or raise what it raised."""
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def cancel(self) -> None:
        """Cancel it because its caller was interrupted, and give it a moment to clean up."""
        if self._loop is not None and not self._done:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._cancel)
                self._lock.acquire(timeout=GRACE_PERIOD)

    def _start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def _cancel(self) -> None:
        if self._task is None:  # interrupted before the loop had it
            self._lock.release()
        else:
            # Not at once: a task that is cancelled before its first step never comes to the line that frees its caller.
            asyncio.get_running_loop().call_soon(self._task.cancel)

    async def _run(self) -> None:
        with self:
            self._result = await self._function()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        # Whatever was raised is the caller's, also what would otherwise end the loop.
        self._error = exc
        self._done = True
        self._lock.release()
        return True


async def _take(items: AsyncIterator[T]) -> tuple[T] | None:
    async for item in items:
        return (item,)
    return None


_portals: "weakref.WeakSet[Portal]" = weakref.WeakSet()


def _after_fork() -> None:
    for portal in _portals:
        portal.forked()


def _at_exit() -> None:
    # While threads still run. Later a loop claims to run and does not, and who calls it waits for ever.
    with ExitStack() as stack:
        for portal in list(_portals):
            stack.callback(portal.join, GRACE_PERIOD)
            stack.callback(portal.abandon)


if hasattr(os, "register_at_fork"):  # there are no forks on Windows
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
