"""US Central Time, in which the days of reports and the months of invoices are counted.

Written out, because not every machine has a time zone database: daylight saving time lasts from the second Sunday in
March to the first Sunday in November.
"""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

__all__ = ["central_midnight", "central_time", "reconciliation_deadline"]

_STANDARD: Final = timezone(timedelta(hours=-6), "CST")
_DAYLIGHT: Final = timezone(timedelta(hours=-5), "CDT")
_LAST_DAY: Final = 25
"""The last day of the next month on which a complete can be reconciled."""


def central_time(at: datetime) -> datetime:
    """Return a date in Central Time."""
    return at.astimezone(_zone(at))


def central_midnight(day: date) -> datetime:
    """Return the beginning of a day in Central Time, in UTC."""
    standard = datetime.combine(day, time(), _STANDARD)
    return datetime.combine(day, time(), _zone(standard)).astimezone(UTC)


def reconciliation_deadline(completed_at: datetime) -> datetime:
    """Return the date, in UTC, until which a complete can be reconciled: the end of the 25th of the next month."""
    day = central_time(completed_at).date()
    next_month = (day.replace(day=1) + timedelta(days=31)).replace(day=_LAST_DAY)
    return central_midnight(next_month + timedelta(days=1))


def _zone(at: datetime) -> timezone:
    begins = datetime.combine(_sunday(at.year, 3, number=2), time(2), _STANDARD)
    ends = datetime.combine(_sunday(at.year, 11, number=1), time(2), _DAYLIGHT)
    return _DAYLIGHT if begins <= at < ends else _STANDARD


def _sunday(year: int, month: int, *, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=6 - first.weekday() + 7 * (number - 1))
