"""How long the server asks to wait."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from support.examples import texts

from fieldingkit.transport.headers import retry_after

NOW = datetime(2026, 11, 6, 8, 49, 37, tzinfo=UTC)

SAID = {
    "3": 3.0,
    " 3 ": 3.0,
    "0": 0.0,
    "1.5": 1.5,
    "120": 120.0,
    "999999999": 999_999_999.0,
    "9999999999": 999_999_999.0,
    "9" * 400: 999_999_999.0,
    f"1.{'3' * 400}": 4 / 3,
    "Fri, 06 Nov 2026 08:49:40 GMT": 3.0,
    "Friday, 06-Nov-26 08:49:40 GMT": 3.0,
    "Fri Nov  6 08:49:40 2026": 3.0,
    "Fri, 06 Nov 2026 08:49:30 GMT": 0.0,
    "Fri, 06 Nov 2026 09:49:40 +0100": 3.0,
}
UNSAID = [
    "",
    " ",
    "-1",
    "-0.5",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "1e3",
    "0x10",
    "1_000",
    "٣",
    "1,5",
    "3s",
    "3 4",
    "soon",
    ".",
    "1.",
    "Fri, 99 Nov 2026 08:49:40 GMT",
    "Fri, 06 Nov 2026 99:99:99 GMT",
]


def asked(value: str, **headers: str) -> float | None:
    """Return the requested delay of a response with this header, at ``NOW``."""
    return retry_after(CIMultiDict({"Retry-After": value, **headers}), now=NOW)


@pytest.mark.parametrize("value", SAID)
def test_seconds_and_all_http_dates_are_parsed(value: str) -> None:
    """Seconds of any length and all three forms of an HTTP date are parsed; over 30 years count as 30 years."""
    assert asked(value) == pytest.approx(SAID[value], rel=1e-12)


@pytest.mark.parametrize("value", UNSAID)
def test_invalid_retry_after_counts_as_absent(value: str) -> None:
    """Negative numbers, NaN, infinity, empty text and garbage count as if the header were absent."""
    assert asked(value) is None


def test_absent_retry_after_is_none() -> None:
    """Without the header there is no requested delay."""
    assert retry_after(CIMultiDict()) is None


def test_date_is_compared_with_the_servers_own() -> None:
    """A date is compared with the response's Date, so that a wrong clock on either side does not matter."""
    assert asked("Fri, 06 Nov 2026 08:00:10 GMT", Date="Fri, 06 Nov 2026 08:00:00 GMT") == 10.0


def test_date_is_compared_with_the_present_time() -> None:
    """Without a valid Date the present time is used."""
    assert asked("Fri, 06 Nov 2026 08:49:47 GMT", Date="yesterday") == 10.0


@given(texts(max_size=60) | st.text(alphabet="0123456789.-+eE:, GMTFriNov", max_size=40))
def test_any_text_is_none_or_a_finite_number(value: str) -> None:
    """For any text the result is None or a finite number that is not negative."""
    seconds = asked(value)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0.0)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2068, 12, 31)), st.integers(0, 10**6))
def test_any_date_is_its_distance_from_the_servers_own(moment: datetime, seconds: int) -> None:
    """A date some seconds after the response's own Date is a delay of those seconds."""
    date = moment.replace(microsecond=0, tzinfo=UTC)
    later = format_datetime(date + timedelta(seconds=seconds), usegmt=True)
    assert asked(later, Date=format_datetime(date, usegmt=True)) == seconds
