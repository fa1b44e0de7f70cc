"""How a target group is doing, worked out from the one thing that is counted: its completes."""

from datetime import datetime
from typing import Any, Final

import attrs

__all__ = ["PRICE_IN_CENTS", "Progress", "money"]


PRICE_IN_CENTS: Final = 250
"""What a complete costs in every target group, in cents."""

_MINUTES: Final = 8


def money(cents: int) -> dict[str, Any]:
    """An amount as the API writes it."""
    return {"value": f"{cents // 100}.{cents % 100:02}", "currency_code": "USD", "currency_scale": 2}


@attrs.frozen(kw_only=True)
class Progress:
    """The figures of a target group at one moment: of ten who enter five pass the screener and four complete."""

    completes: int
    """How many have completed."""
    goal: int
    """How many are to complete."""
    began_at: datetime | None
    """When the first complete came in; None if there is none."""
    latest_at: datetime | None
    """When the latest one came in."""

    @property
    def prescreens(self) -> int:
        """How many have passed the screener."""
        return self.completes * 5 // 4

    @property
    def entrants(self) -> int:
        """How many have entered."""
        return self.completes * 5 // 2

    @property
    def conversion_rate(self) -> float:
        """Which part of those who entered have completed."""
        return 0.4 if self.completes else 0.0

    @property
    def incidence_rate(self) -> float:
        """Which part of those who were asked are those who are looked for."""
        return 0.5 if self.completes else 0.0

    @property
    def drop_off_rate(self) -> float:
        """Which part of those who began have given up."""
        return 0.2 if self.completes else 0.0

    @property
    def median_length_of_interview_seconds(self) -> int:
        """How long an interview takes."""
        return _MINUTES * 60 if self.completes else 0

    @property
    def cost_in_cents(self) -> int:
        """What the completes have cost."""
        return self.completes * PRICE_IN_CENTS

    @property
    def earnings_per_click_in_cents(self) -> int:
        """What an entrant has earned on average."""
        return self.cost_in_cents // self.entrants if self.entrants else 0

    @property
    def earnings_per_click_per_minute_in_cents(self) -> int:
        """The same for each minute of an interview."""
        return self.earnings_per_click_in_cents // _MINUTES

    def completes_at(self, moment: datetime) -> int:
        """How many had completed by a moment after the first of them: they came in evenly.

        Args:
            moment: The moment.
        """
        if self.began_at is None or self.latest_at is None:
            return 0
        if moment >= self.latest_at:
            return self.completes
        return max(1, int(self.completes * ((moment - self.began_at) / (self.latest_at - self.began_at))))

    def json(self) -> dict[str, Any]:
        """The part of it that several answers have."""
        return {
            "current_completes": self.completes,
            "current_prescreens": self.prescreens,
            "filling_goal": self.goal,
            "filling_strategy": "completes",
        }
