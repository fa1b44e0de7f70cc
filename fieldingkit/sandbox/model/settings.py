"""The settings of a target group."""

from datetime import datetime, timedelta
from typing import Final

import attrs

from fieldingkit.sandbox.formats import readable_id
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.definitions import BUSINESS_UNITS

__all__ = ["Settings"]


_LOCALES: Final = ("eng_us", "eng_gb", "ger_de", "fre_fr")


@attrs.frozen(kw_only=True)
class Settings:
    """The fields of a target group that never change."""

    number: int
    """The sequence number of the target group in the sandbox, from 1."""
    created_at: datetime
    """The creation date."""

    @property
    def name(self) -> str:
        """The name."""
        return f"Target group {self.number}"

    @property
    def human_readable_id(self) -> str:
        """The short id that people use."""
        return readable_id(self.number, 7)

    @property
    def reference(self) -> str:
        """The customer reference number."""
        return f"REF-{self.number}"

    @property
    def locale(self) -> str:
        """The language and country of the respondents; every fourth target group has the same."""
        return _LOCALES[(self.number - 1) % len(_LOCALES)]

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
        return next(iter(BUSINESS_UNITS))

    def completes_a_day(self, price: Amount) -> float:
        """Return the number of completes in a day at a price; 0 for a seeded target group."""
        del price
        return 0.0

    @property
    def planned_dates(self) -> tuple[datetime, datetime]:
        """The planned start and end of fielding of a draft."""
        return self.created_at + timedelta(days=1), self.created_at + timedelta(days=31)
