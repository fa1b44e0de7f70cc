"""Time-outs of many tasks by one timer: one for each would cost more than all the rest that is done for an attempt."""

import asyncio
import time
from typing import Any

__all__ = ["Timeouts"]

Task = asyncio.Task[Any]


class Timeouts:
    """Cancels the tasks of one event loop that take too long for something; each may be at one thing at a time."""

    def __init__(self) -> None:
        self._running: dict[Task, tuple[float, int]] = {}
        """When the time of each is over, and how many cancellations it had been asked for before."""
        self._reached: dict[Task, int] = {}
        """Those that were cancelled for it, until that is taken back."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self, task: Task, seconds: float) -> None:
        """Give a task so many seconds from now."""
        now = time.monotonic()
        when = now + seconds
        self._running[task] = when, task.cancelling()
        if self._timer is None or when < self._due:
            self._set_timer(when, now)

    def stop(self, task: Task) -> None:
        """It is done, in whatever way."""
        self._running.pop(task, None)
        if self._reached:
            self.caught(task)

    def caught(self, task: Task) -> bool:
        """Whether a cancellation that a task caught is its time-out and nothing else; it is taken back."""
        before = self._reached.pop(task, None)
        return before is not None and task.uncancel() <= before

    def close(self) -> None:
        """Leave nothing behind; those that are running keep their time."""
        if self._timer is not None and not self._running:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, due: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_later(due - now, self._look)

    def _look(self) -> None:
        """End those whose time is over, and look again when the next one's is."""
        self._timer = None
        now = time.monotonic()
        for task, (when, cancelling) in list(self._running.items()):
            if when <= now:
                del self._running[task]
                self._reached[task] = cancelling
                task.cancel()
        if self._running:
            self._set_timer(min(when for when, _ in self._running.values()), now)
