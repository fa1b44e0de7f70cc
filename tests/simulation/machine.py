"""Simulated processes: their tasks, their steps, their deaths and their burial."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from typing import Any, TypeVar

import attrs

from fieldingkit.sweeps.journal import Journal
from simulation.loop import SimulatedLoop

__all__ = ["MACHINE", "CrashPoint", "Disk", "Host", "Machine", "Trace"]

T = TypeVar("T")

MACHINE: "ContextVar[Machine | None]" = ContextVar("machine", default=None)
"""The machine that the running code belongs to; tasks, timers and callbacks inherit it."""

EPOCH = 1_767_614_400.0
"""The time of day at which every simulation begins: 2026-01-05 12:00 UTC."""


@attrs.frozen
class CrashPoint:
    """The moment of a death: the n-th step, or the n-th step whose label begins with a text."""

    number: int
    label: str = ""


class Trace:
    """The steps of a simulation, and their digest."""

    def __init__(self, loop: SimulatedLoop, *, keep: bool) -> None:
        self.lines: list[str] = []
        self._loop = loop
        self._keep = keep
        self._hash = hashlib.sha256()

    def add(self, text: str) -> None:
        """Add a step."""
        line = f"{self._loop.time():.6f} {text}"
        self._hash.update(line.encode())
        if self._keep:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        """The digest of all steps."""
        return self._hash.hexdigest()


@attrs.define
class Host:
    """A computer: its time of day, and its disk."""

    loop: SimulatedLoop
    disk_delays: tuple[float, ...] = (0.0,)
    offset: float = 0.0
    """The seconds by which its time of day is wrong."""

    def wall(self) -> float:
        """Return the time of day."""
        return EPOCH + self.loop.time() + self.offset


class Machine:
    """One process. It runs until it ends, or until it dies at its crash point."""

    def __init__(
        self, name: str, host: Host, trace: Trace, *, chance: Callable[[], float], crash: CrashPoint | None = None
    ) -> None:
        self.name = name
        self.host = host
        self.trace = trace
        self.chance = chance
        self.dead = False
        self.journals: list[Journal] = []
        self._crash = crash
        self._steps = 0
        self._death: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @staticmethod
    def adopt(task: "asyncio.Task[Any]") -> None:
        """Note a new task with the machine that made it."""
        machine = MACHINE.get()
        if machine is not None:
            machine._tasks.add(task)
            task.add_done_callback(machine._tasks.discard)
            if machine.dead:
                task.cancel()

    # The clock of the process's client.

    def now(self) -> float:
        """Return the loop's time."""
        return self.host.loop.time()

    def wall(self) -> float:
        """Return the time of day of the host."""
        return self.host.wall()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))

    def call_later(self, seconds: float, function: Callable[[], object]) -> asyncio.TimerHandle:
        """Call a function later."""
        return self.host.loop.call_later(max(0.0, seconds), function)

    # Life and death.

    def step(self, label: str) -> bool:
        """Note a step; return True if the machine is dead, so that whatever it does next must hang."""
        if self.dead:
            return True
        self.trace.add(f"{self.name} {label}")
        if self._crash is not None and label.startswith(self._crash.label):
            self._steps += 1
            if self._steps == self._crash.number:
                self.trace.add(f"{self.name} dies")
                self.dead = True
                if self._death is not None and not self._death.done():
                    self._death.set_result(None)
        return self.dead

    async def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Run the work of the process; return None if it died."""
        loop = asyncio.get_running_loop()
        self._death = loop.create_future()
        token = MACHINE.set(self)
        main = loop.create_task(work)
        MACHINE.reset(token)
        try:
            await asyncio.wait([main, self._death], return_when=asyncio.FIRST_COMPLETED)
            if not self.dead:
                return main.result()
            return None
        finally:
            await self._bury()

    async def hang(self) -> None:
        """Wait until the machine is buried."""
        await asyncio.get_running_loop().create_future()

    async def _bury(self) -> None:
        """Cancel what is left, and close the journals without a statement: what was committed stays."""
        survived = not self.dead
        self.dead = True
        for _ in range(50):
            rest = [task for task in self._tasks if not task.done()]
            if not rest:
                break
            for task in rest:
                task.cancel()
            await asyncio.wait(rest, timeout=1e-6)
        for journal in self.journals:
            if survived:
                continue
            for connection in (journal._database, journal._lock):
                if connection is not None:
                    connection.close()
            journal._database = journal._lock = None


class _DrainingFuture(Future[Any]):
    """A result that a blocking caller can wait for, since there is no thread that would make it."""

    def __init__(self, disk: "Disk") -> None:
        super().__init__()
        self._disk = disk

    def result(self, timeout: float | None = None) -> Any:
        """Do all work that is queued, then return the result."""
        if not self.done():
            self._disk.drain()
        return super().result(timeout)


class Disk(Executor):
    """The journal's thread: work is done in its order, a moment later, in the loop."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._queue: deque[tuple[_DrainingFuture, Callable[[], Any]]] = deque()
        self._busy = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **options: Any) -> "Future[T]":
        """Queue work."""
        if self._machine.dead:
            raise RuntimeError("the process is dead")
        future = _DrainingFuture(self)
        self._queue.append((future, lambda: fn(*args, **options)))
        self._start()
        return future

    def drain(self) -> None:
        """Do everything that is queued at once."""
        while self._queue:
            self._do()

    def _start(self) -> None:
        if not self._busy and self._queue:
            self._busy = True
            delays = self._machine.host.disk_delays
            delay = delays[int(self._machine.chance() * len(delays))]
            self._machine.host.loop.call_later(delay, self._work)

    def _work(self) -> None:
        self._busy = False
        if not self._queue or self._machine.step("before commit"):
            return
        future = self._do(finish=False)
        if not self._machine.step("after commit"):
            future()
            self._start()

    def _do(self, *, finish: bool = True) -> Callable[[], None]:
        future, work = self._queue.popleft()
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001  # the future carries it
            error = exc

            def deliver() -> None:
                future.set_exception(error)
        else:

            def deliver() -> None:
                future.set_result(result)

        if finish:
            deliver()
        return deliver
