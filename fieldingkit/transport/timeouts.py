"""Timeouts of many tasks with a single timer: one timer each would cost more than the rest of an attempt."""

import asyncio
import time
from typing import Any

__all__ = ["Timeouts"]

Task = asyncio.Task[Any]


class Timeouts:
    """Cancels tasks of one event loop that exceed their time; each task may have one timeout at a time."""

    def __init__(self) -> None:
        self._running: dict[Task, tuple[float, int]] = {}
        """For each task: the end of its time, and its count of cancellation requests at the start."""
        self._reached: dict[Task, int] = {}
        """Tasks that were cancelled by a timeout, until the cancellation is withdrawn."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self, task: Task, seconds: float) -> None:
        """Start a timeout for a task."""
        now = time.monotonic()
        when = now + seconds
        self._running[task] = when, task.cancelling()
        if self._timer is None or when < self._due:
            self._set_timer(when, now)

    def expire(self, task: Task) -> None:
        """End a task's time now."""
        _, cancelling = self._running.pop(task, (0.0, task.cancelling()))
        self._reached[task] = cancelling
        task.cancel()

    def stop(self, task: Task) -> None:
        """End the timeout of a task."""
        self._running.pop(task, None)
        if self._reached:
            self.caught(task)

    def caught(self, task: Task) -> bool:
        """Return True if the cancellation that a task caught is only its timeout; withdraw it then."""
        before = self._reached.pop(task, None)
        return before is not None and task.uncancel() <= before

    def close(self) -> None:
        """Cancel the timer unless a timeout is still running."""
        if self._timer is not None and not self._running:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, due: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_later(due - now, self._cancel_overdue)

    def _cancel_overdue(self) -> None:
        """Cancel the tasks whose time is over, and set the timer for the next."""
        self._timer = None
        now = time.monotonic()
        for task, (when, cancelling) in list(self._running.items()):
            if when <= now:
                del self._running[task]
                self._reached[task] = cancelling
                task.cancel()
        if self._running:
            self._set_timer(min(when for when, _ in self._running.values()), now)
