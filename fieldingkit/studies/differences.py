"""The differences between two tables of a study: what a file says, and what exists."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, cast

from fieldingkit.results import to_plain
from fieldingkit.workflows.differences import Difference

__all__ = ["find_differences"]

_Leaves: TypeAlias = dict[tuple[str, ...], Any]
"""The single values of a table by their paths."""

_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AMOUNT = re.compile(r"([0-9.]+) ([A-Z]{3})")


def find_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the differences between two tables; targets are compared by their answers, in any order.

    A path has the keys that lead to a value, joined with dots; a target is named by its answers.

    Args:
        found: The table of what exists.
        wanted: The table of the file.
    """
    old, new = dict(_leaves(found)), dict(_leaves(wanted))
    return tuple(
        Difference(path=".".join(path), wanted=to_plain(new.get(path)), found=to_plain(old.get(path)))
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
        return ", ".join(cast("list[str]", answers)) if isinstance(answers, list) else str(answers)
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
