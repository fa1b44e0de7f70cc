"""Timestamps as the API writes and reads them: RFC 3339 in UTC."""

import re
from datetime import UTC, datetime

__all__ = ["parse_timestamp", "write_timestamp"]

_RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]00:00)", re.ASCII)


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
