"""The view of the table: its order, its filter, and its position, and how keys change them. Pure functions."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from fieldingkit.rendering.watches.model import GroupView

__all__ = ["Sort", "View", "press", "split_keys", "visible"]


class Sort(StrEnum):
    """The order of the table."""

    TROUBLE = "trouble"
    END = "end"
    FILL = "fill"
    NAME = "name"


@attrs.frozen(kw_only=True)
class View:
    """The target groups that are shown, their order, and the first one on the screen."""

    sort: Sort = Sort.TROUBLE
    """The order."""
    only_trouble: bool = False
    """True to show those in trouble only."""
    text: str = ""
    """The text that the name, the project or an id contains."""
    is_typing: bool = False
    """True while the text is typed."""
    first: int = 0
    """The number of target groups above the first one that is shown."""
    is_closed: bool = False
    """True if the table was closed."""


_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_ORDERS: Final[dict[Sort, Callable[[GroupView], Any]]] = {
    Sort.END: lambda group: group.ends_at or _LATEST,
    Sort.FILL: lambda group: -group.fill,
    Sort.NAME: lambda group: group.name.casefold(),
}
_SEQUENCES: Final = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[1~": "home",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
}
_STEPS: Final = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10, " ": 10}


def visible(groups: Sequence[GroupView], view: View) -> list[GroupView]:
    """Return the target groups that a view shows, in its order."""
    text = view.text.casefold()
    shown = [
        group
        for group in groups
        if (not view.only_trouble or group.condition == "trouble")
        and any(
            text in (part or "").casefold()
            for part in (group.name, group.project_name, group.short_id, group.target_group_id, group.project_id)
        )
    ]
    return shown if view.sort is Sort.TROUBLE else sorted(shown, key=_ORDERS[view.sort])


def press(view: View, key: str, total: int) -> View:
    """Return the view after a key.

    Args:
        view: The view.
        key: The key, as ``split_keys`` names it.
        total: The number of target groups that the view shows.
    """
    if view.is_typing:
        return _typed(view, key)
    match key:
        case "q":
            return attrs.evolve(view, is_closed=True)
        case "s":
            orders = [*Sort]
            following = orders[(orders.index(view.sort) + 1) % len(orders)]
            return attrs.evolve(view, sort=following, first=0)
        case "t":
            return attrs.evolve(view, only_trouble=not view.only_trouble, first=0)
        case "/":
            return attrs.evolve(view, is_typing=True, text="", first=0)
        case "escape":
            return attrs.evolve(view, text="", only_trouble=False, first=0)
        case "home":
            return attrs.evolve(view, first=0)
        case _:
            first = view.first + _STEPS.get(key, 0)
            return attrs.evolve(view, first=max(0, min(first, total - 1)))


def _typed(view: View, key: str) -> View:
    if key == "enter":
        return attrs.evolve(view, is_typing=False)
    if key == "escape":
        return attrs.evolve(view, is_typing=False, text="")
    if key == "backspace":
        return attrs.evolve(view, text=view.text[:-1])
    return attrs.evolve(view, text=view.text + key) if len(key) == 1 and key.isprintable() else view


def split_keys(text: str) -> Iterator[str]:
    """Yield the keys of what a terminal sent: characters, and names such as ``up`` and ``escape``."""
    while text:
        known = next((sequence for sequence in _SEQUENCES if text.startswith(sequence)), None)
        if known is not None:
            yield _SEQUENCES[known]
            text = text[len(known) :]
        elif text[0] == "\x1b":
            # An unknown sequence is skipped as a whole, so that none of its letters is taken for a key.
            yield "escape" if len(text) == 1 else "unknown"
            return
        else:
            yield text[0]
            text = text[1:]
