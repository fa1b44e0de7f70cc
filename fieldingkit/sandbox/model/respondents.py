"""The ledger of a target group's respondents: who came, when, at what price, and how it ended.

Of ten entrants four complete, five do not qualify and one drops off, always in the same order. So the ledger only notes
when completes arrived, and which profiles were in force; all other respondents, and all counters, follow from that.
Nothing is drawn when it is read.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.quotas import Answers, Era, Profile, answers_of, matched_target

__all__ = ["Arrivals", "CellCount", "Ledger", "Outcome", "Respondent"]

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
    stage: Literal["prescreen", "survey"]
    """The last stage that the respondent reached."""
    matched: Mapping[str, str]
    """The target of each profile, both by id; none for those who did not qualify."""
    supplier_id: int | None
    """The supplier; None if the target group has none."""
    unique_code: str | None = None
    """The code from the list of the target group."""
    reconciled: tuple[str, str, datetime] | None = None
    """The request, the reason and the date of a reconciliation."""
    origin: Literal["flow", "s2s", "reconciliation"] = "flow"
    """The origin of the outcome."""


class CellCount(NamedTuple):
    """The respondents of a cell."""

    completes: int = 0
    """The number of completes."""
    prescreens: int = 0
    """The number of respondents who passed the screener."""


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
        locale: The locale of the respondents.
        suppliers: The ids of the suppliers, which take turns.
    """

    __slots__ = ("_arrivals", "_currency_code", "_eras", "_locale", "_suppliers", "_target_group_id")

    def __init__(
        self, target_group_id: str, currency_code: str, *, locale: str = "eng_us", suppliers: Sequence[int] = ()
    ) -> None:
        self._target_group_id = target_group_id
        self._currency_code = currency_code
        self._locale = locale
        self._suppliers = suppliers
        self._arrivals: list[Arrivals] = []
        self._eras = [Era(0, ())]

    @property
    def profiles(self) -> Sequence[Profile]:
        """The profiles in force."""
        return self._eras[-1].profiles

    @profiles.setter
    def profiles(self, profiles: Sequence[Profile]) -> None:
        while self._eras and self._eras[-1].first >= self.completes:
            self._eras.pop()
        self._eras.append(Era(self.completes, profiles))

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

    def cell_counts(self, profiles: Sequence[Profile]) -> list[list[CellCount]]:
        """Return the respondents of each target of each profile."""
        counts = [[CellCount()] * len(profile["targets"]) for profile in profiles]
        people = answers_of(self._eras, self.completes, self._locale) if any(counts) else []
        for number, answers in enumerate(people):
            with_drop_off = "drop_off" in _BETWEEN_COMPLETES[number % len(_BETWEEN_COMPLETES)]
            for cells, profile in zip(counts, profiles, strict=True):
                if (cell := matched_target(profile, answers, number, self._locale)) is not None:
                    completes, prescreens = cells[cell]
                    cells[cell] = CellCount(completes + 1, prescreens + 1 + with_drop_off)
        return counts

    def respondents(self, interview: timedelta) -> Iterator[Respondent]:
        """Yield all respondents in the order of their ends.

        Args:
            interview: The length of an interview.
        """
        people = answers_of(self._eras, self.completes, self._locale)
        entrants = 0
        completes = 0
        for arrivals in self._arrivals:
            for number in range(1, arrivals.count + 1):
                at = arrivals.date(number)
                outcomes = (*_BETWEEN_COMPLETES[completes % len(_BETWEEN_COMPLETES)], "complete")
                matched = self._matched(people[completes], completes)
                completes += 1
                for outcome in outcomes:
                    entrants += 1
                    yield self._respondent(entrants, outcome, (at - interview, at), arrivals.price, matched)

    def _matched(self, answers: Answers, number: int) -> dict[str, str]:
        found = {one["id"]: matched_target(one, answers, number, self._locale) for one in self.profiles}
        return {
            profile["id"]: profile["targets"][cell]["id"]
            for profile in self.profiles
            if (cell := found[profile["id"]]) is not None
        }

    def _respondent(
        self,
        number: int,
        outcome: Outcome,
        dates: tuple[datetime, datetime],
        price: Amount,
        matched: Mapping[str, str],
    ) -> Respondent:
        name = f"{self._target_group_id}/{number}"
        is_complete = outcome == "complete"
        qualified = outcome != "screenout"
        return Respondent(
            rid=str(uuid.uuid5(_NAMESPACE, name)),
            respondent_id=str(uuid.uuid5(_NAMESPACE, f"{name}/person")),
            entered_at=dates[0],
            ended_at=None if outcome == "drop_off" else dates[1],
            outcome=outcome,
            price=price if is_complete else None,
            stage="survey" if qualified else "prescreen",
            matched=matched if qualified else {},
            supplier_id=self._suppliers[number % len(self._suppliers)] if self._suppliers else None,
        )
