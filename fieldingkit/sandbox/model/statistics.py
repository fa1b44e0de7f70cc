"""The progress of a target group, derived from its number of completes."""

from datetime import datetime
from typing import Any, Final

import attrs

__all__ = ["PRICE_IN_CENTS", "Progress", "money"]


PRICE_IN_CENTS: Final = 250
"""The price of a complete in every target group, in cents."""

_MINUTES: Final = 8


def money(cents: int) -> dict[str, Any]:
    """Return an amount as the API writes it."""
    return {"value": f"{cents // 100}.{cents % 100:02}", "currency_code": "USD", "currency_scale": 2}


@attrs.frozen(kw_only=True)
class Progress:
    """The figures of a target group at one date: of ten entrants, five pass the screener and four complete."""

    completes: int
    """The number of completes."""
    goal: int
    """The completes goal."""
    began_at: datetime | None
    """The date of the first complete; None if there is none."""
    latest_at: datetime | None
    """The date of the latest complete; None if there is none."""

    @property
    def prescreens(self) -> int:
        """The number of respondents who passed the screener."""
        return self.completes * 5 // 4

    @property
    def entrants(self) -> int:
        """The number of respondents who entered."""
        return self.completes * 5 // 2

    @property
    def conversion_rate(self) -> float:
        """The share of entrants who completed."""
        return 0.4 if self.completes else 0.0

    @property
    def incidence_rate(self) -> float:
        """The share of screened respondents who qualified."""
        return 0.5 if self.completes else 0.0

    @property
    def drop_off_rate(self) -> float:
        """The share of respondents who dropped off after they started."""
        return 0.2 if self.completes else 0.0

    @property
    def median_length_of_interview_seconds(self) -> int:
        """The length of an interview."""
        return _MINUTES * 60 if self.completes else 0

    @property
    def cost_in_cents(self) -> int:
        """The cost of all completes."""
        return self.completes * PRICE_IN_CENTS

    @property
    def earnings_per_click_in_cents(self) -> int:
        """The average earnings from an entrant."""
        return self.cost_in_cents // self.entrants if self.entrants else 0

    @property
    def earnings_per_click_per_minute_in_cents(self) -> int:
        """The average earnings from an entrant and a minute of the interview."""
        return self.earnings_per_click_in_cents // _MINUTES

    def completes_at(self, moment: datetime) -> int:
        """Return the number of completes at a date; completes arrive at a constant rate.

        Args:
            moment: The date.
        """
        if self.began_at is None or self.latest_at is None:
            return 0
        if moment >= self.latest_at:
            return self.completes
        return max(1, int(self.completes * ((moment - self.began_at) / (self.latest_at - self.began_at))))

    def json(self) -> dict[str, Any]:
        """Return the part of these figures that several responses share."""
        return {
            "current_completes": self.completes,
            "current_prescreens": self.prescreens,
            "filling_goal": self.goal,
            "filling_strategy": "completes",
        }
