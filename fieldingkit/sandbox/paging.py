"""Lists page by page: after a cursor or before it, and never looking at more items than it takes."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

import attrs
from multidict import MultiMapping

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.queries import read_number

__all__ = ["Page", "read_page"]

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
