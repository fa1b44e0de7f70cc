"""The differences between two tables of a study: what a file says, and what exists."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast

import attrs

from fieldingkit.results import Result

__all__ = ["Difference", "find_differences"]

_Leaves: TypeAlias = dict[tuple[str, ...], Any]
"""The single values of a table by their paths."""

_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AMOUNT = re.compile(r"([0-9.]+) ([A-Z]{3})")


@attrs.frozen(kw_only=True)
class Difference(Result):
    """A value that the file has otherwise."""

    path: str
    """The keys that lead to the value, joined with dots; a target is named by its answers."""
    before: str | None
    """The present value as text; None if there is none."""
    after: str | None
    """The value in the file as text; None if it has none."""

    def __str__(self) -> str:
        return f"{self.path}: {self.before or 'none'} -> {self.after or 'none'}"


def find_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the differences between two tables; targets are compared by their answers, in any order.

    Args:
        before: The table of what exists.
        after: The table of the file.
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return tuple(
        Difference(path=".".join(path), before=_text(old.get(path)), after=_text(new.get(path)))
        for path in dict.fromkeys((*new, *old))
        if _comparable(old.get(path)) != _comparable(new.get(path)) and not _is_name_of_the_api(path, new)
    )


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, part in cast("Mapping[str, Any]", value).items():
            yield from _leaves(part, (*path, key))
    elif _is_list_of_tables(value):
        labels: list[str] = []
        for item in cast("list[dict[str, Any]]", value):
            label = _label(item)
            labels.append(label if label and label not in labels else f"{path[-1]} {len(labels) + 1}")
            yield from _leaves(item, (*path[:-1], labels[-1]))
    else:
        yield path, value


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in cast("list[object]", value))


def _label(item: Mapping[str, Any]) -> str:
    """Return the answers of a target or cell, or the name of a group; empty for other items."""
    answers = item.get("range") or item.get("option") or item.get("values") or ("any" if "all_values" in item else None)
    if answers is not None:
        return _text(answers) or ""
    questions = {key: part for key, part in item.items() if key.isdecimal()}
    return ", ".join(f"{key} {_label(part)}" for key, part in questions.items()) or item.get("group_name", "")


def _is_name_of_the_api(path: tuple[str, ...], new: _Leaves) -> bool:
    """Return whether a value is the name of a target that the file has without one: the API may add names."""
    is_name = path[0] == "profiles" and path[-1] == "name" and path not in new
    return is_name and any(other[:-1] == path[:-1] for other in new)


def _comparable(value: Any) -> Any:
    """Return a value for a comparison: 2.5 USD is 2.50 USD, and UUIDs have no case."""
    if not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value)
    return (Decimal(match[1]), match[2]) if match is not None else value.lower() if _UUID.fullmatch(value) else value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC".replace(":00 UTC", " UTC")
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    return str(value).lower() if isinstance(value, bool) else str(value)
