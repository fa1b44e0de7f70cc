"""The figures of a target group at one date, which follow from its ledger of respondents."""

from datetime import datetime
from typing import Any

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.ledgers import Ledger

__all__ = ["Progress"]


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
    def drop_offs(self) -> int:
        """The number of respondents who are still in the survey."""
        return self.ledger.drop_offs

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
        return _share(self.completes, self.entrants)

    @property
    def incidence_rate(self) -> float:
        """The share of screened respondents who qualified."""
        return _share(self.prescreens, self.entrants)

    @property
    def drop_off_rate(self) -> float:
        """The share of respondents who dropped off after they started."""
        return _share(self.drop_offs, self.prescreens)

    @property
    def median_length_of_interview_seconds(self) -> int:
        """The median length of an interview."""
        median = self.ledger.median_length
        return 0 if median is None else int(median.total_seconds())

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
        return self.earnings_per_click.share(max(1, round(self.median_length_of_interview_seconds / 60)))

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


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
