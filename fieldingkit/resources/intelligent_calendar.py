"""The Intelligent Calendar: how long a target group takes to field, and the best time for it."""

from datetime import date, datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.money import Money, amount, without_scale
from fieldingkit.results import Result
from fieldingkit.validators import integer, locale, number, timezone_aware

__all__ = ["Holiday", "SuggestDays", "SuggestTimeRange", "SuggestedDays", "SuggestedTimeRange"]

_CALENDAR = "/demand/intelligent-calendar"


@attrs.frozen(kw_only=True)
class SuggestedDays(Result):
    """The suggested length of a fielding period."""

    days: int
    """The number of days."""


@attrs.frozen(kw_only=True)
class Holiday(Result):
    """A holiday within a suggested fielding period."""

    date: date
    """The day, in the time zone of the period."""
    name: str | None = None
    """Its name."""
    respondent_rate: float | None = None
    """The expected activity of respondents; 1 is that of a normal day."""
    completes_rate: float | None = None
    """The expected number of completes; 1 is that of a normal day."""


@attrs.frozen(kw_only=True)
class SuggestedTimeRange(Result):
    """A suggested fielding period."""

    start: datetime
    """The start of fielding, UTC."""
    end: datetime
    """The end of fielding, UTC."""
    holidays: tuple[Holiday, ...] = ()
    """The holidays in the period."""
    timezone: str | None = None
    """The respondents' time zone, such as ``Europe/London``."""


@attrs.frozen(kw_only=True)
class SuggestDays(Command[SuggestedDays]):
    """Ask for the number of days that a target group with these settings needs; nothing is created."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _CALENDAR + "/suggest-days", operation_id="suggest_days", read_only=True
    )
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
    price: Money = attrs.field(converter=without_scale, validator=amount)
    """The price of a complete."""
    length_of_interview: int = attrs.field(validator=integer(1, 45))
    """The expected length of an interview, in minutes, 1 to 45."""
    incidence_rate: float = attrs.field(validator=number(0, 1))
    """The expected share of entrants who qualify, from 0 to 1."""
    completes: int = attrs.field(validator=integer(1))
    """The number of completes wanted."""
    collects_pii: bool | None = None
    """True if it collects personally identifiable information."""


@attrs.frozen(kw_only=True)
class SuggestTimeRange(Command[SuggestedTimeRange]):
    """Ask for the best fielding period, holidays considered: of so many days from now, or within two dates."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _CALENDAR + "/suggest-time-range", operation_id="suggest_time_range")
    days: int | None = attrs.field(default=None, validator=integer(1))
    """The number of days from now; either this, or ``start`` and ``end``."""
    start: datetime | None = attrs.field(default=None, validator=attrs.validators.optional(timezone_aware))
    """The earliest start, with a time zone."""
    end: datetime | None = attrs.field(default=None, validator=attrs.validators.optional(timezone_aware))
    """The latest end, with a time zone."""
    locale: str | None = attrs.field(default=None, validator=locale)
    """The language and country of the respondents, such as ``eng_us``; it decides the holidays and the time zone."""

    def __attrs_post_init__(self) -> None:
        if self.days is None and (self.start is None or self.end is None):
            raise InvalidCommandError("SuggestTimeRange: set days, or both start and end", field="days")
        if self.days is not None and (self.start is not None or self.end is not None):
            raise InvalidCommandError("SuggestTimeRange: set either days, or start and end", field="days")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidCommandError("SuggestTimeRange: end must be after start", field="end")
