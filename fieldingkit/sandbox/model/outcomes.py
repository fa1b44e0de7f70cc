"""The outcomes of respondents: of ten entrants four complete, five do not qualify and one drops off, always in turn."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["INTERVIEW", "TURN", "Origin", "Outcome", "Outcomes", "Settlement"]

Outcome: TypeAlias = Literal["complete", "screenout", "quota_full", "quality_terminate", "drop_off"]
"""The end of a respondent; a drop-off is still in the survey."""

Origin: TypeAlias = Literal["flow", "s2s", "reconciliation"]
"""The origin of an outcome."""

INTERVIEW: Final = timedelta(minutes=8)
"""The length of an interview."""

_OUTCOMES: Final[tuple[Outcome, ...]] = (
    *("screenout", "complete"),
    *("screenout", "screenout", "complete"),
    *("screenout", "complete"),
    *("screenout", "drop_off", "complete"),
)
"""The outcomes of entrants, in turn."""

TURN: Final = len(_OUTCOMES)
"""The number of entrants after which the outcomes repeat."""

_COMPLETES_BEFORE: Final = tuple(_OUTCOMES[:place].count("complete") for place in range(len(_OUTCOMES)))
_PLACES: Final = tuple(place for place, outcome in enumerate(_OUTCOMES, 1) if outcome == "complete")
_COMPLETES: Final = len(_PLACES)


class Settlement(NamedTuple):
    """An outcome that was changed after the respondent came."""

    outcome: Outcome
    ended_at: datetime | None
    origin: Origin
    reconciled: tuple[str, str, datetime] | None


class Outcomes:
    """The outcomes with which respondents arrive. All who come between two completes arrive with the second."""

    def of(self, number: int) -> tuple[Outcome, int]:
        """Return a respondent's outcome, and the complete that came at that time, counted from 0.

        Args:
            number: The position among all entrants, from 1.
        """
        turns, place = divmod(number - 1, TURN)
        return _OUTCOMES[place], turns * _COMPLETES + _COMPLETES_BEFORE[place]

    def number_of_complete(self, index: int) -> int:
        """Return the position among all entrants, from 1, of a complete that is counted from 0."""
        turns, place = divmod(index, _COMPLETES)
        return turns * TURN + _PLACES[place]

    def entrants(self, completes: int) -> int:
        """Return the number of entrants until so many of them have completed."""
        return completes * 5 // 2

    def prescreens(self, completes: int) -> int:
        """Return the number of entrants who passed the screener, until so many of them have completed."""
        return completes * 5 // 4

    def completes_of(self, entrants: int) -> int:
        """Return the number of completes among so many entrants."""
        return (2 * entrants + 1) // 5

    def length(self, number: int) -> timedelta:
        """Return the length of a respondent's interview."""
        del number
        return INTERVIEW

    def median_length(self, numbers: Iterable[int]) -> timedelta:
        """Return the median length of the interviews of some respondents, at least one."""
        del numbers
        return INTERVIEW
