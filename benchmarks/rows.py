"""The rows of the report: a value beside another, their ratio with its spread, and the budget."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Excluded", "Row", "compared", "measured"]

_SCALES = {"s": 1.0, "ms": 1e3, "us": 1e6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report: a value, beside another value if there is one."""

    what: str
    side: str
    value: float
    unit: str
    beside: str = ""
    reference: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    """The quartiles of the ratio if there is one, otherwise of the value."""
    budget: float | None = None
    """The budget of the ratio if there is one, otherwise of the value."""
    at_least: bool = False
    """True if the budget is a lower bound."""
    command: str = ""
    """The command that measures the row."""

    @property
    def result(self) -> str:
        """``within`` or ``over``; empty without a budget."""
        if self.budget is None:
            return ""
        value = self.value if self.ratio is None else self.ratio
        return "within" if (value >= self.budget if self.at_least else value <= self.budget) else "over"

    def as_json(self) -> dict[str, Any]:
        """Return the row for a JSON file."""
        return {**asdict(self), "result": self.result}


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A row that cannot be measured here, with the reason."""

    what: str
    reason: str
    command: str = ""


def compared(
    what: str,
    side: tuple[str, Sequence[float]],
    beside: tuple[str, Sequence[float]],
    *,
    budget: float | None = None,
    unit: str = "us",
    rate: bool = False,
) -> Row:
    """Return the row for two series; seconds are converted to the unit, and with ``rate`` to calls per second.

    The ratio is the median of the ratios of each round.
    """
    (name, mine), (other, theirs) = side, beside
    ratios = [b / a if rate else a / b for a, b in zip(mine, theirs, strict=True)]
    value, reference = (
        statistics.median(1 / seconds if rate else seconds * _SCALES.get(unit, 1.0) for seconds in series)
        for series in (mine, theirs)
    )
    return Row(
        what=what,
        side=name,
        value=value,
        unit="calls/s" if rate else unit,
        beside=other,
        reference=reference,
        ratio=statistics.median(ratios),
        spread=_quartiles(ratios),
        budget=budget,
        at_least=rate,
    )


def measured(what: str, side: str, series: Sequence[float], *, unit: str, budget: float | None = None) -> Row:
    """Return the row for a series of values; seconds are converted to the unit."""
    values = [value * _SCALES.get(unit, 1.0) for value in series]
    return Row(
        what=what, side=side, value=statistics.median(values), unit=unit, spread=_quartiles(values), budget=budget
    )


def _quartiles(values: Sequence[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
