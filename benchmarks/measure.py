"""The measurement: each side in a process of its own, in rounds, in random order.

Absolute times vary with the machine; the ratio of two sides of one round does not. Even two processes of one program
differ by a few percent, because their memory is laid out differently, so the processes are replaced several times.
"""

import gc
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import distributions
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, TypeAlias

from benchmarks.rows import Excluded, Row

__all__ = ["Run", "Side", "Times", "compare", "missing_extras", "run_benchmark", "time_once"]

_SPEED = ("orjson", "uvloop")
"""The packages of the extra ``speed``."""
_STARTS = 5
"""How often the processes are replaced."""

Run: TypeAlias = Callable[[int], object]
"""Does the work this many times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to do the work, in a process of its own."""

    name: str
    open: Callable[[], AbstractContextManager[Run]]
    """Prepares the work in the new process."""
    calls: int
    """How often the work is done in a round."""
    warm_up: int = 1
    """How often the work is done before each measurement."""
    speed: bool = False
    """True if the process may import what the extra ``speed`` brings."""


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one side in seconds per call, one for each round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def compare(sides: Sequence[Side], rounds: int) -> dict[str, Times]:
    """Measure the sides in rounds, each round in another order."""
    found = {side.name: Times() for side in sides}
    starts = min(_STARTS, rounds)
    for start in range(starts):
        with ExitStack() as stack:
            processes = [stack.enter_context(_Process(side)) for side in sides]
            for _ in range(rounds * start // starts, rounds * (start + 1) // starts):
                for process in random.sample(processes, len(processes)):
                    cpu, wall = process.measure()
                    times = found[process.side.name]
                    times.cpu.append(cpu)
                    times.wall.append(wall)
    return found


def time_once(run: Run, calls: int) -> tuple[float, float]:
    """Return the CPU seconds and the wall seconds of one call, as the mean of this many."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    run(calls)
    return (time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls


def missing_extras() -> list[str]:
    """Return the packages of the extra ``speed`` that are not installed."""
    return [name for name in _SPEED if not any(distributions(name=name))]


def run_benchmark(name: str, rounds: int | None, quick: bool) -> list[Row | Excluded]:
    """Run one benchmark in this process, which is used for nothing else."""
    _hide_extras()
    benchmark = import_module(f"benchmarks.{name}")
    rounds = rounds or (1 if quick else benchmark.ROUNDS)
    return [replace(row, command=f"python -m benchmarks {name}") for row in benchmark.measure(rounds, quick=quick)]


class _Process:
    """The process of one side. It works only while it is measured."""

    def __init__(self, side: Side) -> None:
        self.side = side
        context = get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(self._theirs, side.speed), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        # Sent separately, because unpickling it imports the packages.
        self._pipe.send(self.side.open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._pipe.send(None)
        else:
            self._process.kill()
        self._process.join()
        self._pipe.close()

    def measure(self) -> tuple[float, float]:
        """Return the CPU seconds and the wall seconds of one call."""
        self._pipe.send((self.side.warm_up, self.side.calls))
        try:
            taken: tuple[float, float] = self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"the process of {self.side.name} ended; its error is above") from None
        return taken


def _work(pipe: Connection, speed: bool) -> None:
    if not speed:
        _hide_extras()
    if hasattr(os, "sched_setaffinity"):  # the servers use the last core
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with pipe.recv()() as run:
        while (counts := pipe.recv()) is not None:
            warm_up, calls = counts
            run(warm_up)
            pipe.send(time_once(run, calls))


def _hide_extras() -> None:
    """Make the imports of the extra ``speed`` fail in this process."""
    modules: Any = sys.modules
    modules.update(dict.fromkeys(_SPEED))
