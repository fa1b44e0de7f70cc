"""The ledger of a target group's respondents: who came, when, at what price, and how it ended.

Of ten entrants four complete, five do not qualify and one drops off, always in the same order. So the ledger only notes
when completes arrived, which profiles were in force, and whose outcome was changed later. All other respondents, and
all counters, follow from that. Nothing is drawn when it is read.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import attrs

from fieldingkit.sandbox.model.admission import Admission
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrivals import (
    COMPLETES_A_TURN,
    INTERVIEW,
    Arrivals,
    Origin,
    Outcome,
    Settlement,
    SupplierTurns,
    flow,
    number_of_complete,
    uuid_text,
)
from fieldingkit.sandbox.model.quotas import Answers, Era, Profile, answers_of, matched_target

__all__ = ["CellCount", "Ledger", "Respondent", "rid_key"]

_NAMESPACE: Final = uuid.UUID("2d0f4c52-7f0f-4b9e-a9f5-3c8c0f2a9d11")
_NUMBER_BITS: Final = 48
"""The last bits of an id, which hold the number of the respondent; the others stand for the target group."""


def rid_key(rid: str) -> int | None:
    """Return the part of a session's id that stands for the target group; None if it is no UUID."""
    try:
        return uuid.UUID(rid).int >> _NUMBER_BITS
    except ValueError:
        return None


@attrs.frozen(kw_only=True)
class Respondent:
    """A respondent who entered a target group."""

    number: int
    """The position among all entrants, from 1."""
    rid: str
    """The UUID of the session."""
    respondent_id: str
    """The UUID of the person."""
    access_respondent_guid: str
    """The UUID of the person at the supplier."""
    entered_at: datetime
    """The date of entry."""
    ended_at: datetime | None
    """The date of the end; None for a drop-off, which has none."""
    outcome: Outcome
    """The end."""
    cost_per_interview: Amount
    """The price that a complete had when the respondent came."""
    stage: Literal["prescreen", "survey"]
    """The last stage that the respondent reached."""
    matched: Mapping[str, str]
    """The target of each profile, both by id; none for those who did not qualify."""
    supplier_id: int | None
    """The supplier; None if the target group has none."""
    unique_code: str | None = None
    """The code from the list of the target group."""
    reconciled: tuple[str, str, datetime] | None = None
    """The request, the reason code and the date of the last reconciliation."""
    origin: Origin = "flow"
    """The origin of the outcome."""

    @property
    def price(self) -> Amount | None:
        """The price of a complete; None for all others."""
        return self.cost_per_interview if self.outcome == "complete" else None

    @property
    def completed_at(self) -> datetime:
        """The date whose month decides until when the respondent can be reconciled."""
        return self.ended_at or self.entered_at


class CellCount(NamedTuple):
    """The respondents of a cell."""

    completes: int = 0
    """The number of completes."""
    prescreens: int = 0
    """The number of respondents who passed the screener."""


class Ledger:
    """The respondents of one target group.

    Args:
        target_group_id: The target group's id, from which the ids of its respondents are made.
        currency_code: The currency of all prices.
        locale: The locale of the respondents.
        suppliers: The ids of the suppliers, which take turns.
    """

    __slots__ = (
        "_arrivals",
        "_codes",
        "_currency_code",
        "_eras",
        "_gained",
        "_gained_cost",
        "_known_bases",
        "_locale",
        "_settled",
        "_suppliers",
        "_target_group_id",
        "admission",
    )

    def __init__(
        self, target_group_id: str, currency_code: str, *, locale: str = "eng_us", suppliers: Sequence[int] = ()
    ) -> None:
        self._target_group_id = target_group_id
        self._currency_code = currency_code
        self._locale = locale
        self._suppliers = SupplierTurns(suppliers)
        self._arrivals: list[Arrivals] = []
        self._eras = [Era(0, ())]
        self._settled: dict[int, Settlement] = {}
        self._gained = 0
        self._gained_cost = Decimal(0)
        self._codes: dict[int, str] = {}
        self.admission: Admission = Admission()
        self._known_bases: tuple[int, int, int] | None = None

    @property
    def profiles(self) -> Sequence[Profile]:
        """The profiles in force."""
        return self._eras[-1].profiles

    @profiles.setter
    def profiles(self, profiles: Sequence[Profile]) -> None:
        while self._eras and self._eras[-1].first >= self.arrived:
            self._eras.pop()
        self._eras.append(Era(self.arrived, profiles))

    def set_suppliers(self, suppliers: Sequence[int]) -> None:
        """Let the next respondents come from these suppliers; those who came keep theirs."""
        self._suppliers.change(suppliers, self.entrants)

    @property
    def arrived(self) -> int:
        """The number of completes that arrived, before any outcome was changed."""
        return sum(arrivals.count for arrivals in self._arrivals)

    @property
    def completes(self) -> int:
        """The number of completes."""
        return self.arrived + self._gained

    @property
    def prescreens(self) -> int:
        """The number of respondents who passed the screener: all but those who ended in it."""
        return self.arrived * 5 // 4 + sum(self._qualified_later(number) for number in self._settled)

    @property
    def entrants(self) -> int:
        """The number of respondents."""
        return self.arrived * 5 // 2

    @property
    def cost(self) -> Amount:
        """The cost of all completes."""
        value = sum((arrivals.price.times(arrivals.count).value for arrivals in self._arrivals), self._gained_cost)
        return Amount(value, self._currency_code)

    @property
    def first_at(self) -> datetime | None:
        """The date of the first complete; None if there is none."""
        if self._settled:
            return min(self._complete_dates(), default=None)
        return next((arrivals.date(1) for arrivals in self._arrivals if arrivals.count), None)

    @property
    def latest_at(self) -> datetime | None:
        """The date of the latest complete; None if there is none."""
        if self._settled:
            return max(self._complete_dates(), default=None)
        return next((arrivals.date(arrivals.count) for arrivals in self._arrivals[::-1] if arrivals.count), None)

    def completes_at(self, at: datetime) -> int:
        """Return the number of completes at a date, without those who were reconciled since."""
        count = sum(arrivals.count_at(at) for arrivals in self._arrivals)
        for number, settled in self._settled.items():
            arrived, index = flow(number)
            if arrived == "complete":
                count -= settled.outcome != "complete" and self._arrival(index)[0] <= at
            elif settled.outcome == "complete" and settled.ended_at is not None:
                count += settled.ended_at <= at
        return count

    def completed_between(self, since: datetime, until: datetime) -> tuple[int, Amount]:
        """Return the number and the cost of the completes of a period, without its end."""
        last_before = [date - timedelta(microseconds=1) for date in (since, until)]
        count, cost = 0, Decimal(0)
        for arrivals in self._arrivals:
            arrived = arrivals.count_at(last_before[1]) - arrivals.count_at(last_before[0])
            count += arrived
            cost += arrivals.price.value * arrived
        for number, settled in self._settled.items():
            arrived_as, index = flow(number)
            arrived_at, price = self._arrival(index)
            gained = (settled.outcome == "complete") - (arrived_as == "complete")
            completed_at = arrived_at if arrived_as == "complete" else settled.ended_at or arrived_at
            if since <= completed_at < until:
                count += gained
                cost += price.value * gained
        return count, Amount(cost, self._currency_code)

    @property
    def reconciled_at(self) -> datetime | None:
        """The date of the last reconciliation; None if there was none."""
        return max((settled.reconciled[2] for settled in self._settled.values() if settled.reconciled), default=None)

    def begin(self, arrivals: Arrivals) -> Arrivals:
        """Return new arrivals, none of which has come yet; the caller counts them."""
        self._arrivals.append(arrivals)
        return arrivals

    def add(self, count: int, since: datetime, until: datetime, price: Amount) -> None:
        """Add completes that arrived evenly in a period, the last one at its end."""
        if count > 0:
            period = (until - since) / count
            self.begin(Arrivals(until - count * period, period, price)).count = count

    def remove(self, count: int) -> None:
        """Remove the latest respondents until there are so many completes fewer."""
        while count > 0 and self._arrivals:
            latest = self._arrivals[-1]
            # One by one, if outcomes were changed: the latest may no longer be a complete.
            removed = min(1 if self._settled else count, latest.count)
            before = self.completes
            self._forget_after((self.arrived - removed) * 5 // 2)
            latest.count -= removed
            count -= before - self.completes
            if not latest.count:
                self._arrivals.pop()

    def _forget_after(self, entrants: int) -> None:
        for number in [number for number in self._settled if number > entrants]:
            self._count(number, -1)
            del self._settled[number]

    def settle(
        self,
        number: int,
        outcome: Outcome,
        *,
        at: datetime,
        origin: Origin,
        reconciled: tuple[str, str, datetime] | None = None,
    ) -> None:
        """Change the outcome of a respondent.

        Args:
            number: The respondent, by the position among all entrants.
            outcome: The new outcome.
            at: The date of the change; a respondent who had no end yet ends then.
            origin: The origin of the outcome.
            reconciled: The request, the reason code and the date of a reconciliation.

        Raises:
            KeyError: If there is no such respondent.
        """
        if not 1 <= number <= self.entrants:
            raise KeyError(number)
        before = self._settlement(number, self._arrival(flow(number)[1])[0])
        if number in self._settled:
            self._count(number, -1)
        ended_at = None if outcome == "drop_off" else before.ended_at or at
        self._settled[number] = Settlement(outcome, ended_at, origin, reconciled or before.reconciled)
        self._count(number, +1)

    def _settlement(self, number: int, arrived_at: datetime) -> Settlement:
        """Return the outcome of a respondent, changed or not."""
        arrived, _ = flow(number)
        ended_at = None if arrived == "drop_off" else arrived_at
        return self._settled.get(number) or Settlement(arrived, ended_at, "flow", None)

    def _count(self, number: int, sign: int) -> None:
        """Count a changed outcome among the completes, or no longer."""
        arrived, index = flow(number)
        gained = sign * ((self._settled[number].outcome == "complete") - (arrived == "complete"))
        self._gained += gained
        self._gained_cost += gained * self._arrival(index)[1].value

    def _qualified_later(self, number: int) -> bool:
        return flow(number)[0] == "screenout" and self._settled[number].outcome == "complete"

    def add_codes(self, codes: Iterable[str]) -> None:
        """Add unique codes: each of the next entrants who has none yet takes one."""
        self._codes.update(enumerate(codes, max([self.entrants, *self._codes]) + 1))

    def remove_unused_codes(self) -> None:
        """Remove the unique codes that are not used."""
        self._codes = {number: code for number, code in self._codes.items() if number <= self.entrants}

    @property
    def codes(self) -> int:
        """The number of unique codes."""
        return len(self._codes)

    @property
    def unused_codes(self) -> int:
        """The number of unique codes that are not used."""
        entrants = self.entrants
        return sum(number > entrants for number in self._codes)

    def cell_counts(self, profiles: Sequence[Profile]) -> list[list[CellCount]]:
        """Return the respondents of each target of each profile."""
        counts = [[CellCount()] * len(profile["targets"]) for profile in profiles]
        people = answers_of(self._eras, self.arrived, self._locale) if any(counts) else []
        gained_completes, gained_prescreens = self._gained_by_complete()
        for number, answers in enumerate(people):
            added = 1 + gained_completes[number]
            # Everybody who came between two completes gave the answers of the second.
            qualified = 1 + (number % COMPLETES_A_TURN == COMPLETES_A_TURN - 1) + gained_prescreens[number]
            for cells, profile in zip(counts, profiles, strict=True):
                if (cell := matched_target(profile, answers, number, self._locale)) is not None:
                    completes, prescreens = cells[cell]
                    cells[cell] = CellCount(completes + added, prescreens + qualified)
        return counts

    def _gained_by_complete(self) -> tuple[Counter[int], Counter[int]]:
        """Return the changes to completes and prescreens, by the complete that came at the same time."""
        completes, prescreens = Counter[int](), Counter[int]()
        for number, settled in self._settled.items():
            arrived, index = flow(number)
            completes[index] += (settled.outcome == "complete") - (arrived == "complete")
            prescreens[index] += self._qualified_later(number)
        return completes, prescreens

    @property
    def key(self) -> int:
        """The part that all RIDs of this target group share; see `rid_key`."""
        return self._bases[0] >> _NUMBER_BITS

    def number_of(self, rid: str) -> int | None:
        """Return the number of the respondent with this RID; None if there is none."""
        if rid_key(rid) != self.key:
            return None
        number = uuid.UUID(rid).int ^ self._bases[0]
        return number if 1 <= number <= self.entrants else None

    def respondent(self, number: int) -> Respondent:
        """Return a respondent.

        Args:
            number: The position among all entrants, from 1.

        Raises:
            KeyError: If there is no such respondent.
        """
        if not 1 <= number <= self.entrants:
            raise KeyError(number)
        _, index = flow(number)
        answers = answers_of(self._eras, self.arrived, self._locale)[index] if self.profiles else {}
        return self._respondent(number, self._arrival(index), INTERVIEW, self._matched(answers, index))

    def respondents(self, interview: timedelta = INTERVIEW) -> Iterator[Respondent]:
        """Yield all respondents in the order of their arrival.

        Args:
            interview: The length of an interview.
        """
        people = answers_of(self._eras, self.arrived, self._locale) if self.profiles else []
        number = 0
        for index, arrival in enumerate(self._each_arrival()):
            matched = self._matched(people[index], index) if people else {}
            while flow(number + 1)[1] == index:
                number += 1
                yield self._respondent(number, arrival, interview, matched)

    def _each_arrival(self) -> Iterator[tuple[datetime, Amount]]:
        for arrivals in self._arrivals:
            for number in range(1, arrivals.count + 1):
                yield arrivals.date(number), arrivals.price

    def _arrival(self, index: int) -> tuple[datetime, Amount]:
        """Return the date and the price of a complete, counted from 0."""
        for arrivals in self._arrivals:
            if index < arrivals.count:
                return arrivals.date(index + 1), arrivals.price
            index -= arrivals.count
        raise IndexError(index)

    def _complete_dates(self) -> Iterator[datetime]:
        for index, (at, _) in enumerate(self._each_arrival()):
            if number_of_complete(index) not in self._settled:
                yield at
        for settled in self._settled.values():
            if settled.outcome == "complete" and settled.ended_at is not None:
                yield settled.ended_at

    def _matched(self, answers: Answers, number: int) -> dict[str, str]:
        found = {one["id"]: matched_target(one, answers, number, self._locale) for one in self.profiles}
        return {
            profile["id"]: profile["targets"][cell]["id"]
            for profile in self.profiles
            if (cell := found[profile["id"]]) is not None
        }

    @property
    def _bases(self) -> tuple[int, int, int]:
        """The ids of a respondent with the number 0: of the session, of the person, and at the supplier."""
        if self._known_bases is None:
            names = (f"{self._target_group_id}{kind}" for kind in ("", "/person", "/guid"))
            session, person, supplied = (uuid.uuid5(_NAMESPACE, name).int for name in names)
            self._known_bases = (session, person, supplied)
        return self._known_bases

    def _respondent(
        self, number: int, arrival: tuple[datetime, Amount], interview: timedelta, matched: Mapping[str, str]
    ) -> Respondent:
        at, price = arrival
        settled = self._settlement(number, at)
        qualified = flow(number)[0] != "screenout" or settled.outcome == "complete"
        rid, person, guid = (uuid_text(base ^ number) for base in self._bases)
        return Respondent(
            number=number,
            rid=rid,
            respondent_id=self.admission.person(number) or person,
            access_respondent_guid=guid,
            entered_at=at - interview,
            ended_at=settled.ended_at,
            outcome=settled.outcome,
            cost_per_interview=price,
            stage="survey" if qualified else "prescreen",
            matched=matched if qualified else {},
            supplier_id=self._suppliers.of(number),
            unique_code=self._codes.get(number),
            reconciled=settled.reconciled,
            origin=settled.origin,
        )
