"""Text formats of the API: JSON, timestamps, durations, ids and loopback URLs."""

import ipaddress
import json
import math
import random
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn, cast

from yarl import URL

__all__ = [
    "ULID",
    "Identifiers",
    "is_loopback",
    "parse_duration",
    "parse_json",
    "parse_timestamp",
    "readable_id",
    "write_timestamp",
]


_MAX_DEPTH = 100


def parse_json(text: bytes) -> Any:
    """Decode a JSON text.

    Raises:
        ValueError: If it is not JSON, has more than 100 levels, or numbers that JSON does not have.
    """
    try:
        decoded: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("the JSON has too many levels") from None
    if text.count(b"[") + text.count(b"{") > _MAX_DEPTH and _is_too_deep(decoded):
        raise ValueError("the JSON has too many levels")
    return decoded


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _is_too_deep(decoded: object) -> bool:
    level = [decoded]
    for _ in range(_MAX_DEPTH):
        level = [inner for item in level for inner in _members(item)]
    return bool(level)


def _members(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return cast("dict[str, object]", item).values()
    return cast("list[object]", item) if isinstance(item, list) else ()


_RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]00:00)", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def write_timestamp(moment: datetime) -> str:
    """Return a date as the API writes it: UTC, three fractional digits and a `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_timestamp(text: object) -> datetime | None:
    """Parse an RFC 3339 timestamp in UTC, in whole milliseconds; None if it is not one."""
    if not isinstance(text, str) or not _RFC3339_UTC.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # well-formed, but no existing day or hour
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def parse_duration(text: object) -> timedelta | None:
    """Parse an ISO 8601 duration such as `P1DT5H`, without years and months; None if malformed, or 398 days or more."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    duration = timedelta(**{unit: int(number) for unit, number in match.groupdict(default="0").items()})
    return duration if duration < timedelta(days=398) else None


ULID: Final = re.compile(r"[0-9A-Z]{26}")
"""The contract's pattern of a ULID."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TWO_DIGITS = [high + low for high in _CROCKFORD for low in _CROCKFORD]
_SCRAMBLER = 0x2545F4914F6CDD1D
_FIRST_MILLISECOND = 1_766_016_000_000  # 2025-12-18, the day of the API version


class Identifiers:
    """A source of unique ids.

    Args:
        seed: Sources with the same seed give the same ids in the same order.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._made = 0

    def ulid(self) -> str:
        """Return a ULID: 26 characters that sort by creation."""
        self._made += 1
        number = (_FIRST_MILLISECOND + self._made) << 80 | self._random.getrandbits(80)
        return "".join([_TWO_DIGITS[number >> shift & 1023] for shift in range(120, -1, -10)])

    def uuid(self) -> str:
        """Return a version 4 UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def hexadecimal(self, digits: int) -> str:
        """Return this many lower-case hexadecimal digits, not all of them zero."""
        return f"{self._random.randrange(1, 16**digits):0{digits}x}"


def readable_id(number: int, digits: int) -> str:
    """Return a short id for people, unique for numbers below 32 to the power of `digits`.

    Args:
        number: The number that the id stands for.
        digits: The length of the id.
    """
    scrambled = number * (_SCRAMBLER >> digits | 1) % 32**digits  # an odd factor makes this a bijection
    return "".join([_CROCKFORD[scrambled >> 5 * digit & 31] for digit in range(digits)])


def is_loopback(url: str) -> bool:
    """Return True if a URL certainly leads to this machine.

    The URL is parsed by the library that sends to it, so that both agree about the host.
    """
    try:
        host = URL(url).host or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
