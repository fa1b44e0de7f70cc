"""The figures of a target group at one date, which follow from its ledger of respondents."""

from datetime import datetime
from typing import Any, Final

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrivals import INTERVIEW
from fieldingkit.sandbox.model.respondents import Ledger

__all__ = ["INTERVIEW_MINUTES", "Progress"]


INTERVIEW_MINUTES: Final = int(INTERVIEW.total_seconds()) // 60
"""The length of every interview in minutes."""


@attrs.frozen(kw_only=True)
class Progress:
    """The figures of a target group at one date."""

    ledger: Ledger
    """The respondents."""
    goal: int
    """The completes goal."""
    filling_strategy: str
    """The kind of respondents that the goal counts."""

    @property
    def completes(self) -> int:
        """The number of completes."""
        return self.ledger.completes

    @property
    def prescreens(self) -> int:
        """The number of respondents who passed the screener."""
        return self.ledger.prescreens

    @property
    def entrants(self) -> int:
        """The number of respondents who entered."""
        return self.ledger.entrants

    @property
    def first_at(self) -> datetime | None:
        """The date of the first complete; None if there is none."""
        return self.ledger.first_at

    @property
    def latest_at(self) -> datetime | None:
        """The date of the latest complete; None if there is none."""
        return self.ledger.latest_at

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
        return INTERVIEW_MINUTES * 60 if self.completes else 0

    @property
    def cost(self) -> Amount:
        """The cost of all completes."""
        return self.ledger.cost

    @property
    def earnings_per_click(self) -> Amount:
        """The average earnings from an entrant."""
        return self.cost.share(self.entrants)

    @property
    def earnings_per_click_per_minute(self) -> Amount:
        """The average earnings from an entrant and a minute of the interview."""
        return self.earnings_per_click.share(INTERVIEW_MINUTES)

    def completes_at(self, at: datetime) -> int:
        """Return the number of completes at a date."""
        return self.ledger.completes_at(at)

    def json(self) -> dict[str, Any]:
        """Return the part of these figures that several responses share."""
        return {
            "current_completes": self.completes,
            "current_prescreens": self.prescreens,
            "filling_goal": self.goal,
            "filling_strategy": self.filling_strategy,
        }
