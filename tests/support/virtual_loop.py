"""An event loop without real time, and the client's clock that goes by it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: the time that would be waited is passed at once."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        """Pass the time."""
        if timeout is None:
            raise RuntimeError("everything waits for something that will never come")
        self.loop.passed += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nothing else is left to do."""

    def __init__(self) -> None:
        self.passed = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.passed


class LoopClock:
    """The client's clock, by the running loop's time."""

    def now(self) -> float:
        """What the loop shows."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait by the loop's time."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, function: Callable[[], object]) -> asyncio.TimerHandle:
        """Call by the loop's time."""
        return asyncio.get_running_loop().call_later(seconds, function)


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in such a loop."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
