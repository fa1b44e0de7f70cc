"""The clock that every wait of fieldingkit goes by, so that a test can put another in its place."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "MonotonicClock", "Timer"]


class Timer(Protocol):
    """A call that is going to be made."""

    def cancel(self) -> None:
        """Do not make it."""
        ...


class Clock(Protocol):
    """A monotonic clock and ways to wait by it; setting the wall clock changes none of them."""

    def now(self) -> float:
        """Seconds from an arbitrary beginning; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        ...

    def call_later(self, seconds: float, function: Callable[[], object]) -> Timer:
        """Call a function after so many seconds of this clock, in the running event loop."""
        ...


class MonotonicClock:
    """The real clock."""

    def __init__(self) -> None:
        # The function itself rather than a method around it: each call asks for the time several times.
        self.now: Callable[[], float] = time.monotonic
        """Seconds from an arbitrary beginning; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, function: Callable[[], object]) -> Timer:
        """Call a function after so many seconds, in the running event loop."""
        return asyncio.get_running_loop().call_later(seconds, function)
