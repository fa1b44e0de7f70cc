"""Time-outs of many tasks by one timer: one for each would cost more than all the rest that is done for an attempt."""

import asyncio
import math
import time
from typing import Any

__all__ = ["Timeout", "Timeouts"]


class Timeout:
    """The time that a task has for something; it is cancelled when the time is over."""

    __slots__ = ("_cancelling", "_task", "reached", "when")

    def __init__(self, task: "asyncio.Task[Any]", when: float) -> None:
        self._task = task
        self._cancelling = task.cancelling()
        self.when = when
        self.reached = False
        """Whether the task was cancelled for it, and that was not taken back yet."""

    def reach(self) -> None:
        """The time is over."""
        self.reached = True
        self._task.cancel()

    def caught(self) -> bool:
        """Whether a cancellation that was caught is this one's doing and nobody else's; it is taken back."""
        if not self.reached:
            return False
        self.reached = False
        return self._task.uncancel() <= self._cancelling


class Timeouts:
    """All that are running in one event loop."""

    def __init__(self) -> None:
        self._running: set[Timeout] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self, seconds: float | None) -> Timeout:
        """Give the present task so many seconds from now; None for as long as it takes.

        Raises:
            RuntimeError: if there is no present task: nothing else can be cancelled.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("this can only be awaited in a task")
        if seconds is None:
            return Timeout(task, math.inf)
        now = time.monotonic()
        timeout = Timeout(task, now + seconds)
        self._running.add(timeout)
        if self._timer is None or timeout.when < self._due:
            self._set_timer(timeout.when, now)
        return timeout

    def stop(self, timeout: Timeout) -> None:
        """It is done, in whatever way."""
        self._running.discard(timeout)
        if timeout.reached:
            timeout.caught()

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
        for timeout in [timeout for timeout in self._running if timeout.when <= now]:
            self._running.discard(timeout)
            timeout.reach()
        if self._running:
            self._set_timer(min(timeout.when for timeout in self._running), now)
