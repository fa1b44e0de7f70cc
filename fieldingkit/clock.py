"""The clock used for all waits and timeouts; tests can replace it."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "MonotonicClock", "Timer"]


class Timer(Protocol):
    """A scheduled function call."""

    def cancel(self) -> None:
        """Cancel the function call."""
        ...


class Clock(Protocol):
    """A monotonic clock and waits that use it, and the wall clock, whose times are only recorded."""

    def now(self) -> float:
        """Return seconds from an arbitrary beginning; the value never decreases."""
        ...

    def wall(self) -> float:
        """Return the time of day in seconds since 1970, UTC. It may jump, so no wait depends on it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds of this clock."""
        ...

    def call_later(self, seconds: float, function: Callable[[], object]) -> Timer:
        """Call a function after a number of seconds of this clock, in the running event loop."""
        ...


class MonotonicClock:
    """The real clocks, ``time.monotonic`` and ``time.time``."""

    def __init__(self) -> None:
        # The function itself, not a method that calls it: each call reads the time several times.
        self.now: Callable[[], float] = time.monotonic
        """Return seconds from an arbitrary beginning; the value never decreases."""

    def wall(self) -> float:
        """Return the time of day in seconds since 1970, UTC."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, function: Callable[[], object]) -> Timer:
        """Call a function after a number of seconds, in the running event loop."""
        return asyncio.get_running_loop().call_later(seconds, function)
