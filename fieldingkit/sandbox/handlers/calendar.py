"""Handlers of the Intelligent Calendar: the days that a target group takes, and holidays."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.definitions import COUNTRIES, LOCALES
from fieldingkit.sandbox.model.pricing import completes_a_day
from fieldingkit.sandbox.parameters import (
    read_amount,
    read_integer,
    read_number,
    read_rate,
    read_string,
    read_timestamp,
)

__all__ = ["suggest_days", "suggest_time_range"]

_MAX_DAYS: Final = 365
_HOLIDAYS: Final = {"01-01": "New Year's Day", "12-25": "Christmas Day"}


def suggest_days(context: RequestContext) -> HandlerResponse:
    """Return the days in which the completes arrive, at most 365; see the model of prices."""
    body = context.json_object()
    speed = completes_a_day(
        _known_locale(read_string(body, "locale", "[a-z_]{1,16}")),
        length=read_integer(body, "length_of_interview", 1, 45),
        incidence_rate=read_rate(body, "incidence_rate"),
        price=read_amount(body, "price"),
    )
    completes = read_integer(body, "completes", 1)
    days = math.ceil(completes / speed) if speed * _MAX_DAYS > completes else _MAX_DAYS
    return HandlerResponse(200, {"days": days})


def suggest_time_range(context: RequestContext) -> HandlerResponse:
    """Return the period that was asked for, with its holidays; the days count from now."""
    query = context.recorded.query
    start, end = read_timestamp(query, "start"), read_timestamp(query, "end")
    if "days" in query:
        if start is not None or end is not None:
            raise problems.bad_request("The period is given twice.", days="Cannot be combined with start and end.")
        days = read_number(query, "days", default=1, largest=10 * _MAX_DAYS)
        start, end = context.now, context.now + timedelta(days=days)
    if start is None or end is None or end <= start:
        raise problems.bad_request("The period is missing.", days="Must be given, or start and a later end.")
    if end - start > timedelta(days=10 * _MAX_DAYS):
        raise problems.bad_request("The period is too long.", end="Must be within ten years.")
    country = LOCALES[_known_locale(query.get("locale", "eng_us"))].country
    return HandlerResponse(
        200,
        {
            "start": write_timestamp(start),
            "end": write_timestamp(end),
            "holidays": [_holiday(day, name) for day, name in _holidays(country, start, end)],
            "timezone": COUNTRIES[country].timezone,
        },
    )


def _known_locale(code: str) -> str:
    if code not in LOCALES:
        raise problems.bad_request("The locale is unknown.", locale="Must be the code of a locale, as eng_us.")
    return code


def _holidays(country: str, start: datetime, end: datetime) -> list[tuple[date, str]]:
    """Return the holidays within a period, by their days in UTC."""
    names = _HOLIDAYS | dict([COUNTRIES[country].holiday])
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    days = (
        (date.fromisoformat(f"{year:04}-{day}"), name)
        for year in range(first.year, last.year + 1)
        for day, name in names.items()
    )
    return sorted((day, name) for day, name in days if first <= day <= last)


def _holiday(day: date, name: str) -> dict[str, Any]:
    return {"date": day.isoformat(), "name": name, "respondent_rate": 0.7, "completes_rate": 0.6}
