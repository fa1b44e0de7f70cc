"""An event loop whose time jumps to the next timer, and that notices deadlocks and livelocks."""

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

__all__ = ["MAX_ITERATIONS", "SimulatedLoop", "StalledError"]

MAX_ITERATIONS = 300_000
"""The iterations of one simulation beyond which it counts as a livelock."""

TaskHook = Callable[["asyncio.Task[Any]"], None]


class StalledError(BaseException):
    """Everything waits for something that never comes, or nothing ever ends. No product code may catch it."""


class _NoFiles(selectors.BaseSelector):
    """A selector without files: waiting passes time."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.iterations = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Let the time pass."""
        self.iterations += 1
        if self.iterations > MAX_ITERATIONS:
            raise StalledError(f"livelock: {MAX_ITERATIONS} iterations of the event loop")
        if timeout is None:
            raise StalledError("deadlock: all tasks wait, and no timer is set")
        self.passed += max(0.0, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        """Refuse a file."""
        raise NotImplementedError

    def unregister(self, fileobj: Any) -> Any:
        """Refuse a file."""
        raise NotImplementedError

    def get_map(self) -> Mapping[Any, Any]:
        """Return no files."""
        return {}


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop without files, sockets, threads and real time.

    Args:
        on_task: Called with each new task.
    """

    def __init__(self, on_task: TaskHook) -> None:
        self._files = _NoFiles()
        self._on_task = on_task
        super().__init__(self._files)
        self._clock_resolution = 1e-9
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._files.passed

    @property
    def iterations(self) -> int:
        """The number of iterations so far."""
        return self._files.iterations

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Call a function in the next iteration: there are no other threads."""
        return self.call_soon(callback, *args, context=context)

    def _make_self_pipe(self) -> None:
        """Do without: no other thread wakes the loop."""

    def _close_self_pipe(self) -> None:
        """Do nothing."""

    def _write_to_self(self) -> None:
        """Do nothing."""

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=loop, **options)
        self._on_task(task)
        return task
