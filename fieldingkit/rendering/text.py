"""Plain text for people: durations, times, numbers of things, and text without control characters."""

import re
from datetime import datetime

__all__ = ["format_duration", "format_moment", "format_time", "pluralize", "strip_control_chars", "visible_name"]

_CONTROL_CHARS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
"""Control characters, line separators, and the marks that reorder the text after them."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""The letters and symbols that show nothing: fillers of Hangul and the empty braille pattern."""
_SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON can contain and no file can."""


def strip_control_chars(text: object) -> str:
    """Return text on one line, with control characters replaced by spaces, so that a terminal executes nothing."""
    text = str(text)
    return text if text.isprintable() else _SURROGATES.sub("\ufffd", _CONTROL_CHARS.sub(" ", text))


def visible_name(name: str) -> str:
    """Return a name, or a text in its place if all its characters are invisible."""
    from unicodedata import category  # not needed by most commands

    # Marks need a letter that they belong to; separators and control characters show nothing.
    if any(category(character)[0] in "LNPS" and character not in _BLANK for character in name):
        return name
    return "(name without visible text)"


def pluralize(number: int, thing: str = "target group") -> str:
    """Return a number of things, such as ``1 job`` or ``2,000 jobs``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def format_duration(seconds: float) -> str:
    """Return a duration in the unit that suits it, such as ``9.5 s`` or ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def format_time(at: datetime | None) -> str:
    """Return a time in ISO 8601, to the second; empty for None."""
    return "" if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def format_moment(at: datetime) -> str:
    """Return a time for people, to the second, such as ``2036-01-01 12:00:00 UTC``."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
