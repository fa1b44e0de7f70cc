"""The funnel of a target group: the shares of entrants who qualify, drop off and complete, as a seed decides."""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import timedelta
from statistics import median
from typing import Final

import attrs

from fieldingkit.sandbox.model.outcomes import Outcome, Outcomes

__all__ = ["Funnel", "RandomOutcomes"]

_SPREAD: Final = 0.25
"""The standard deviation of the logarithm of an interview's length."""


@attrs.frozen(kw_only=True)
class Funnel:
    """The shares of the entrants of a seeded target group, which each end at random; the same for the same seed.

    The conversion rate is about `incidence_rate * (1 - drop_off_rate)`.
    """

    incidence_rate: float = attrs.field(default=0.5, validator=[attrs.validators.gt(0), attrs.validators.le(1)])
    """The share of entrants who pass the screener, above 0 and up to 1."""
    drop_off_rate: float = attrs.field(default=0.1, validator=[attrs.validators.ge(0), attrs.validators.lt(1)])
    """The share of those who passed it and do not come back, from 0 and below 1."""
    length_minutes: float = attrs.field(default=8.0, validator=attrs.validators.gt(0))
    """The median length of an interview."""
    seed: int = 0
    """The seed."""


class RandomOutcomes(Outcomes):
    """The outcomes with which respondents arrive by a funnel. They are drawn in their order when they are needed.

    Args:
        funnel: The shares and the seed.
        key: A text that gives each target group other outcomes, such as its id.
    """

    def __init__(self, funnel: Funnel, key: str) -> None:
        self._funnel = funnel
        self._chance = random.Random(f"{funnel.seed}/{key}")
        self._outcomes: list[Outcome] = []
        self._lengths: list[timedelta] = []
        self._completes: list[int] = []
        self._prescreens: list[int] = []

    def of(self, number: int) -> tuple[Outcome, int]:
        """Return a respondent's outcome, and the complete that came at that time, counted from 0."""
        while not self._completes or self._completes[-1] < number:
            self._draw_complete()
        return self._outcomes[number - 1], bisect_left(self._completes, number)

    def number_of_complete(self, index: int) -> int:
        """Return the position among all entrants, from 1, of a complete that is counted from 0."""
        while len(self._completes) <= index:
            self._draw_complete()
        return self._completes[index]

    def entrants(self, completes: int) -> int:
        """Return the number of entrants until so many of them have completed."""
        return self.number_of_complete(completes - 1) if completes else 0

    def prescreens(self, completes: int) -> int:
        """Return the number of entrants who passed the screener, until so many of them have completed."""
        return self._prescreens[completes - 1] if self.entrants(completes) else 0

    def completes_of(self, entrants: int) -> int:
        """Return the number of completes among so many entrants."""
        self.of(max(1, entrants))
        return bisect_right(self._completes, entrants)

    def length(self, number: int) -> timedelta:
        """Return the length of a respondent's interview, in whole seconds."""
        self.of(number)
        return self._lengths[number - 1]

    def median_length(self, numbers: Iterable[int]) -> timedelta:
        """Return the median length of the interviews of some respondents, at least one."""
        return timedelta(seconds=median(self.length(number).total_seconds() for number in numbers))

    def _draw_complete(self) -> None:
        """Draw the entrants until the next one who completes."""
        funnel, prescreens = self._funnel, self._prescreens[-1] if self._prescreens else 0
        outcome: Outcome | None = None
        while outcome != "complete":
            qualifies = self._chance.random() < funnel.incidence_rate
            comes_back = self._chance.random() >= funnel.drop_off_rate
            outcome = "screenout" if not qualifies else "complete" if comes_back else "drop_off"
            prescreens += qualifies
            seconds = 60 * funnel.length_minutes * math.exp(self._chance.gauss(0, _SPREAD))
            self._outcomes.append(outcome)
            self._lengths.append(timedelta(seconds=max(1, round(seconds))))
        self._completes.append(len(self._outcomes))
        self._prescreens.append(prescreens)
