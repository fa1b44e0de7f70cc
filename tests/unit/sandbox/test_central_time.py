"""US Central Time: days, midnights and the deadline of reconciliations."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sandbox.model.central_time import central_midnight, central_time, reconciliation_deadline


@pytest.mark.parametrize(
    ("completed_at", "deadline"),
    [
        ("2026-01-15T12:00Z", "2026-02-26T06:00Z"),
        ("2026-02-28T12:00Z", "2026-03-26T05:00Z"),
        ("2026-10-31T12:00Z", "2026-11-26T06:00Z"),
        ("2026-11-01T04:59Z", "2026-11-26T06:00Z"),
        ("2026-11-01T05:00Z", "2026-12-26T06:00Z"),
        ("2027-01-01T05:59Z", "2027-01-26T06:00Z"),
        ("2027-01-01T06:00Z", "2027-02-26T06:00Z"),
        ("2027-06-01T05:00Z", "2027-07-26T05:00Z"),
    ],
)
def test_deadline_is_the_end_of_the_25th_in_central_time(completed_at: str, deadline: str) -> None:
    """The month of a complete and the end of the 25th of the next one are those of Chicago, also in summer."""
    assert reconciliation_deadline(datetime.fromisoformat(completed_at)) == datetime.fromisoformat(deadline)


@pytest.mark.parametrize(
    ("at", "hours"),
    [("2026-03-08T07:59Z", 6), ("2026-03-08T08:00Z", 5), ("2026-11-01T06:59Z", 5), ("2026-11-01T07:00Z", 6)],
)
def test_daylight_saving_time_changes_at_two_on_a_sunday(at: str, hours: int) -> None:
    """Until 2 am of the second Sunday in March, and from 2 am of the first in November, Chicago is 6 hours behind."""
    moment = datetime.fromisoformat(at)
    assert central_time(moment).utcoffset() == timedelta(hours=-hours)


@given(day=st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_days_begin_at_their_midnight(day: date) -> None:
    """The moment of midnight belongs to its day, and the moment before it to the day before."""
    midnight = central_midnight(day)
    assert midnight.tzinfo is UTC
    assert central_time(midnight).date() == day
    assert central_time(midnight - timedelta(microseconds=1)).date() == day - timedelta(days=1)
