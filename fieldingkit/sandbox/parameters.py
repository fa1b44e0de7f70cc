"""Readers of query parameters, bodies and pages; invalid input raises a 400 that names the parameter."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, Generic, TypeVar, cast

import attrs
from multidict import MultiMapping

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import ULID, parse_timestamp
from fieldingkit.sandbox.model.amounts import RATES_FROM_USD, Amount

__all__ = [
    "UUID",
    "Page",
    "check_texts",
    "read_amount",
    "read_choices",
    "read_flag",
    "read_integer",
    "read_list",
    "read_number",
    "read_page",
    "read_rate",
    "read_string",
    "read_target_group_ids",
    "read_text",
    "read_texts",
    "read_timestamp",
    "read_timestamps",
]


UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""The contract's pattern of a user id."""


def read_choices(query: MultiMapping[str], name: str, choices: Collection[str]) -> frozenset[str] | None:
    """Return the values of a repeatable parameter, or None if it is not given.

    A list is written by repeating the parameter's name, which is OpenAPI's default.

    Args:
        query: The query parameters.
        name: The parameter.
        choices: The allowed values.
    """
    values = query.getall(name, [])
    if any(value not in choices for value in values):
        raise _malformed(name, f"Each value must be one of {', '.join(sorted(choices))}.")
    return frozenset(values) if values else None


def read_texts(query: MultiMapping[str], name: str, form: str) -> frozenset[str] | None:
    """Return the values of a repeatable parameter that match a pattern, or None if it is not given.

    Args:
        query: The query parameters.
        name: The parameter.
        form: The regular expression that each value must match.
    """
    return check_texts(query.getall(name, []), name, form)


def check_texts(values: Iterable[str], name: str, form: str) -> frozenset[str] | None:
    """Return the values as a set, or None if there are none; 400 if a value does not match the pattern."""
    texts = frozenset(values)
    if not all(re.fullmatch(form, text) for text in texts):
        raise _malformed(name, "Does not match the required pattern.")
    return texts or None


def read_text(query: MultiMapping[str], name: str, form: str = ".*") -> str | None:
    """Return the value of a parameter, or None if it is not given.

    Args:
        query: The query parameters.
        name: The parameter.
        form: The regular expression that the value must match.
    """
    text = query.get(name)
    if text is not None and not re.fullmatch(form, text):
        raise _malformed(name, "Does not match the required pattern.")
    return text


def read_flag(query: MultiMapping[str], name: str) -> bool | None:
    """Return the boolean value of a parameter, or None if it is not given."""
    text = read_text(query, name, "true|false")
    return None if text is None else text == "true"


def read_number(query: MultiMapping[str], name: str, *, default: int, largest: int, smallest: int = 1) -> int:
    """Return the integer value of a parameter.

    Args:
        query: The query parameters.
        name: The parameter.
        default: The value if the parameter is not given.
        largest: The maximum.
        smallest: The minimum.
    """
    text = query.get(name, str(default))
    if not re.fullmatch("[0-9]{1,9}", text) or not smallest <= int(text) <= largest:
        raise _malformed(name, f"Must be a number from {smallest} to {largest}.")
    return int(text)


def read_timestamp(query: MultiMapping[str], name: str) -> datetime | None:
    """Return the date in a parameter, or None if it is not given."""
    if name not in query:
        return None
    moment = parse_timestamp(query[name])
    if moment is None:
        raise _malformed(name, "Must be an RFC 3339 timestamp in UTC.")
    return moment


def _malformed(name: str, reason: str) -> problems.Problem:
    return problems.bad_request("A query parameter is malformed.", **{name: reason})


def read_timestamps(body: Mapping[str, Any], *names: str) -> list[datetime]:
    """Return the dates in required fields of a body.

    Args:
        body: The decoded body.
        names: The fields.
    """
    moments = {name: parse_timestamp(body.get(name)) for name in names}
    wrong = {name: "Must be an RFC 3339 timestamp in UTC." for name in names if moments[name] is None}
    if wrong:
        raise problems.bad_request("A timestamp is missing or malformed.", **wrong)
    return [moment for moment in moments.values() if moment is not None]


def read_string(body: Mapping[str, object], name: str, form: str) -> str:
    """Return the text in a required field of a body; 400 if it is missing or does not match the pattern.

    Args:
        body: The decoded body, or an object in it.
        name: The field.
        form: The regular expression that the whole text must match.
    """
    text = body.get(name)
    if not isinstance(text, str) or not re.fullmatch(form, text):
        raise problems.bad_request("A text is missing or malformed.", **{name: "Does not match the required pattern."})
    return text


def read_integer(body: Mapping[str, object], name: str, smallest: int, largest: int = 10**9) -> int:
    """Return the whole number in a required field of a body; 400 if it is missing or out of bounds."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
        raise problems.bad_request(
            "A number is missing or malformed.", **{name: f"Must be a whole number from {smallest} to {largest}."}
        )
    return value


def read_rate(body: Mapping[str, object], name: str) -> float:
    """Return the number from 0 to 1 in a required field of a body; 400 if it is missing or out of bounds."""
    value = body.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise problems.bad_request("A number is missing or malformed.", **{name: "Must be a number from 0 to 1."})
    return value


def read_amount(body: Mapping[str, object], name: str) -> Amount:
    """Return the amount of money in a required field of a body; 400 if it is missing or its currency is unknown."""
    amount = Amount.parse(body.get(name))
    if amount is None or amount.currency_code not in RATES_FROM_USD:
        known = " or ".join(sorted(RATES_FROM_USD))
        raise problems.bad_request(
            "An amount is missing or malformed.", **{name: f"Must be a value as text and a currency, {known}."}
        )
    return amount


def read_list(body: Mapping[str, object], name: str) -> list[object]:
    """Return the list in a field of a body; 400 if it is missing or no list.

    Args:
        body: The decoded body, or an object in it.
        name: The field.
    """
    values = body.get(name)
    if not isinstance(values, list):
        raise problems.bad_request("A list is missing or malformed.", **{name: "Must be a list."})
    return cast("list[object]", values)


def read_target_group_ids(body: Mapping[str, Any], name: str = "target_group_ids") -> tuple[str, ...]:
    """Return the ids in a field of a body: at least one, each a ULID, all different.

    Args:
        body: The decoded body.
        name: The field.
    """
    ids = read_list(body, name)
    if not ids:
        raise problems.bad_request("The target groups are missing.", **{name: "Must have at least one id."})
    checked = [id_ for id_ in ids if isinstance(id_, str) and ULID.fullmatch(id_)]
    if len(checked) < len(ids):
        raise problems.bad_request("A target group id is malformed.", **{name: "Each id must be a ULID."})
    if len(set(checked)) < len(checked):
        raise problems.bad_request("A target group is named twice.", **{name: "The ids must be unique."})
    return tuple(checked)


Item = TypeVar("Item")


@attrs.frozen(kw_only=True)
class Page(Generic[Item]):
    """One page of a list."""

    items: tuple[Item, ...]
    """The items of the page."""
    has_previous: bool
    """True if there are items before the page."""
    next_cursor: str | None
    """The `start_after` of the next page; None for the last page."""


def read_page(
    query: MultiMapping[str],
    items: Sequence[Item],
    *,
    cursor_of: Callable[[Item], str],
    keeps: Callable[[Item], bool] = lambda _: True,
    default: int = 10,
    largest: int = 100,
    is_sorted: bool = True,
) -> Page[Item]:
    """Return the page that a query asks for with `start_after`, `end_before` and `page_size`.

    Args:
        query: The query parameters.
        items: The whole list.
        cursor_of: Returns the cursor of an item.
        keeps: Returns True for an item that matches the filters.
        default: The default page size.
        largest: The maximum page size.
        is_sorted: True if the cursors ascend along the list, so that a cursor is found by bisection.
    """
    size = read_number(query, "page_size", default=default, largest=largest)
    after, before = query.get("start_after"), query.get("end_before")
    if after is not None and before is not None:
        raise problems.bad_request("Two cursors are given.", end_before="Cannot be combined with start_after.")
    if before is not None:
        start, stop = 0, _position(items, before, "end_before", cursor_of, is_sorted=is_sorted)[0]
        found = tuple(islice(filter(keeps, items[start:stop][::-1]), size + 1))
        kept = found[:size][::-1]
        return Page(items=kept, has_previous=len(found) > size, next_cursor=cursor_of(kept[-1]) if kept else None)
    start = 0
    if after is not None:
        start = _position(items, after, "start_after", cursor_of, is_sorted=is_sorted)[1]
    found = tuple(islice(filter(keeps, _from(items, start)), size + 1))
    kept = found[:size]
    return Page(
        items=kept,
        has_previous=any(map(keeps, items[:start])),
        next_cursor=cursor_of(kept[-1]) if len(found) > size else None,
    )


def _from(items: Sequence[Item], start: int) -> Iterable[Item]:
    return (items[index] for index in range(start, len(items)))


def _position(
    items: Sequence[Item], cursor: str, name: str, cursor_of: Callable[[Item], str], *, is_sorted: bool
) -> tuple[int, int]:
    """Return the positions where the items before a cursor end and the items after it begin."""
    if is_sorted:
        return bisect_left(items, cursor, key=cursor_of), bisect_right(items, cursor, key=cursor_of)
    for index, item in enumerate(items):
        if cursor_of(item) == cursor:
            return index, index + 1
    raise problems.bad_request("The cursor is unknown.", **{name: "Is not the cursor of an item."})
