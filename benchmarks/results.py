"""The results of one run: its rows, what it left out, and when, where and how it was made."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Self

from benchmarks.rows import Excluded, Row

__all__ = ["Results", "text_of"]

_HEAD = ("what", "side", "measured", "beside", "", "ratio", "spread", "budget", "result", "command")


def _machine() -> str:
    """Describe the machine and what it runs."""
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return ", ".join(
        [
            f"{os.cpu_count()} cores",
            *dict.fromkeys(models),
            platform.system(),
            f"{platform.python_implementation()} {platform.python_version()}",
            f"aiohttp {version('aiohttp')}",
            f"load average {os.getloadavg()[0]:.1f} before the run",
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    command: str
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%-d %B %Y}")
    machine: str = field(default_factory=_machine)
    rows: list[Row] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """The names of the benchmarks that ended with an error."""

    @property
    def over(self) -> list[Row]:
        """The rows that exceed their budget."""
        return [row for row in self.rows if row.result == "over"]

    def save(self, file: Path) -> None:
        """Write the results as JSON."""
        found = {**asdict(self), "rows": [row.as_json() for row in self.rows]}
        file.write_text(json.dumps(found, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read results that were saved."""
        found = json.loads(file.read_text())
        for row in found["rows"]:
            del row["result"]
        found["rows"] = [Row(**row) for row in found["rows"]]
        found["excluded"] = [Excluded(**row) for row in found["excluded"]]
        return cls(**found)

    def text(self) -> str:
        """Return the whole report for a terminal."""
        lines = [f"{self.command}, {self.date}: {self.machine}", text_of([*self.rows, *self.excluded])]
        lines += [f"over: {'; '.join(f'{row.what} ({row.side})' for row in self.over) or 'none'}"]
        lines += [f"failed: {', '.join(self.failed) or 'none'}"]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return the whole report for a page."""
        lines = [f"`{self.command}` on {self.date}: {self.machine}.", ""]
        lines += [_markdown_line(_HEAD), _markdown_line(["---"] * len(_HEAD))]
        lines += [_markdown_line([*_cells(row)[:-1], f"`{row.command}`"]) for row in self.rows]
        lines += ["", f"Over: {'; '.join(f'{row.what} ({row.side})' for row in self.over) or 'none'}."]
        lines += [f"Not measured: {row.what} (`{row.command}`): {row.reason}." for row in self.excluded]
        lines += [f"Failed: {', '.join(self.failed)}."] if self.failed else []
        return "\n".join(lines) + "\n"


def text_of(rows: Sequence[Row | Excluded]) -> str:
    """Return rows as a table, and below it those that were excluded."""
    lines = [*_aligned([_HEAD, *(_cells(row) for row in rows if isinstance(row, Row))])]
    lines += [f"not measured: {row.what}: {row.reason}" for row in rows if isinstance(row, Excluded)]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        row.side,
        f"{_number(row.value)} {row.unit}".strip(),
        row.beside,
        "" if row.reference is None else f"{_number(row.reference)} {row.unit}".strip(),
        "" if row.ratio is None else f"{row.ratio:.3f}",
        _spread(row),
        "" if row.budget is None else f"{'>=' if row.at_least else '<='} {row.budget:g}",
        row.result,
        row.command,
    )


def _spread(row: Row) -> str:
    if row.spread is None:
        return ""
    return " to ".join(f"{bound:.3f}" if row.ratio is not None else _number(bound) for bound in row.spread)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _aligned(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
