"""An event loop with virtual time, and a client's clock that uses it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Returns at once and adds the time to wait to the loop's time."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        """Add the time to wait, and return what is ready."""
        if timeout is None:
            raise RuntimeError("deadlock: all tasks wait, and no timer is set")
        self.loop.passed += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time advances only when no callback is ready."""

    def __init__(self) -> None:
        self.passed = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self.passed


class LoopClock:
    """A client's clock that uses the running loop's time."""

    def now(self) -> float:
        """Return the loop's time."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Return the time of day: the loop's time after a fixed moment."""
        return 1_800_000_000.0 + self.now()

    async def sleep(self, seconds: float) -> None:
        """Wait in the loop's time."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, function: Callable[[], object]) -> asyncio.TimerHandle:
        """Call a function at the loop's time."""
        return asyncio.get_running_loop().call_later(seconds, function)


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a virtual loop."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
