"""The flow of respondents into a target group: completes that arrive evenly, and those who come between them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

import attrs

from fieldingkit.sandbox.model.amounts import Amount

__all__ = [
    "COMPLETES_A_TURN",
    "INTERVIEW",
    "Arrivals",
    "Origin",
    "Outcome",
    "Settlement",
    "SupplierTurns",
    "flow",
    "number_of_complete",
]

Outcome: TypeAlias = Literal["complete", "screenout", "quota_full", "quality_terminate", "drop_off"]
"""The end of a respondent; a drop-off is still in the survey."""

Origin: TypeAlias = Literal["flow", "s2s", "reconciliation"]
"""The origin of an outcome."""

INTERVIEW: Final = timedelta(minutes=8)
"""The length of every interview."""

_OUTCOMES: Final[tuple[Outcome, ...]] = (
    *("screenout", "complete"),
    *("screenout", "screenout", "complete"),
    *("screenout", "complete"),
    *("screenout", "drop_off", "complete"),
)
"""The outcomes of entrants, in turn."""

_COMPLETES_BEFORE: Final = tuple(_OUTCOMES[:place].count("complete") for place in range(len(_OUTCOMES)))
_PLACES: Final = tuple(place for place, outcome in enumerate(_OUTCOMES, 1) if outcome == "complete")
COMPLETES_A_TURN: Final = len(_PLACES)
"""The number of completes after which the outcomes repeat."""


@attrs.define
class Arrivals:
    """Completes that arrive one after another, at one price: the first a period after `since`."""

    since: datetime
    period: timedelta
    price: Amount
    count: int = 0

    def date(self, number: int) -> datetime:
        """Return the date of a complete, counted from 1."""
        return self.since + number * self.period

    def arrived_by(self, at: datetime) -> int:
        """Return the number of completes that arrive until a date, if nothing stops them."""
        return max(0, (at - self.since) // self.period)

    def count_at(self, at: datetime) -> int:
        """Return the number of completes that have arrived at a date."""
        if at < self.since:
            return 0
        return min(self.count, (at - self.since) // self.period) if self.period else self.count


def flow(number: int) -> tuple[Outcome, int]:
    """Return the outcome with which a respondent arrived, and the complete that came at that time, counted from 0."""
    turns, place = divmod(number - 1, len(_OUTCOMES))
    return _OUTCOMES[place], turns * COMPLETES_A_TURN + _COMPLETES_BEFORE[place]


def number_of_complete(index: int) -> int:
    """Return the position among all entrants, from 1, of a complete that is counted from 0."""
    turns, place = divmod(index, COMPLETES_A_TURN)
    return turns * len(_OUTCOMES) + _PLACES[place]


class Settlement(NamedTuple):
    """An outcome that was changed after the respondent came."""

    outcome: Outcome
    ended_at: datetime | None
    origin: Origin
    reconciled: tuple[str, str, datetime] | None


class SupplierTurns:
    """The suppliers of a target group, which take turns; they may change while respondents come.

    Args:
        suppliers: The ids of the first suppliers.
    """

    def __init__(self, suppliers: Sequence[int]) -> None:
        self._changes = [(0, suppliers)]

    def change(self, suppliers: Sequence[int], entrants: int) -> None:
        """Change the suppliers after so many entrants."""
        self._changes = [*(change for change in self._changes if change[0] < entrants), (entrants, suppliers)]

    def of(self, number: int) -> int | None:
        """Return the supplier of a respondent, by the position among all entrants; None if there is none."""
        suppliers = next((found for first, found in reversed(self._changes) if number > first), self._changes[-1][1])
        # One place further with each turn of outcomes, so that all of them bring completes.
        return suppliers[(number + number // len(_OUTCOMES)) % len(suppliers)] if suppliers else None


def uuid_text(number: int) -> str:
    """Return a UUID as text, faster than its class does."""
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
