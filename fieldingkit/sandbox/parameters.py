"""Checks of query parameters, each of which answers 400 and names what is wrong."""

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

__all__ = [
    "UUID",
    "Page",
    "check_texts",
    "read_choices",
    "read_flag",
    "read_number",
    "read_page",
    "read_target_group_ids",
    "read_text",
    "read_texts",
    "read_timestamp",
    "read_timestamps",
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
    return check_texts(query.getall(name, []), name, form)


def check_texts(values: Iterable[str], name: str, form: str) -> frozenset[str] | None:
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


def read_timestamps(body: Mapping[str, Any], *names: str) -> list[datetime]:
    """The timestamps that a body carries under these names, all of them required.

    Args:
        body: The decoded body.
        names: The fields to read.
    """
    moments = {name: parse_timestamp(body.get(name)) for name in names}
    wrong = {name: "It has to be an RFC 3339 timestamp in UTC." for name in names if moments[name] is None}
    if wrong:
        raise problems.bad_request("A timestamp is missing or malformed.", **wrong)
    return [moment for moment in moments.values() if moment is not None]


def read_target_group_ids(body: Mapping[str, Any], name: str = "target_group_ids") -> tuple[str, ...]:
    """The ids that a body names: at least one, each a ULID, none twice.

    Args:
        body: The decoded body.
        name: The field to read.
    """
    ids: object = body.get(name)
    if not isinstance(ids, list) or not ids:
        raise problems.bad_request(
            "The target groups are missing.", **{name: "It has to be a list with at least one id."}
        )
    checked = [id_ for id_ in cast("list[object]", ids) if isinstance(id_, str) and ULID.fullmatch(id_)]
    if len(checked) < len(cast("list[object]", ids)):
        raise problems.bad_request("A target group id is malformed.", **{name: "Each id has to be a ULID."})
    if len(set(checked)) < len(checked):
        raise problems.bad_request("A target group is named twice.", **{name: "The ids have to be unique."})
    return tuple(checked)


Item = TypeVar("Item")


@attrs.frozen(kw_only=True)
class Page(Generic[Item]):
    """One page of a list."""

    items: tuple[Item, ...]
    """What is on it."""
    has_previous: bool
    """Whether there is anything before it."""
    next_cursor: str | None
    """What a caller gives as `start_after` for the page after it; None if there is nothing there."""


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
    """The page that a query asks for, with `start_after`, `end_before` and `page_size`.

    Args:
        query: The query parameters.
        items: The whole list.
        cursor_of: The cursor that stands for an item.
        keeps: Whether an item passes the filters.
        default: How many items a page has if the query does not say.
        largest: How many it may have.
        is_sorted: Whether the cursors ascend along the list, so that a cursor is found without looking at every item.
    """
    size = read_number(query, "page_size", default=default, largest=largest)
    after, before = query.get("start_after"), query.get("end_before")
    if after is not None and before is not None:
        raise problems.bad_request("Two cursors are given.", end_before="It excludes start_after.")
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
    """Where what is before a cursor ends, and where what is after it begins."""
    if is_sorted:
        return bisect_left(items, cursor, key=cursor_of), bisect_right(items, cursor, key=cursor_of)
    for index, item in enumerate(items):
        if cursor_of(item) == cursor:
            return index, index + 1
    raise problems.bad_request("The cursor is unknown.", **{name: "No page ended or began there."})
