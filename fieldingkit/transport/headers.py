"""Headers: ``Retry-After`` and ``traceparent`` of responses, and the headers that a caller may set."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fieldingkit.errors import ConfigurationError

__all__ = [
    "RESERVED_HEADERS",
    "check_head",
    "http_date",
    "is_header",
    "media_type",
    "public_headers",
    "retry_after",
    "trace_id_of",
]

RESERVED_HEADERS = frozenset(
    {
        "authorization",
        "content-length",
        "host",
        "proxy-authorization",
        "traceparent",
        "tracestate",
        "transfer-encoding",
    }
)
"""Headers that the client sets itself, in lower case. A caller's trace goes into ``trace_context``."""

# Patterns are compiled when they are first used: most clients need few of them.
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_VALUE = r"[\x20-\x7e]*"
_SENDABLE = bytes([*range(0x20, 0x7F), 0x09])
"""The bytes that a path or a header may have."""

_SECONDS = r"[0-9]+(?:\.[0-9]+)?"
_LONGEST_DELAY = 999_999_999.0
"""Seconds that ``Retry-After`` can ask for, about 30 years; more counts as this."""
_TRACEPARENT = r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}"


def is_header(name: object, value: object) -> bool:
    """Return whether a name and a value can be sent as a header."""
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and re.fullmatch(_NAME, name) is not None
        and re.fullmatch(_VALUE, value) is not None
    )


def check_head(target: str, headers: Mapping[str, str]) -> None:
    """Check that the path and the headers of a request can be sent.

    Raises:
        ConfigurationError: if one of them would add another line, or is not ASCII.
    """
    if " " in target or not _is_sendable("".join([target, *headers, *headers.values()])):
        names = [name for name, value in headers.items() if not _is_sendable(name + value)]
        what = f"the header {names[0]!r:.60}" if names else "the path"
        raise ConfigurationError(f"{what} has a character that cannot be sent; nothing was sent")


def _is_sendable(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, _SENDABLE)


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return response headers as errors keep them: with lower-case names and without cookies."""
    return {name.lower(): value for name, value in headers.items() if name.lower() != "set-cookie"}


def media_type(headers: Mapping[str, str]) -> str:
    """Return the ``Content-Type`` without parameters, in lower case; empty if there is none."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def trace_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the W3C trace id of a ``traceparent`` header; None if there is no valid one."""
    match = re.fullmatch(_TRACEPARENT, headers.get("traceparent", ""))
    return match[1] if match else None


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, section 10.2.3); None if absent or invalid.

    A date is compared with the response's own ``Date``, so that a wrong clock on either side does not matter. Without
    a ``Date`` it is compared with ``now``, which is the present time by default.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if re.fullmatch(_SECONDS, text):
        return min(float(text), _LONGEST_DELAY)
    moment = http_date(text)
    if moment is None:
        return None
    since = http_date(headers.get("Date", "")) or now or datetime.now(UTC)
    return max(0.0, (moment - since).total_seconds())


def http_date(text: str) -> datetime | None:
    """Return the date in any of the three formats of RFC 9110, section 5.6.7, all in UTC; None if it is invalid."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
