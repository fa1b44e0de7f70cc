"""US Central Time, in which the API counts the days of reports and the deadlines of reconciliations.

Written out, because not every machine has a time zone database: daylight saving time lasts from the second Sunday in
March, 2 am, to the first Sunday in November, 2 am.
"""

from datetime import UTC, date, datetime, time, timedelta, timezone

__all__ = ["central_date", "central_midnight", "next_month", "reconciliation_deadline"]

_STANDARD = timezone(timedelta(hours=-6))
_DAYLIGHT = timezone(timedelta(hours=-5))
_LAST_DAY = 25
"""The last day of the next month on which a complete can be reconciled."""


def central_date(moment: datetime) -> date:
    """Return the day in Central Time."""
    return moment.astimezone(_zone(moment)).date()


def central_midnight(day: date) -> datetime:
    """Return the beginning of a day in Central Time, in UTC."""
    # The clocks change at 2 am, so midnight is never ambiguous, and the offset of standard time finds the right zone.
    midnight = datetime.combine(day, time(), _STANDARD)
    return midnight.replace(tzinfo=_zone(midnight)).astimezone(UTC)


def next_month(day: date) -> date:
    """Return the first day of the next month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def reconciliation_deadline(month: date) -> datetime:
    """Return the end of reconciliations in a month, in UTC: the end of its 25th day in Central Time.

    Completes of the month before can be reconciled until then, but not at this moment itself.
    """
    return central_midnight(month.replace(day=_LAST_DAY) + timedelta(days=1))


def _zone(moment: datetime) -> timezone:
    begin = datetime.combine(_sunday(moment.year, 3, number=2), time(2), _STANDARD)
    end = datetime.combine(_sunday(moment.year, 11, number=1), time(2), _DAYLIGHT)
    return _DAYLIGHT if begin <= moment < end else _STANDARD


def _sunday(year: int, month: int, *, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=6 - first.weekday() + 7 * (number - 1))
