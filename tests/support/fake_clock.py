"""A clock whose time only passes when somebody waits for it, or when a test says so."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from fieldingkit.sandbox import SandboxClock

FOREVER = float("inf")


class FakeTimer:
    """A call that is going to be made."""

    def __init__(self, due: float, function: Callable[[], object]) -> None:
        self.due = due
        self.function: Callable[[], object] | None = function

    def cancel(self) -> None:
        """Do not make it."""
        self.function = None

    def fire(self) -> None:
        """Make it, unless it was cancelled or has been made."""
        function, self.function = self.function, None
        if function is not None:
            function()


class FakeClock:
    """A ``fieldingkit.clock.Clock`` that costs no real time.

    Args:
        jump: Whoever waits for no longer than this does not wait: the time jumps. Longer waits end when jumps, or
            ``advance``, have brought the time there. With 0 the time is the test's own affair.
        linked: Sandbox clocks that go along.
    """

    def __init__(self, *linked: SandboxClock, jump: float = FOREVER) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []
        """How long each ``sleep`` was asked for."""
        self.waits: list[float] = []
        """How far ahead each timer was set, sleeps included."""
        self._jump = jump
        self._linked = linked
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._numbers = itertools.count()
        self._set = asyncio.Event()
        for clock in linked:
            clock.freeze()

    @property
    def pending(self) -> int:
        """How many timers are set."""
        return sum(timer.function is not None for _, _, timer in self._timers)

    async def is_waited_for(self) -> None:
        """Wait until somebody has set a timer."""
        while not self.pending:
            self._set.clear()
            await self._set.wait()

    def now(self) -> float:
        """What it shows."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Wait until it shows so much more."""
        self.sleeps.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, function: Callable[[], object]) -> FakeTimer:
        """Call a function when it shows so much more."""
        self.waits.append(seconds)
        timer = FakeTimer(self.time + max(0.0, seconds), function)
        heapq.heappush(self._timers, (timer.due, next(self._numbers), timer))
        self._set.set()
        if seconds <= self._jump:
            asyncio.get_running_loop().call_soon(self._jump_to, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, and make the calls that become due in their order."""
        self._pass_until(self.time + seconds)

    def _jump_to(self, timer: FakeTimer) -> None:
        if timer.function is None:
            return
        self._pass_until(min(timer.due, self._timers[0][0]))
        # What was due before it may lead to its being cancelled: let that happen first.
        asyncio.get_running_loop().call_soon(self._jump_to, timer)

    def _pass_until(self, moment: float) -> None:
        while self._timers and self._timers[0][0] <= moment:
            due, _, timer = heapq.heappop(self._timers)
            self._show(due)
            timer.fire()
        self._show(moment)

    def _show(self, moment: float) -> None:
        passed = max(0.0, moment - self.time)
        self.time = max(self.time, moment)
        for clock in self._linked:
            clock.advance(passed)


async def settle(rounds: int = 20) -> None:
    """Let everything in the event loop run that does not wait for a clock or a socket."""
    for _ in range(rounds):
        await asyncio.sleep(0)
