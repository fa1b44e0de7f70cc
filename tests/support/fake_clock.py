"""A clock whose time passes only by waiting for it, or by the test."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from fieldingkit.sandbox import SandboxClock

FOREVER = float("inf")


class FakeTimer:
    """A scheduled call."""

    def __init__(self, due: float, function: Callable[[], object]) -> None:
        self.due = due
        self.function: Callable[[], object] | None = function

    def cancel(self) -> None:
        """Cancel the call."""
        self.function = None

    def fire(self) -> None:
        """Make the call, unless it was cancelled or made before."""
        function, self.function = self.function, None
        if function is not None:
            function()


class FakeClock:
    """A ``fieldingkit.clock.Clock`` that takes no real time.

    Args:
        jump: Waits up to this many seconds end at once: the time jumps to their end. Longer waits end when jumps or
            ``advance`` have reached their end. With 0 only ``advance`` changes the time.
        linked: Sandbox clocks that advance with it.
    """

    def __init__(self, *linked: SandboxClock, jump: float = FOREVER) -> None:
        self.time = 1000.0
        self.wall_offset: float = (linked[0].now().timestamp() if linked else 1_800_000_000.0) - self.time
        """The difference between the time of day and this clock; a test sets it to let the wall clock jump."""
        self.sleeps: list[float] = []
        """The seconds of each ``sleep``."""
        self.waits: list[float] = []
        """The seconds of each timer, sleeps included."""
        self._jump = jump
        self._linked = linked
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._numbers = itertools.count()
        self._set = asyncio.Event()
        for clock in linked:
            clock.freeze()

    @property
    def pending(self) -> int:
        """The number of pending timers."""
        return sum(timer.function is not None for _, _, timer in self._timers)

    async def is_waited_for(self) -> None:
        """Wait until a timer is set."""
        while not self.pending:
            self._set.clear()
            await self._set.wait()

    def now(self) -> float:
        """Return the clock's time."""
        return self.time

    def wall(self) -> float:
        """Return the time of day."""
        return self.time + self.wall_offset

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        self.sleeps.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, function: Callable[[], object]) -> FakeTimer:
        """Call a function after so many seconds of this clock."""
        self.waits.append(seconds)
        timer = FakeTimer(self.time + max(0.0, seconds), function)
        heapq.heappush(self._timers, (timer.due, next(self._numbers), timer))
        self._set.set()
        if seconds <= self._jump:
            asyncio.get_running_loop().call_soon(self._jump_to, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Advance the time, and make the calls that become due in their order."""
        self._pass_until(self.time + seconds)

    def _jump_to(self, timer: FakeTimer) -> None:
        if timer.function is None:
            return
        self._pass_until(min(timer.due, self._timers[0][0]))
        # An earlier call may lead to the cancellation of this one: let that happen first.
        asyncio.get_running_loop().call_soon(self._jump_to, timer)

    def _pass_until(self, moment: float) -> None:
        while self._timers and self._timers[0][0] <= moment:
            due, _, timer = heapq.heappop(self._timers)
            self._set_time(due)
            timer.fire()
        self._set_time(moment)

    def _set_time(self, moment: float) -> None:
        passed = max(0.0, moment - self.time)
        self.time = max(self.time, moment)
        for clock in self._linked:
            clock.advance(passed)


async def settle(rounds: int = 20) -> None:
    """Run the event loop until only clocks and sockets are waited for."""
    for _ in range(rounds):
        await asyncio.sleep(0)
