"""The flow of respondents into a target group: completes that arrive evenly, and those who come between them."""

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import attrs

from fieldingkit.sandbox.model.amounts import Amount

__all__ = ["COMPLETES_A_TURN", "INTERVIEW", "Arrivals", "Origin", "Outcome", "flow", "number_of_complete"]

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
