"""The differences between two tables of a study: what a file says, and what exists."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast

from fieldingkit.results import rfc3339, to_plain
from fieldingkit.workflows.differences import Difference

__all__ = ["find_differences"]

_Leaves: TypeAlias = dict[tuple[str, ...], Any]
"""The single values of a table by their paths."""

_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AMOUNT = re.compile(r"([0-9.]+) ([A-Z]{3})")
_WEEKS = re.compile(r"P([0-9]{1,3})W")
_DURATION = "P90D"
"""The API's default for the duration of an activity exclusion."""
_MAX_LABEL = 60


def find_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the differences between two tables; targets are compared by their answers, in any order.

    A path has the keys that lead to a value, joined with dots; a target has its name in the file, or else its answers.

    Args:
        found: The table of what exists.
        wanted: The table of the file.
    """
    old, new = dict(_leaves(found)), dict(_leaves(wanted))
    return tuple(
        Difference(path=".".join(_named(path, new)), wanted=to_plain(new.get(path)), found=to_plain(old.get(path)))
        for path in dict.fromkeys((*new, *old))
        if _comparable(path, old.get(path)) != _comparable(path, new.get(path)) and not _is_name_of_the_api(path, new)
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


def _named(path: tuple[str, ...], new: _Leaves) -> tuple[str, ...]:
    """Return a path with the name that the file gives a target or cell, in place of its answers."""
    name = new.get((*path[:3], "name")) if path[0] == "profiles" else None
    return path if name is None else (*path[:2], _short(name), *path[3:])


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in cast("list[object]", value))


def _label(item: Mapping[str, Any]) -> str:
    """Return the answers of a target or cell, or the name of a group; empty for other items."""
    questions = sorted(int(key) for key in item if key.isdecimal())
    if questions:
        text = ", ".join(f"{question} {_answers(item[str(question)])}" for question in questions)
    else:
        text = _answers(item) or item.get("group_name", "")
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 1]}…"


def _answers(item: Mapping[str, Any]) -> str:
    given: list[list[str] | str] = [item[key] for key in ("range", "option", "values") if key in item]
    texts = [", ".join(sorted(value)) if isinstance(value, list) else value for value in given]
    return ", ".join([*texts, *(["any"] if "all_values" in item else [])])


def _is_name_of_the_api(path: tuple[str, ...], new: _Leaves) -> bool:
    """Return whether a value is the name of a target that the file has without one: the API may add names."""
    is_name = path[0] == "profiles" and path[-1] == "name" and path not in new
    return is_name and any(other[:-1] == path[:-1] for other in new)


def _comparable(path: tuple[str, ...], value: Any) -> Any:
    """Return a value for a comparison: the API may write it in another way, or fill in a default."""
    if path[-1] == "duration":
        weeks = _WEEKS.fullmatch(value or _DURATION)
        return f"P{7 * int(weeks[1])}D" if weeks is not None else value or _DURATION
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, list):  # the order of answers and suppliers means nothing
        return sorted(map(str, cast("list[object]", value)))
    if not isinstance(value, str):
        return value
    amount = _AMOUNT.fullmatch(value)
    if amount is not None:
        return Decimal(amount[1]), amount[2]
    return value.lower() if _UUID.fullmatch(value) else value.strip()
