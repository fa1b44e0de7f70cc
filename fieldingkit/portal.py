"""A portal: runs coroutines on a private event loop for callers in other threads."""

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
from typing import Any, Generic, ParamSpec, TypeVar

from fieldingkit._repr import brief_repr
from fieldingkit._warnings import calling_frame, file_and_line
from fieldingkit.errors import ClientClosedError, ConfigurationError, FieldingKitError
from fieldingkit.loop_thread import GRACE_PERIOD, LoopResource, LoopThread

__all__ = ["Portal"]

P = ParamSpec("P")
T = TypeVar("T")


class Portal:
    """Runs coroutines on a private event loop, for blocking callers in any thread.

    The loop's thread starts with the first call, and again in a forked child, since threads do not survive a fork.

    Args:
        resource: The resource that the coroutines use; it is closed with the loop.
    """

    def __init__(self, resource: LoopResource) -> None:
        self._resource = resource
        # Re-entrant: a signal handler or a finalizer may make a call during another one.
        self._lock = threading.RLock()
        self._running: LoopThread | None = None
        self._thread: threading.Thread | None = None
        self._inherited = False
        self._closed = False
        self._warned = False
        self._created_at = file_and_line(calling_frame())
        _portals.add(self)

    def call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(*args, **kwargs)`` on the loop and return its result.

        The coroutine runs in a copy of the caller's context, so that the current span is its parent. If the caller is
        interrupted, the coroutine is cancelled, and the interrupt carries notes on its outcome.

        Raises:
            ClientClosedError: if the portal is closed, before or during the call.
            ConfigurationError: if called on the portal's own loop, where it would deadlock.
        """
        self._refuse_own_loop(function)
        self._warn_in_coroutine()
        call = _Call(partial(function, *args, **kwargs))
        try:
            self._submit(call)
            call.wait()
            return call.result()
        except BaseException as exc:
            if not call.delivered:  # interrupted, or refused
                call.cancel()
                for note in call.notes(self.describe_result):
                    exc.add_note(note)
                raise
            if not isinstance(exc, asyncio.CancelledError):
                raise
            # Converted: a CancelledError from a blocking call would suggest that the caller was cancelled.
            kind = ClientClosedError if self._closed else FieldingKitError
            reason = "the client was closed" if self._closed else "the call was cancelled in the event loop"
            error = kind(f"{reason} during the call", maybe_applied=True)
            for note in getattr(exc, "__notes__", ()):
                error.add_note(note)
            raise error from exc

    def describe_result(self, result: Any) -> str:
        """Return a note on a result that an interrupted caller did not get."""
        return f"the call had already returned {brief_repr(result, 300)}"

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield the items of an async iterator.

        Leaving the iteration early leaks nothing: the loop closes an async generator that is no longer referenced.

        Raises:
            ClientClosedError: as for ``call``, with each item.
            ConfigurationError: as for ``call``.
        """
        self._refuse_own_loop(items)
        while (taken := self.call(_take, items)) is not None:
            yield taken[0]

    def close(self) -> None:
        """Cancel running calls, close the resource, and wait for the end of the thread. Idempotent and thread-safe.

        Raises:
            ConfigurationError: if called on the portal's own loop.
        """
        self._refuse_own_loop(self._resource.aclose)
        self._stop()
        self.join()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the thread, if there is one."""
        if self._thread is not None:
            self._thread.join(timeout)

    def abandon(self) -> None:
        """Stop a portal that its owner did not close, and warn about it. Does not wait."""
        if self._stop():
            message = "this fieldingkit client was not closed: use it in a with statement, or call close()"
            warnings.warn_explicit(message, ResourceWarning, *self._created_at)

    __del__ = abandon

    def reset_after_fork(self) -> None:
        """Forget the parent's thread and lock, in a forked child."""
        self._lock = threading.RLock()
        self._inherited = self._inherited or self._thread is not None
        self._running = self._thread = None

    def _submit(self, call: "_Call[Any]") -> None:
        with self._lock:  # a call that is submitted here precedes the stop that close() requests
            if self._running is None and not self._closed:
                self._open()
            running = self._running
            if running is not None:
                try:
                    call.submit(running)
                except RuntimeError:
                    if not self._closed:
                        raise
            if self._closed:  # before this call, or during it by a signal handler
                self._stop()
                if not call.started():  # a started call may have been sent; the end of the loop settles it
                    raise ClientClosedError("the client is closed: create a new one", maybe_applied=running is not None)

    def _open(self) -> None:
        """Start a loop thread. The thread has no reference to the portal, so that an unused portal is collected."""
        if self._inherited:
            self._resource.reopen()
            self._inherited = False
        opened = LoopThread(self._resource)
        if self._running is None and not self._closed:
            self._running, self._thread = opened, opened.thread
        else:  # a signal handler opened another one meanwhile, or closed the portal
            opened.stop(close_resource=False)

    def _stop(self) -> bool:
        """Refuse new calls and stop the thread; return whether it was running."""
        with self._lock:
            running, self._running = self._running, None
            self._closed = True
            if running is not None:
                running.stop()
            return running is not None

    def _refuse_own_loop(self, function: object) -> None:
        if threading.current_thread() is self._thread:
            raise ConfigurationError(
                f"a blocking call on the client's own event loop would deadlock: await {_name(function)} there"
            )

    def _warn_in_coroutine(self) -> None:
        """Warn once about calls from a coroutine function, whose event loop they block."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        user = frame = calling_frame()
        # Notebook cells run in an event loop too, but they are modules, and cannot be awaited.
        while not self._warned and frame is not None and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            if frame.f_code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
                self._warned = True
                message = "a blocking call in a coroutine function blocks its event loop: use AsyncClient there"
                warnings.warn_explicit(message, RuntimeWarning, *file_and_line(user))
            frame = frame.f_back


def _name(function: object) -> str:
    """Return the name of a function; that of a method has the public class of its object, not a base class of it."""
    owner = getattr(function, "__self__", None)
    if owner is None:
        return str(getattr(function, "__qualname__", brief_repr(function)))
    kind = next(kind for kind in type(owner).__mro__ if not kind.__name__.startswith("_"))
    return f"{kind.__name__}.{getattr(function, '__name__', '')}"


class _Call(Generic[T]):
    """One call: its coroutine runs in the loop while its caller waits in another thread."""

    __slots__ = ("_done", "_error", "_function", "_lock", "_result", "_task", "_thread", "delivered")

    _result: T

    def __init__(self, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._function = function
        self._thread: LoopThread | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._done = False
        self.delivered: bool = False
        """True once the caller has the result, or the exception, of the coroutine."""
        # A bare lock takes half the time of a concurrent future with its condition.
        self._lock = threading.Lock()
        self._lock.acquire()

    def submit(self, thread: LoopThread) -> None:
        """Schedule the coroutine in the loop of a thread, in a copy of the caller's context."""
        self._thread = thread  # first, since an interrupt may arrive at any time after this
        thread.loop.call_soon_threadsafe(self._start)

    def started(self) -> bool:
        """Return whether the coroutine is in the loop."""
        return self._task is not None

    def wait(self) -> None:
        """Wait until the call is done.

        Raises:
            ClientClosedError: if the thread has ended, and the coroutine ignored its cancellation.
        """
        # In slices, since on Windows Ctrl-C does not interrupt the wait for a lock.
        while not self._lock.acquire(timeout=GRACE_PERIOD):
            if self._thread is not None and not self._thread.thread.is_alive() and not self._done:
                raise ClientClosedError("the client was closed and the call did not end in time", maybe_applied=True)

    def result(self) -> T:
        """Return the coroutine's result, or raise its exception."""
        self.delivered = True
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # its traceback refers to this frame

    def cancel(self) -> None:
        """Cancel the coroutine for an interrupted caller, and wait up to the grace period for its end."""
        if self._thread is not None and not self._done:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._thread.loop.call_soon_threadsafe(self._cancel)
                self._lock.acquire(timeout=GRACE_PERIOD)

    def notes(self, describe: Callable[[T], str]) -> list[str]:
        """Return notes on the outcome of the coroutine, for the exception that interrupted its caller.

        Args:
            describe: Returns a note on a result.
        """
        if self._task is None:
            return []
        if not self._done:
            return ["the call did not end in time after its cancellation and may still be applied"]
        if self._error is None:
            return [describe(self._result)]
        own = [str(self._error)] if isinstance(self._error, FieldingKitError) else []
        return [*own, *getattr(self._error, "__notes__", ())]

    def _start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def _cancel(self) -> None:
        if self._task is None:  # interrupted before the loop started it
            self._lock.release()
        else:
            # Deferred: a task that is cancelled before its first step would never release its caller.
            asyncio.get_running_loop().call_soon(self._task.cancel)

    async def _run(self) -> None:
        try:
            self._result = await _checked(self._function())
        except BaseException as exc:  # noqa: BLE001  # raised in the calling thread
            self._error = exc
        self._done = True
        self._lock.release()


def _checked(coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    if not hasattr(coroutine, "__await__"):  # the caller has no type checker
        raise TypeError(f"expected a coroutine function; the function returned {type(coroutine).__name__}")
    return coroutine


async def _take(items: AsyncIterator[T]) -> tuple[T] | None:
    async for item in items:
        return (item,)
    return None


_portals: "weakref.WeakSet[Portal]" = weakref.WeakSet()


def _reset_after_fork() -> None:
    for portal in _portals:
        portal.reset_after_fork()


def _close_at_exit() -> None:
    # While threads still run: later, a loop claims to run but does not, and a call would wait forever.
    with ExitStack() as stack:
        for portal in list(_portals):
            stack.callback(portal.join, GRACE_PERIOD)
            stack.callback(portal.abandon)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_reset_after_fork)
atexit.register(_close_at_exit)
