"""How things are measured: side by side, in rounds, in random order, by CPU time and by wall time.

Absolute times drift with the machine; the ratio of two sides of one round does not. What is reported is the median of
those ratios, with the quartiles as its spread.
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
    """Does the work so many times."""
    calls: int
    """How many times a round does it."""


@dataclass(frozen=True, slots=True)
class Times:
    """What one side took, round by round, in seconds for doing the work once."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report: a number beside another."""

    what: str
    side: str
    value: float
    unit: str
    beside: str = ""
    reference: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    budget: float | None = None
    """For the ratio if there is one, else for the value."""
    at_least: bool = False
    """Whether the budget is a lower bound."""

    @property
    def verdict(self) -> str:
        """``within`` or ``over``; nothing where there is no budget."""
        if self.budget is None:
            return ""
        measured = self.value if self.ratio is None else self.ratio
        return "within" if (measured >= self.budget if self.at_least else measured <= self.budget) else "over"

    def as_json(self) -> dict[str, Any]:
        """The row as it is written to a file."""
        return {**asdict(self), "verdict": self.verdict}


def compare(sides: Sequence[Side], rounds: int) -> dict[str, Times]:
    """Run the sides in rounds, each round in another order. The first round only warms up."""
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
    """The line for two sides' times in seconds; with ``rate``, for their calls a second instead."""
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
    """Leave the last core to the server, where there is more than one."""
    if hasattr(os, "sched_setaffinity") and len(cores := os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, cores - {max(cores)})


def machine() -> str:
    """What it was measured on."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    )


def report(rows: Sequence[Row]) -> str:
    """The rows as a table."""
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
        row.verdict,
    )


def _aligned(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def main(measure: Callable[[int], Sequence[Row]], *, rounds: int = 25) -> None:
    """The command line of one benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each side is measured")
    parser.add_argument("--json", type=Path, help="a file to write the rows to as well")
    arguments = parser.parse_args()
    keep_off_the_servers_core()
    rows = measure(arguments.rounds)
    print(f"{machine()}, {arguments.rounds} rounds\n{report(rows)}", flush=True)
    if arguments.json:
        found = {"machine": machine(), "rounds": arguments.rounds, "rows": [row.as_json() for row in rows]}
        arguments.json.write_text(json.dumps(found, indent=1))
