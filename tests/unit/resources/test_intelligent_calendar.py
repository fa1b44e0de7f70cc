"""The Intelligent Calendar: suggested days and periods."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.resource_wire import answer, sent

from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.intelligent_calendar import SuggestDays, SuggestTimeRange
from fieldingkit.resources.money import Money

START = datetime(2026, 12, 20, tzinfo=UTC)
STUDY: dict[str, Any] = {
    "locale": "eng_us",
    "price": Money(value=Decimal("2.50"), currency_code="USD", currency_scale=2),
    "length_of_interview": 15,
    "incidence_rate": 0.25,
    "completes": 500,
}
RANGE: dict[str, Any] = {
    "start": "2026-12-20T00:00:00.000Z",
    "end": "2026-12-30T00:00:00.000Z",
    "holidays": [{"date": "2026-12-25", "name": "Christmas Day", "respondent_rate": 0.7, "completes_rate": 1}],
    "timezone": "America/New_York",
}


def test_days_are_asked_for_by_the_settings_of_a_group() -> None:
    """The command reads although it is a POST, and sends the price without its scale."""
    command = SuggestDays(**STUDY, collects_pii=False)
    request = sent(command)
    assert (request.method, request.path) == ("POST", "/demand/intelligent-calendar/suggest-days")
    assert request.body == {**STUDY, "price": {"value": "2.50", "currency_code": "USD"}, "collects_pii": False}
    assert command.retry_safety() is RetrySafety.READ
    assert answer(command, {"days": 14}).days == 14


def test_a_holiday_has_a_date() -> None:
    """Days are dates without a time; in rows they stay dates, in JSON they are text."""
    period = answer(SuggestTimeRange(days=10), RANGE)
    assert (period.start, period.end - period.start) == (START, timedelta(days=10))
    (holiday,) = period.holidays
    assert (holiday.date, holiday.completes_rate) == (date(2026, 12, 25), 1.0)
    assert period.to_dict()["holidays"][0]["date"] == "2026-12-25"


@pytest.mark.parametrize("wrong", ["20261225", "2026-12-25T00:00:00Z", "2026-13-01", 20261225])
def test_a_holiday_of_another_form_spoils_nothing_else(wrong: object) -> None:
    """A date of another form is listed as undecoded with its holidays; the period itself is read."""
    period = answer(SuggestTimeRange(days=10), {**RANGE, "holidays": [{"date": wrong}]})
    assert (period.undecoded, period.holidays, period.timezone) == (("$.holidays",), (), "America/New_York")


def test_a_period_is_a_number_of_days_or_two_dates() -> None:
    """Times are sent in UTC with three fractional digits."""
    assert sent(SuggestTimeRange(days=10, locale="eng_us")).query == [("days", "10"), ("locale", "eng_us")]
    query = sent(SuggestTimeRange(start=START, end=START + timedelta(days=10))).query
    assert query == [("start", RANGE["start"]), ("end", RANGE["end"])]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "days"),
        ({"start": START}, "days"),
        ({"days": 1, "start": START}, "days"),
        ({"days": 1, "end": START}, "days"),
        ({"days": 0}, "days"),
        ({"start": START, "end": START}, "end"),
        ({"start": datetime(2026, 1, 1), "end": START}, "start"),
        ({"days": 1, "locale": "en_US"}, "locale"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(wrong: dict[str, Any], field: str) -> None:
    """Both forms, half a form, an empty period and a time without a zone are refused by name."""
    with pytest.raises(InvalidCommandError) as caught:
        SuggestTimeRange(**wrong)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "wrong", [{"incidence_rate": 25}, {"length_of_interview": 0}, {"completes": 0}, {"price": 2.5}, {"locale": "us"}]
)
def test_settings_have_bounds(wrong: dict[str, Any]) -> None:
    """Settings out of bounds are refused by name; an incidence rate of 25 percent is 0.25."""
    with pytest.raises(InvalidCommandError) as caught:
        SuggestDays(**{**STUDY, **wrong})
    assert caught.value.field in wrong
