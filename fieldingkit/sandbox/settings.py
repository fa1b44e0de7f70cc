"""What a target group is set up with: facts of its number, so that 100,000 of them cost nothing until they are read."""

from datetime import datetime, timedelta
from typing import Final

import attrs

from fieldingkit.sandbox.identifiers import readable_id

__all__ = ["Settings"]

_LOCALES: Final = ("eng_us", "eng_gb", "ger_de", "fre_fr")


@attrs.frozen(kw_only=True)
class Settings:
    """What a target group was set up with, and keeps."""

    number: int
    """Counts the target groups of the sandbox from 1."""
    created_at: datetime
    """When it was made."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"Target group {self.number}"

    @property
    def human_readable_id(self) -> str:
        """The short id that people see."""
        return readable_id(self.number, 7)

    @property
    def reference(self) -> str:
        """The account's own reference."""
        return f"REF-{self.number}"

    @property
    def locale(self) -> str:
        """Language and country of its respondents: every fourth target group has the same."""
        return _LOCALES[(self.number - 1) % len(_LOCALES)]

    @property
    def language(self) -> str:
        """Three small letters."""
        return self.locale.partition("_")[0]

    @property
    def country(self) -> str:
        """Two small letters."""
        return self.locale.partition("_")[2]

    @property
    def planned_dates(self) -> tuple[datetime, datetime]:
        """When it is meant to field, while it is a draft."""
        return self.created_at + timedelta(days=1), self.created_at + timedelta(days=31)
