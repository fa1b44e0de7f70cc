"""How long the server asks to wait: the ``Retry-After`` header (RFC 9110, section 10.2.3)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["public_headers", "retry_after", "trace_id_of"]


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """An answer's headers as an error keeps them: lower-case names, no cookies."""
    return {name.lower(): value for name, value in headers.items() if name.lower() != "set-cookie"}


def trace_id_of(headers: Mapping[str, str]) -> str | None:
    """The W3C trace id that an answer names in its ``traceparent``."""
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return match[1] if match else None


_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that an answer asks to wait; None if it does not say, or not intelligibly.

    A date is compared with the answer's own ``Date`` where there is one, so that a clock set wrong on either side does
    not matter; else with ``now`` (by default the present time).
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _http_date(text)
    if moment is None:
        return None
    since = _http_date(headers.get("Date", "")) or now or datetime.now(UTC)
    return max(0.0, (moment - since).total_seconds())


def _http_date(text: str) -> datetime | None:
    """Any of the three forms of RFC 9110, section 5.6.7; all of them mean UTC."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
