"""The measurement: sides are run in rounds, in random order, and compared by CPU time and wall time.

Absolute times vary with the machine; the ratio of two sides of one round does not. The report has the median of these
ratios, and their quartiles as the spread.
"""

import argparse
import gc
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Row", "Side", "Times", "compare", "keep_off_the_servers_core", "machine", "main", "report", "row"]


@dataclass(frozen=True, slots=True)
class Side:
    """One way to do the work."""

    name: str
    run: Callable[[int], object]
    """Does the work this many times."""
    calls: int
    """The number of times in a round."""


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one side in seconds per call, one for each round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report: a value compared with another."""

    what: str
    side: str
    value: float
    unit: str
    beside: str = ""
    reference: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    budget: float | None = None
    """The budget of the ratio if there is one, otherwise of the value."""
    at_least: bool = False
    """True if the budget is a lower bound."""

    @property
    def result(self) -> str:
        """``within`` or ``over``; empty without a budget."""
        if self.budget is None:
            return ""
        measured = self.value if self.ratio is None else self.ratio
        return "within" if (measured >= self.budget if self.at_least else measured <= self.budget) else "over"

    def as_json(self) -> dict[str, Any]:
        """Return the row for a JSON file."""
        return {**asdict(self), "result": self.result}


def compare(sides: Sequence[Side], rounds: int) -> dict[str, Times]:
    """Run the sides in rounds, each round in another order. The first round is a warm-up."""
    found = {side.name: Times() for side in sides}
    for number in range(rounds + 1):
        for side in random.sample(sides, len(sides)):
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            side.run(side.calls)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if number:
                found[side.name].cpu.append(cpu / side.calls)
                found[side.name].wall.append(wall / side.calls)
    return found


def row(
    what: str,
    side: tuple[str, Sequence[float]],
    beside: tuple[str, Sequence[float]],
    *,
    budget: float | None = None,
    unit: str = "us",
    rate: bool = False,
) -> Row:
    """Return the row for the times of two sides in seconds; with ``rate``, for their calls per second."""
    (name, times), (other, reference) = side, beside
    ratios = [b / a if rate else a / b for a, b in zip(times, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}.get(unit, 1.0)
    mine, theirs = (statistics.median(1 / t if rate else t * scale for t in series) for series in (times, reference))
    return Row(
        what=what,
        side=name,
        value=mine,
        unit="calls/s" if rate else unit,
        beside=other,
        reference=theirs,
        ratio=middle,
        spread=(low, high),
        budget=budget,
        at_least=rate,
    )


def keep_off_the_servers_core() -> None:
    """Leave the last core to the server if there is more than one."""
    if hasattr(os, "sched_setaffinity") and len(cores := os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, cores - {max(cores)})


def machine() -> str:
    """Return a description of the machine."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    )


def report(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    head = ("what", "side", "measured", "beside", "", "ratio", "spread", "budget", "")
    return "\n".join(_aligned([head, *map(_cells, rows)]))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        row.side,
        f"{row.value:,.4g} {row.unit}",
        row.beside,
        "" if row.reference is None else f"{row.reference:,.4g} {row.unit}",
        "" if row.ratio is None else f"{row.ratio:.3f}",
        "" if row.spread is None else f"{row.spread[0]:.3f}-{row.spread[1]:.3f}",
        "" if row.budget is None else f"{'>=' if row.at_least else '<='} {row.budget:g}",
        row.result,
    )


def _aligned(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def main(measure: Callable[[int], Sequence[Row]], *, rounds: int = 25) -> None:
    """Run one benchmark from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds, help="the number of measurements of each side")
    parser.add_argument("--json", type=Path, help="a file for the rows")
    arguments = parser.parse_args()
    keep_off_the_servers_core()
    rows = measure(arguments.rounds)
    print(f"{machine()}, {arguments.rounds} rounds\n{report(rows)}", flush=True)
    if arguments.json:
        found = {"machine": machine(), "rounds": arguments.rounds, "rows": [row.as_json() for row in rows]}
        arguments.json.write_text(json.dumps(found, indent=1))
