"""The settings of a target group."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from fieldingkit.sandbox.formats import parse_timestamp, readable_id, write_timestamp
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess, RandomArrivals
from fieldingkit.sandbox.model.arrivals import Arrivals
from fieldingkit.sandbox.model.definitions import BUSINESS_UNITS, SUPPLIERS
from fieldingkit.sandbox.model.funnels import Funnel, RandomOutcomes
from fieldingkit.sandbox.model.outcomes import Outcomes
from fieldingkit.sandbox.model.pricing import completes_a_day
from fieldingkit.sandbox.model.questions import reach_of
from fieldingkit.sandbox.model.quotas import StuckCell

__all__ = ["Settings"]


_LOCALES: Final = ("eng_us", "eng_gb", "ger_de", "fre_fr")
_SEEDED: Final[Mapping[str, Any]] = {
    "business_unit_id": str(next(iter(BUSINESS_UNITS))),
    "collects_pii": False,
    "study_type_code": "adhoc",
    "industry_code": "other",
    "industry_lockout_code": "not_applicable",
    "expected_length_of_interview_minutes": 10,
    "expected_incidence_rate": 0.5,
    "live_url": "https://survey.example/live",
    "test_url": "https://survey.example/test",
}
"""The settings of every seeded target group; name, locale, reference and dates follow from its number."""


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of a target group, in the form of a request that creates one."""

    number: int
    """The sequence number of the target group in the sandbox, from 1."""
    created_at: datetime
    """The creation date."""
    given: Mapping[str, Any] | None = None
    """The settings of a request; None for a seeded target group."""
    is_seeded: bool = False
    """True if a test assigns the completes, although a request changed the settings."""
    profiling: Mapping[str, Any] | None = None
    """The profiles as they are read, with ids; None if anyone may take part."""
    process: ArrivalProcess | None = None
    """The completes that arrive at a seeded target group; None if the test assigns them."""
    funnel: Funnel | None = None
    """The shares of the entrants of a seeded target group; None for the outcomes in fixed turns."""
    allocations: Mapping[str, Any] | None = None
    """The allocations as they are read, with names; None for a seeded target group."""

    @property
    def members(self) -> Mapping[str, Any]:
        """All settings by name."""
        if self.given is not None:
            return self.given
        start_at, end_at = self.created_at + timedelta(days=1), self.created_at + timedelta(days=31)
        return {
            **_SEEDED,
            "name": self.name,
            "locale": self.locale,
            "target_group_customer_reference_number": self.reference,
            "fielding_specification": {"start_at": write_timestamp(start_at), "end_at": write_timestamp(end_at)},
        }

    def with_member(self, name: str, value: object) -> "Settings":
        """Return the settings with one of them changed by a request."""
        given = {**self.members, name: value}
        return attrs.evolve(self, given=given, is_seeded=self.is_seeded or self.given is None)

    @property
    def name(self) -> str:
        """The name."""
        return f"Target group {self.number}" if self.given is None else self.given["name"]

    @property
    def human_readable_id(self) -> str:
        """The short id that people use."""
        return readable_id(self.number, 7)

    @property
    def reference(self) -> str | None:
        """The customer reference number."""
        if self.given is None:
            return f"REF-{self.number}"
        reference: str | None = self.given.get("target_group_customer_reference_number")
        return reference

    @property
    def locale(self) -> str:
        """The language and country of the respondents; every fourth seeded target group has the same."""
        return _LOCALES[(self.number - 1) % len(_LOCALES)] if self.given is None else self.given["locale"]

    @property
    def language(self) -> str:
        """The language, three lower-case letters."""
        return self.locale.partition("_")[0]

    @property
    def country(self) -> str:
        """The country, two lower-case letters."""
        return self.locale.partition("_")[2]

    @property
    def business_unit_id(self) -> int:
        """The business unit."""
        return int(self.members["business_unit_id"])

    @property
    def planned_dates(self) -> tuple[datetime, datetime]:
        """The planned start and end of fielding of a draft."""
        period = self.members["fielding_specification"]
        start_at, end_at = parse_timestamp(period["start_at"]), parse_timestamp(period["end_at"])
        return start_at or self.created_at, end_at or self.created_at

    @property
    def excludes(self) -> bool:
        """True if respondents of other target groups of the project are excluded."""
        exclusion: Mapping[str, Any] | None = self.members.get("exclusion")
        return bool(exclusion and exclusion.get("enabled"))

    @property
    def profiles(self) -> tuple[Mapping[str, Any], ...]:
        """The profiles as they are read; none if anyone may take part."""
        return () if self.profiling is None else tuple(self.profiling["profiles"])

    @property
    def supplier_ids(self) -> tuple[int, ...]:
        """The suppliers on the open exchange."""
        if self.allocations is None:
            return tuple(SUPPLIERS)
        opened = self.allocations["open_exchange_allocations"]
        groups = [opened["exchange_suppliers"], *(group["suppliers"] for group in opened["groups"])]
        return tuple(supplier["id"] for suppliers in groups for supplier in suppliers)

    def arrivals(self, target_group_id: str, since: datetime, period: timedelta, price: Amount) -> Arrivals:
        """Return the completes that arrive from a date, evenly or as the process of a seeded target group says."""
        if self.process is None:
            return Arrivals(since, period, price)
        return RandomArrivals(since, period, price, process=self.process, began=self.created_at, key=target_group_id)

    def outcomes(self, target_group_id: str) -> Outcomes:
        """Return the outcomes of the entrants, in fixed turns or as the funnel of a seeded target group says."""
        return Outcomes() if self.funnel is None else RandomOutcomes(self.funnel, target_group_id)

    @property
    def stuck_cell(self) -> StuckCell | None:
        """The quota cell that gets no more completes; None if there is none."""
        return None if self.process is None else self.process.stuck_cell

    def completes_a_day(self, price: Amount) -> float:
        """Return the number of completes in a day at a price.

        It is 0 without suppliers, and for a seeded target group that has no process.
        """
        if self.process is not None and self.supplier_ids:
            return self.process.completes_a_day_at(price)
        if self.given is None or self.is_seeded or not self.supplier_ids:
            return 0.0
        return reach_of(self.profiles, self.locale) * completes_a_day(
            self.locale,
            length=self.given["expected_length_of_interview_minutes"],
            incidence_rate=self.given["expected_incidence_rate"],
            price=price,
        )
