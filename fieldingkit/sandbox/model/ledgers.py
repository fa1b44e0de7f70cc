"""The ledger of a target group's respondents: who came, when, at what price, and how it ended.

The outcomes of entrants follow each other in fixed turns, or as a seed decides. So the ledger only notes when completes
arrived, which profiles were in force, and whose outcome was changed later. All other respondents, and all counters,
follow from that.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fieldingkit.sandbox.model.admission import Admission
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrivals import Arrivals, SupplierTurns
from fieldingkit.sandbox.model.outcomes import Origin, Outcome, Outcomes, Settlement
from fieldingkit.sandbox.model.quotas import Answers, Profile, ProfileHistory, StuckCell
from fieldingkit.sandbox.model.respondents import Respondent, RespondentIds

__all__ = ["CellCount", "Ledger"]


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
        outcomes: The outcomes of the entrants; those in fixed turns if not given.
        stuck: The quota cell that gets no more completes; None if there is none.
    """

    __slots__ = (
        "_arrivals",
        "_codes",
        "_currency_code",
        "_gained",
        "_gained_cost",
        "_ids",
        "_outcomes",
        "_profiles",
        "_settled",
        "_suppliers",
        "admission",
    )

    def __init__(
        self,
        target_group_id: str,
        currency_code: str,
        *,
        locale: str = "eng_us",
        suppliers: Sequence[int] = (),
        outcomes: Outcomes | None = None,
        stuck: StuckCell | None = None,
    ) -> None:
        self._ids = RespondentIds(target_group_id)
        self._currency_code = currency_code
        self._suppliers = SupplierTurns(suppliers)
        self._arrivals: list[Arrivals] = []
        self._profiles = ProfileHistory(locale, stuck)
        self._settled: dict[int, Settlement] = {}
        self._gained = 0
        self._gained_cost = Decimal(0)
        self._codes: dict[int, str] = {}
        self._outcomes = outcomes or Outcomes()
        self.admission: Admission = Admission()

    @property
    def profiles(self) -> Sequence[Profile]:
        """The profiles in force."""
        return self._profiles.current

    @profiles.setter
    def profiles(self, profiles: Sequence[Profile]) -> None:
        self._profiles.replace(profiles, self.arrived)

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
        return self._outcomes.prescreens(self.arrived) + sum(self._qualified_later(number) for number in self._settled)

    @property
    def entrants(self) -> int:
        """The number of respondents."""
        return self._outcomes.entrants(self.arrived)

    @property
    def drop_offs(self) -> int:
        """The number of respondents who are still in the survey."""
        arrived = self._outcomes.prescreens(self.arrived) - self.arrived
        return arrived + sum(
            (settled.outcome == "drop_off") - (self._outcomes.of(number)[0] == "drop_off")
            for number, settled in self._settled.items()
        )

    @property
    def completes_left(self) -> int | None:
        """The most completes that may still arrive by themselves; None if nothing limits them but the goal."""
        limits = [self._profiles.most_completes]
        if (entrants := self.admission.most_entrants) is not None:
            limits.append(self._outcomes.completes_of(entrants))
        return min((max(0, limit - self.arrived) for limit in limits if limit is not None), default=None)

    @property
    def median_length(self) -> timedelta | None:
        """The median length of the interviews of all completes; None if there is none."""
        return self._outcomes.median_length(self._complete_numbers()) if self.completes else None

    def _complete_numbers(self) -> Iterator[int]:
        """Yield the numbers of all completes."""
        for index in range(self.arrived):
            if (number := self._outcomes.number_of_complete(index)) not in self._settled:
                yield number
        for number, settled in self._settled.items():
            if settled.outcome == "complete":
                yield number

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
            arrived, index = self._outcomes.of(number)
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
            arrived_as, index = self._outcomes.of(number)
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
            self._forget_after(self._outcomes.entrants(self.arrived - removed))
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
        before = self._settlement(number, self._arrival(self._outcomes.of(number)[1])[0])
        if number in self._settled:
            self._count(number, -1)
        ended_at = None if outcome == "drop_off" else before.ended_at or at
        self._settled[number] = Settlement(outcome, ended_at, origin, reconciled or before.reconciled)
        self._count(number, +1)

    def _settlement(self, number: int, arrived_at: datetime) -> Settlement:
        """Return the outcome of a respondent, changed or not."""
        arrived, _ = self._outcomes.of(number)
        ended_at = None if arrived == "drop_off" else arrived_at
        return self._settled.get(number) or Settlement(arrived, ended_at, "flow", None)

    def _count(self, number: int, sign: int) -> None:
        """Count a changed outcome among the completes, or no longer."""
        arrived, index = self._outcomes.of(number)
        gained = sign * ((self._settled[number].outcome == "complete") - (arrived == "complete"))
        self._gained += gained
        self._gained_cost += gained * self._arrival(index)[1].value

    def _qualified_later(self, number: int) -> bool:
        return self._outcomes.of(number)[0] == "screenout" and self._settled[number].outcome == "complete"

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
        people = self._profiles.answers(self.arrived) if any(counts) else []
        gained_completes, gained_prescreens = self._gained_by_complete()
        for number, answers in enumerate(people):
            added = 1 + gained_completes[number]
            # Everybody who came between two completes gave the answers of the second.
            arrived = self._outcomes.prescreens(number + 1) - self._outcomes.prescreens(number)
            qualified = arrived + gained_prescreens[number]
            for cells, profile in zip(counts, profiles, strict=True):
                if (cell := self._profiles.matched(profile, answers, number)) is not None:
                    completes, prescreens = cells[cell]
                    cells[cell] = CellCount(completes + added, prescreens + qualified)
        return counts

    def _gained_by_complete(self) -> tuple[Counter[int], Counter[int]]:
        """Return the changes to completes and prescreens, by the complete that came at the same time."""
        completes, prescreens = Counter[int](), Counter[int]()
        for number, settled in self._settled.items():
            arrived, index = self._outcomes.of(number)
            completes[index] += (settled.outcome == "complete") - (arrived == "complete")
            prescreens[index] += self._qualified_later(number)
        return completes, prescreens

    @property
    def key(self) -> int:
        """The part that all RIDs of this target group share; see `rid_key`."""
        return self._ids.key

    def number_of(self, rid: str) -> int | None:
        """Return the number of the respondent with this RID; None if there is none."""
        number = self._ids.number_of(rid)
        return number if number is not None and 1 <= number <= self.entrants else None

    def respondent(self, number: int) -> Respondent:
        """Return a respondent.

        Args:
            number: The position among all entrants, from 1.

        Raises:
            KeyError: If there is no such respondent.
        """
        if not 1 <= number <= self.entrants:
            raise KeyError(number)
        _, index = self._outcomes.of(number)
        answers = self._profiles.answers(self.arrived)[index] if self.profiles else {}
        return self._respondent(number, self._arrival(index), self._matched(answers, index))

    def respondents(self) -> Iterator[Respondent]:
        """Yield all respondents in the order of their arrival."""
        people = self._profiles.answers(self.arrived) if self.profiles else []
        number = 0
        for index, arrival in enumerate(self._each_arrival()):
            matched = self._matched(people[index], index) if people else {}
            while number < self._outcomes.number_of_complete(index):
                number += 1
                yield self._respondent(number, arrival, matched)

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
            if self._outcomes.number_of_complete(index) not in self._settled:
                yield at
        for settled in self._settled.values():
            if settled.outcome == "complete" and settled.ended_at is not None:
                yield settled.ended_at

    def _matched(self, answers: Answers, number: int) -> dict[str, str]:
        found = {one["id"]: self._profiles.matched(one, answers, number) for one in self.profiles}
        return {
            profile["id"]: profile["targets"][cell]["id"]
            for profile in self.profiles
            if (cell := found[profile["id"]]) is not None
        }

    def _respondent(self, number: int, arrival: tuple[datetime, Amount], matched: Mapping[str, str]) -> Respondent:
        at, price = arrival
        settled = self._settlement(number, at)
        qualified = self._outcomes.of(number)[0] != "screenout" or settled.outcome == "complete"
        rid, person, guid = self._ids.of(number)
        return Respondent(
            number=number,
            rid=rid,
            respondent_id=self.admission.person(number) or person,
            access_respondent_guid=guid,
            entered_at=at - self._outcomes.length(number),
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
