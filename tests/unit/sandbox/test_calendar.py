"""The Intelligent Calendar of the sandbox: a simple model of days, and holidays by country."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import SandboxClock
from fieldingkit.sandbox.formats import write_timestamp

CALENDAR = "/demand/intelligent-calendar"
STUDY: dict[str, Any] = {
    "locale": "eng_us",
    "price": {"value": "3.00", "currency_code": "USD"},
    "length_of_interview": 10,
    "incidence_rate": 0.2,
    "completes": 8000,
}


async def days(call: Caller, **changes: Any) -> int:
    """Return the suggested days of a study."""
    return (await call("POST", f"{CALENDAR}/suggest-days", json={**STUDY, **changes})).json["days"]


async def test_days_follow_from_panel_incidence_and_price(call: Caller) -> None:
    """Of 4,000 who enter a day a fifth qualifies, and all are willing at the price on the card, half at half of it."""
    assert await days(call) == 10
    assert await days(call, completes=1) == 1
    assert await days(call, price={"value": "1.50", "currency_code": "USD"}) == 20
    assert await days(call, price={"value": "9.00", "currency_code": "USD"}) == 10
    assert await days(call, locale="chi_us") == 100
    assert await days(call, incidence_rate=0) == await days(call, completes=10**9) == 365


@pytest.mark.parametrize(
    "wrong",
    [
        {"locale": "eng_xx"},
        {"price": {"value": "3.00"}},
        {"length_of_interview": 46},
        {"incidence_rate": 1.1},
        {"completes": True},
    ],
)
async def test_settings_out_of_bounds_are_refused(call: Caller, wrong: dict[str, Any]) -> None:
    """An unknown locale and a value out of bounds are a 400 that names the field."""
    refused = await call("POST", f"{CALENDAR}/suggest-days", json={**STUDY, **wrong})
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, next(iter(wrong)))


async def test_a_period_has_its_holidays(call: Caller) -> None:
    """A period between two dates is returned with the holidays of its country, in order, and its time zone."""
    params = {"start": "2026-06-30T00:00:00.000Z", "end": "2027-01-01T00:00:00.000Z", "locale": "ger_de"}
    period = (await call("GET", f"{CALENDAR}/suggest-time-range", params=params)).json
    assert (period["start"], period["end"], period["timezone"]) == (params["start"], params["end"], "Europe/Berlin")
    assert [holiday["date"] for holiday in period["holidays"]] == ["2026-10-03", "2026-12-25", "2027-01-01"]


async def test_days_count_from_now(call: Caller, clock: SandboxClock) -> None:
    """A number of days is a period that begins now."""
    period = (await call("GET", f"{CALENDAR}/suggest-time-range", params={"days": 3})).json
    assert period["end"] == write_timestamp(clock.now() + timedelta(days=3))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"start": "2026-06-30T00:00:00.000Z"},
        {"days": "1", "end": "2026-06-30T00:00:00.000Z"},
        {"days": "0"},
        {"days": "3651"},
        {"start": "2026-06-30T00:00:00.000Z", "end": "2026-06-30T00:00:00.000Z"},
        {"start": "0001-01-01T00:00:00.000Z", "end": "9999-12-31T00:00:00.000Z"},
        {"days": "1", "locale": "eng_xx"},
    ],
)
async def test_no_period_and_two_periods_are_refused(call: Caller, params: dict[str, str]) -> None:
    """Half a period, an empty one, one of more than ten years and both forms together are a 400."""
    assert (await call("GET", f"{CALENDAR}/suggest-time-range", params=params)).status == 400
