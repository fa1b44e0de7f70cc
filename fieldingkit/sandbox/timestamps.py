"""Timestamps as the API writes and reads them, RFC 3339 in UTC, and durations, ISO 8601 without years and months."""

import re
from datetime import UTC, datetime, timedelta

__all__ = ["parse_duration", "parse_timestamp", "write_timestamp"]

_RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]00:00)", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def write_timestamp(moment: datetime) -> str:
    """The text of a moment, with three fractional digits and a `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_timestamp(text: object) -> datetime | None:
    """The moment that a text names, in whole milliseconds; None if it is not a timestamp in UTC."""
    if not isinstance(text, str) or not _RFC3339_UTC.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the shape is right, but there is no such day or hour
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def parse_duration(text: object) -> timedelta | None:
    """How long a text such as `P1DT5H` says; None if it is not of that form, or 398 days and more."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    duration = timedelta(**{unit: int(number) for unit, number in match.groupdict(default="0").items()})
    return duration if duration < timedelta(days=398) else None
