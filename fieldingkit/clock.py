"""The clock that every wait of fieldingkit goes by, so that a test can put another in its place."""

import asyncio
import time
from typing import Protocol

__all__ = ["Clock", "MonotonicClock"]


class Clock(Protocol):
    """A monotonic clock and a way to sleep by it; setting the wall clock changes neither."""

    def now(self) -> float:
        """Seconds from an arbitrary beginning; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        ...


class MonotonicClock:
    """The real clock."""

    def now(self) -> float:
        """Seconds from an arbitrary beginning; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await asyncio.sleep(seconds)
