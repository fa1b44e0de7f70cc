"""The ledger of a target group's respondents: who came, when, at what price, and how it ended.

Of ten entrants four complete, five do not qualify and one drops off, always in the same order. So the ledger only notes
when completes arrived; all other respondents, and all counters, follow from that. Nothing is drawn when it is read.
"""

import heapq
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import attrs

from fieldingkit.sandbox.model.amounts import Amount

__all__ = ["Arrivals", "Ledger", "Outcome", "Respondent", "cells_of"]

Outcome: TypeAlias = Literal["complete", "screenout", "drop_off"]

_BETWEEN_COMPLETES: Final[tuple[tuple[Outcome, ...], ...]] = (
    ("screenout",),
    ("screenout", "screenout"),
    ("screenout",),
    ("screenout", "drop_off"),
)
"""The respondents who come before each complete, in turn."""

_NAMESPACE: Final = uuid.UUID("2d0f4c52-7f0f-4b9e-a9f5-3c8c0f2a9d11")


@attrs.frozen(kw_only=True)
class Respondent:
    """A respondent who entered a target group."""

    rid: str
    """The UUID of the session."""
    respondent_id: str
    """The UUID of the person."""
    entered_at: datetime
    """The date of entry."""
    ended_at: datetime | None
    """The date of the end; None for a drop-off, which has none."""
    outcome: Outcome
    """The end."""
    price: Amount | None
    """The price of a complete; None for all others."""


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


class Ledger:
    """The respondents of one target group.

    Args:
        target_group_id: The target group's id, from which the ids of its respondents are made.
        currency_code: The currency of all prices.
    """

    __slots__ = ("_arrivals", "_currency_code", "_target_group_id")

    def __init__(self, target_group_id: str, currency_code: str) -> None:
        self._target_group_id = target_group_id
        self._currency_code = currency_code
        self._arrivals: list[Arrivals] = []

    @property
    def completes(self) -> int:
        """The number of completes."""
        return sum(arrivals.count for arrivals in self._arrivals)

    @property
    def prescreens(self) -> int:
        """The number of respondents who passed the screener: completes and drop-offs."""
        return self.completes * 5 // 4

    @property
    def entrants(self) -> int:
        """The number of respondents."""
        return self.completes * 5 // 2

    @property
    def cost(self) -> Amount:
        """The cost of all completes."""
        value = sum((arrivals.price.times(arrivals.count).value for arrivals in self._arrivals), Decimal(0))
        return Amount(value, self._currency_code)

    @property
    def first_at(self) -> datetime | None:
        """The date of the first complete; None if there is none."""
        return next((arrivals.date(1) for arrivals in self._arrivals if arrivals.count), None)

    @property
    def latest_at(self) -> datetime | None:
        """The date of the latest complete; None if there is none."""
        return next((arrivals.date(arrivals.count) for arrivals in self._arrivals[::-1] if arrivals.count), None)

    def completes_at(self, at: datetime) -> int:
        """Return the number of completes that had arrived at a date."""
        return sum(arrivals.count_at(at) for arrivals in self._arrivals)

    def begin(self, since: datetime, period: timedelta, price: Amount) -> Arrivals:
        """Return new arrivals, none of which has come yet; the caller counts them."""
        arrivals = Arrivals(since, period, price)
        self._arrivals.append(arrivals)
        return arrivals

    def add(self, count: int, since: datetime, until: datetime, price: Amount) -> None:
        """Add completes that arrived evenly in a period, the last one at its end."""
        if count:
            period = (until - since) / count
            self.begin(until - count * period, period, price).count = count

    def remove(self, count: int) -> None:
        """Remove the latest completes."""
        while count and self._arrivals:
            latest = self._arrivals[-1]
            removed = min(count, latest.count)
            latest.count -= removed
            count -= removed
            if not latest.count:
                self._arrivals.pop()

    def respondents(self, interview: timedelta) -> Iterator[Respondent]:
        """Yield all respondents in the order of their ends.

        Args:
            interview: The length of an interview.
        """
        entrants = 0
        completes = 0
        for arrivals in self._arrivals:
            for number in range(1, arrivals.count + 1):
                at = arrivals.date(number)
                outcomes = (*_BETWEEN_COMPLETES[completes % len(_BETWEEN_COMPLETES)], "complete")
                completes += 1
                for outcome in outcomes:
                    entrants += 1
                    yield self._respondent(entrants, outcome, at, interview, arrivals.price)

    def _respondent(
        self, number: int, outcome: Outcome, at: datetime, interview: timedelta, price: Amount
    ) -> Respondent:
        name = f"{self._target_group_id}/{number}"
        is_complete = outcome == "complete"
        return Respondent(
            rid=str(uuid.uuid5(_NAMESPACE, name)),
            respondent_id=str(uuid.uuid5(_NAMESPACE, f"{name}/person")),
            entered_at=at - interview,
            ended_at=None if outcome == "drop_off" else at,
            outcome=outcome,
            price=price if is_complete else None,
        )


def cells_of(goals: Sequence[int], completes: int) -> list[int]:
    """Return the cell of each complete in the order of arrival, so that cells fill in proportion to their goals.

    Args:
        goals: The goal of each cell; a cell with the goal 0 gets none, unless all have it.
        completes: The number of completes.
    """
    # The method of Sainte-Laguë: one more complete changes no earlier one, and at the sum of all goals each is met.
    weights = goals if any(goals) else [1] * len(goals)
    order = [(float(-weight), cell, 1) for cell, weight in enumerate(weights) if weight]
    heapq.heapify(order)
    cells: list[int] = []
    for _ in range(completes if order else 0):
        _, cell, divisor = order[0]
        heapq.heapreplace(order, (-weights[cell] / (divisor + 2), cell, divisor + 2))
        cells.append(cell)
    return cells
