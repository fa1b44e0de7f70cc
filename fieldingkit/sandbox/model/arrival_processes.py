"""Completes that arrive at random, as a seed decides: the courses that fields have in practice."""

import math
import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrivals import Arrivals
from fieldingkit.sandbox.model.quotas import StuckCell

__all__ = ["ArrivalProcess", "Course", "RandomArrivals"]

Course: TypeAlias = Literal["steady", "day_rhythm", "fading", "price_sensitive"]
"""The course of a rate in time."""

_DAY_PARTS: Final = (*(0.1,) * 6, *(0.7,) * 3, *(1.1,) * 8, *(2.0,) * 5, *(0.6,) * 2)
"""The rate in each hour of a day in UTC; about 1 in the mean."""
_MOST: Final = 2.0
_AHEAD: Final = timedelta(days=60)


@attrs.frozen(kw_only=True)
class ArrivalProcess:
    """The way in which completes arrive at a seeded target group while it is live; the same for the same seed."""

    completes_a_day: float = attrs.field(validator=attrs.validators.gt(0))
    """The mean number of completes in a day; of a fading target group, when it was seeded."""
    course: Course = attrs.field(
        default="steady", validator=attrs.validators.in_(["steady", "day_rhythm", "fading", "price_sensitive"])
    )
    """`steady`; `day_rhythm`, with few at night and most in the evening, UTC; `fading`, by half after each half-life;
    `price_sensitive`, in proportion to the square of the price if it is below `usual_price`."""
    seed: int = 0
    """The seed."""
    half_life_hours: float = attrs.field(default=48.0, validator=attrs.validators.gt(0))
    """The hours after which a fading rate has halved."""
    usual_price: Decimal = Decimal("2.50")
    """The price, in the currency of the target group, from which `completes_a_day` arrive."""
    stops_after_hours: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0))
    )
    """The hours after which no more completes arrive, as with a broken survey link; None if they never stop."""
    stuck_cell: StuckCell | None = None
    """The quota cell that gets no more completes while the others fill; None if there is none."""

    def completes_a_day_at(self, price: Amount) -> float:
        """Return the number of completes in a day at a price, without rhythm or fading."""
        if self.course != "price_sensitive":
            return self.completes_a_day
        part = min(1.0, float(price.value / self.usual_price))
        return self.completes_a_day * part * part

    def rate_at(self, at: datetime, began: datetime) -> float:
        """Return the rate at a date, as a part of the mean rate.

        Args:
            at: The date.
            began: The date from which a rate fades or stops.
        """
        if self.stops_after_hours is not None and at - began > timedelta(hours=self.stops_after_hours):
            return 0.0
        if self.course == "day_rhythm":
            return _DAY_PARTS[at.astimezone(UTC).hour]
        if self.course == "fading":
            return min(1.0, math.exp2((began - at) / timedelta(hours=self.half_life_hours)))
        return 1.0


@attrs.define
class RandomArrivals(Arrivals):
    """Completes that arrive at random, at one price."""

    process: ArrivalProcess = attrs.field(kw_only=True)
    """The process, whose seed decides the dates."""
    began: datetime = attrs.field(kw_only=True)
    """The date from which a rate fades or stops."""
    key: str = attrs.field(kw_only=True)
    """A text that gives each target group other dates, such as its id."""
    _dates: list[datetime] = attrs.field(factory=list[datetime], init=False, repr=False)
    _chance: random.Random = attrs.field(init=False, repr=False)
    _drawn_until: datetime = attrs.field(init=False, repr=False)
    _asked_until: datetime = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._chance = random.Random(f"{self.process.seed}/{self.key}/{self.since - self.began}")
        self._drawn_until = self._asked_until = self.since

    def date(self, number: int) -> datetime:
        """Return the date of a complete, counted from 1; no later than 60 days ahead, although it may never come."""
        last = self._asked_until + _AHEAD
        while len(self._dates) < number and self._drawn_until < last:
            self._draw()
        return self._dates[number - 1] if len(self._dates) >= number else last

    def arrived_by(self, at: datetime) -> int:
        """Return the number of completes that arrive until a date, if nothing stops them."""
        self._asked_until = max(self._asked_until, at)
        while self._drawn_until <= at:
            self._draw()
        return bisect_right(self._dates, at)

    def count_at(self, at: datetime) -> int:
        """Return the number of completes that have arrived at a date."""
        return min(self.count, bisect_right(self._dates, at))

    def _draw(self) -> None:
        """Draw the next date of a Poisson process at the highest rate, and keep it if the rate at that date is so high.

        Every draw moves `_drawn_until` ahead, so that the dates are the same however they are asked for.
        """
        gap = self._chance.expovariate(_MOST)
        self._drawn_until += max(timedelta(microseconds=1), gap * self.period)
        if self._chance.random() * _MOST < self.process.rate_at(self._drawn_until, self.began):
            self._dates.append(self._drawn_until)
