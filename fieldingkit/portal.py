"""A private event loop on a thread of its own, and the way into it from any other thread."""

import asyncio
import concurrent.futures
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from fieldingkit.errors import ClientClosedError, ConfigurationError

__all__ = ["Portal"]

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 1.0
"""Seconds that a cancelled coroutine gets to clean up before an interrupted caller goes on."""


class Portal:
    """Runs coroutines for callers that are not in an event loop, or in one that they do not want to wait in.

    The thread is started with the first call, and again after a fork in the child: threads do not survive one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._closed = False

    def call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(*args, **kwargs)`` on the loop and give its result.

        The caller's context variables, the current span among them, are those of the coroutine. A caller who is
        interrupted cancels it.

        Raises:
            ClientClosedError: if the portal was closed, before or during the call.
            ConfigurationError: if called from its own loop, where it would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise ConfigurationError(
                "a blocking call was made from within fieldingkit's own event loop, where it would wait for itself: "
                "await the async client's method of the same name instead"
            )
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        call = _Call(function, args, kwargs, future)
        context = contextvars.copy_context()
        loop = self._running_loop()
        try:
            loop.call_soon_threadsafe(call.start, context=context)
        except RuntimeError as exc:  # closed between the two lines
            raise ClientClosedError("the client was closed") from exc
        try:
            return future.result()
        except concurrent.futures.CancelledError as exc:
            raise ClientClosedError("the client was closed while the call was going on") from exc
        except BaseException:
            if not future.done():  # the caller was interrupted, not the call
                loop.call_soon_threadsafe(call.cancel)
                concurrent.futures.wait([future], timeout=_PATIENCE)
            raise

    def close(self) -> None:
        """Cancel what is running, stop the loop and wait for its thread. May be called any number of times."""
        with self._lock:
            self._closed = True
            thread, loop = self._thread, self._loop
            self._thread = self._loop = None
        if thread is None or loop is None or self._pid != os.getpid():
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join()

    @property
    def started(self) -> bool:
        """Whether there is a running thread of this process."""
        return self._thread is not None and self._thread.is_alive() and self._pid == os.getpid()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._pid != os.getpid():
            # A forked child inherits the lock as it was, perhaps held, and a loop that claims to run without a thread.
            self._lock = threading.Lock()
            self._thread = self._loop = None
            self._pid = os.getpid()
        with self._lock:
            if self._closed:
                raise ClientClosedError("the client is closed: make a new one")
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                # An empty context: the thread must not keep the span of whoever happened to call first.
                run = contextvars.Context().run
                self._thread = threading.Thread(target=run, args=(_serve, self._loop), name=self._name, daemon=True)
                self._thread.start()
            return self._loop


class _Call:
    """One call on its way through the portal."""

    __slots__ = ("_args", "_function", "_future", "_kwargs", "_task")

    def __init__(
        self,
        function: Callable[..., Coroutine[Any, Any, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        future: "concurrent.futures.Future[Any]",
    ) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._future = future
        self._task: asyncio.Task[Any] | None = None

    def start(self) -> None:
        try:
            self._task = asyncio.get_running_loop().create_task(self._function(*self._args, **self._kwargs))
        except BaseException as exc:  # noqa: BLE001  # the caller is on another thread
            self._future.set_exception(exc)
        else:
            self._task.add_done_callback(self._finish)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: "asyncio.Task[Any]") -> None:
        if task.cancelled():
            self._future.cancel()
            self._future.set_running_or_notify_cancel()
        elif (exc := task.exception()) is not None:
            self._future.set_exception(exc)
        else:
            self._future.set_result(task.result())


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """The thread: run the loop until it is stopped, then let everything in it come to its end."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
