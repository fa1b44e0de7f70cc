"""The arrivals at a target group: completes that come evenly, and the suppliers that bring respondents in turn."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.outcomes import TURN

__all__ = ["Arrivals", "SupplierTurns"]


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
        return suppliers[(number + number // TURN) % len(suppliers)] if suppliers else None
