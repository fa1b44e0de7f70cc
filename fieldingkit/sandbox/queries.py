"""Checks of query parameters, each of which answers 400 and names what is wrong."""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from multidict import MultiMapping

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.timestamps import parse_timestamp

__all__ = [
    "UUID",
    "checked_texts",
    "read_choices",
    "read_flag",
    "read_number",
    "read_text",
    "read_texts",
    "read_timestamp",
]

UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""What the contract accepts as the id of a user."""


def read_choices(query: MultiMapping[str], name: str, choices: Collection[str]) -> frozenset[str] | None:
    """The values of a parameter that may be given more than once; None if it is not given at all.

    A list is written with the parameter's name repeated, which is what OpenAPI has for one that says nothing else.

    Args:
        query: The query parameters.
        name: The parameter.
        choices: What its values are among.
    """
    values = query.getall(name, [])
    if any(value not in choices for value in values):
        raise _malformed(name, f"Each has to be one of {', '.join(sorted(choices))}.")
    return frozenset(values) if values else None


def read_texts(query: MultiMapping[str], name: str, form: str) -> frozenset[str] | None:
    """The same for texts of a form.

    Args:
        query: The query parameters.
        name: The parameter.
        form: A regular expression.
    """
    return checked_texts(query.getall(name, []), name, form)


def checked_texts(values: Iterable[str], name: str, form: str) -> frozenset[str] | None:
    """The texts as a set; 400 if one has another form, None if there are none."""
    texts = frozenset(values)
    if not all(re.fullmatch(form, text) for text in texts):
        raise _malformed(name, "It does not have the right form.")
    return texts or None


def read_text(query: MultiMapping[str], name: str, form: str = ".*") -> str | None:
    """The text of a parameter; None if it is not given.

    Args:
        query: The query parameters.
        name: The parameter.
        form: A regular expression.
    """
    text = query.get(name)
    if text is not None and not re.fullmatch(form, text):
        raise _malformed(name, "It does not have the right form.")
    return text


def read_flag(query: MultiMapping[str], name: str) -> bool | None:
    """The truth of a parameter; None if it is not given."""
    text = read_text(query, name, "true|false")
    return None if text is None else text == "true"


def read_number(query: MultiMapping[str], name: str, *, default: int, largest: int) -> int:
    """The number of a parameter, from 1 to the largest.

    Args:
        query: The query parameters.
        name: The parameter.
        default: What it is if it is not given.
        largest: The greatest that it may be.
    """
    text = query.get(name, str(default))
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= largest:
        raise _malformed(name, f"It has to be a number from 1 to {largest}.")
    return int(text)


def read_timestamp(query: MultiMapping[str], name: str) -> datetime | None:
    """The timestamp of a parameter; None if it is not given."""
    if name not in query:
        return None
    moment = parse_timestamp(query[name])
    if moment is None:
        raise _malformed(name, "It has to be an RFC 3339 timestamp in UTC.")
    return moment


def _malformed(name: str, reason: str) -> problems.Problem:
    return problems.bad_request("A query parameter is malformed.", **{name: reason})
