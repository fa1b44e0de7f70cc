"""The table of a watch: lines of text that fit a terminal, with the trouble of each target group below it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from fieldingkit.cli.watches.view import View, visible
from fieldingkit.rendering.text import format_moment, strip_control_chars
from fieldingkit.rendering.watches.model import FindingView, GroupView, WatchDocument
from fieldingkit.rendering.watches.plot import sparkline

__all__ = ["fit", "heading", "lines_of", "table_lines"]

_STYLES: Final = {"trouble": "red", "unknown": "yellow", "well": "green"}
_MARKS: Final = {"trouble": "●", "unknown": "◐", "well": "○"}  # shapes, so that color is not needed
_LEAST_NAME: Final = 16
_PROGRESS: Final = 14
_RATE: Final = 6
_CLOSES: Final = 15
_SPARK: Final = 12
_LONG_SPARK: Final = 24
_WIDE: Final = 110
_KEYS: Final = "q quit   s sort   t trouble only   / filter   ↑↓ scroll"
_SAME_DAY: Final = 12
"""Hours up to which the time of a read needs no date."""
_MOST_NOTED: Final = 4
_TALL: Final = 16
"""Lines of a terminal from which there is room for more than the target groups."""
_FEWEST_COLUMNS: Final = 20


def heading(document: WatchDocument, now: datetime, width: int) -> list[Text]:
    """Return the lines above the table: the state in a sentence, its counts, its age, and what could not be read."""
    counts = {name: len(groups) for name, groups in document.by_condition.items()}
    known = (("trouble", "in trouble"), ("unknown", "not fully read"), ("well", "well"))
    parts = [f"{counts[name]:,} {label}" for name, label in known]
    lines = [
        Text(document.headline, style=f"bold {_STYLES[document.condition]}"),
        Text(f"{', '.join(parts)}. {_age(document, now)}", style="dim"),
    ]
    lines += _wrapped((f"Could not be read: {problem}" for problem in document.problems), width, "yellow")
    for note in document.notes:
        lines += _finding(note, width)
    return [line for text in lines for line in _folded(text, width)]


def table_lines(groups: Sequence[GroupView], width: int) -> list[list[Text]]:
    """Return the lines of each target group; the first element is the line with the names of the columns."""
    blocks = [[_columns(width)]]
    blocks += [lines_of(group, width) for group in groups]
    return blocks


def lines_of(group: GroupView, width: int) -> list[Text]:
    """Return the lines of a target group: its figures, then its findings and what could not be read of it."""
    spark, closes = _sizes(width)
    name = strip_control_chars(group.name)
    cells = [
        (name, _name_width(width), "bold" if group.condition == "trouble" else ""),
        (f"{group.reached:,} of {group.goal:,}", _PROGRESS, ""),
    ]
    cells += [(sparkline(group.hourly[-spark:]), spark, "cyan")] if spark else []
    cells += [("" if group.per_hour is None else f"{group.per_hour:.1f}", _RATE, "")]
    cells += [(group.closes, closes, "dim" if group.status != "live" else "")] if closes else []
    line = Text(f"{_MARKS[group.condition]} ", style=_STYLES[group.condition], no_wrap=True)
    for place, (text, size, style) in enumerate(cells):
        line.append(f"{'' if not place else '  '}{_sized(text, size)}", style=style or "default")
    line.rstrip()
    lines = [line]
    for finding in group.findings:
        lines += _finding(finding, width)
    return [*lines, *_wrapped((f"not read: {problem}" for problem in group.problems), width, "yellow", "  ")]


def fit(
    document: WatchDocument, view: View, now: datetime, size: tuple[int, int], *, note: str = "", status: str = ""
) -> Text:
    """Return the whole screen: as many target groups as fit, from the first one of the view, a note, and the keys.

    Args:
        document: What is shown.
        view: The order, the filter, and the first target group that is shown.
        now: The time by the API's clock.
        size: The columns and lines of the terminal.
        note: A message for the user.
        status: What is shown in its place while there is none, on a terminal with room for it.
    """
    width, height = max(size[0], _FEWEST_COLUMNS), size[1]
    groups = visible(document.groups, view)
    first = min(view.first, max(0, len(groups) - 1))
    head = heading(document, now, width)
    names, *blocks = table_lines(groups[first : first + height], width)
    lines: list[Text] = [*head, Text(""), *names]
    text, style = (note, "yellow") if note else (status if height >= _TALL else "", "dim")
    noted = _wrapped([text], width, style)[:_MOST_NOTED] if text else []
    room = max(0, height - 2 - len(noted))  # below it: the number of those that are not shown, the note, and the keys
    shown = 0
    for block in blocks:
        if shown and len(lines) + len(block) > room:
            break
        lines += block
        shown += 1
    lines = lines[:room]
    left = len(groups) - first - shown
    counts = {"above": first, "below": left, "filtered out": len(document.groups) - len(groups)}
    hidden = ", ".join(f"{number:,} {place}" for place, number in counts.items() if number)
    lines += [Text("")] * (room - len(lines))
    lines += [Text(hidden, style="dim"), *noted, _footer(view)]
    return Text("\n").join(_cut(line, width) for line in lines)


def _footer(view: View) -> Text:
    if view.is_typing:
        return Text(f"/{strip_control_chars(view.text)}▏ enter to apply, escape to clear", style="bold")
    state = f"   by {view.sort}" + (f"   /{strip_control_chars(view.text)}" if view.text else "")
    return Text(_KEYS + state, style="dim")


def _age(document: WatchDocument, now: datetime) -> str:
    read = f"Read {_ago(document.read_at, now)}"
    if document.read_at == document.at:
        return f"{read}."
    return f"{read}; nothing could be read in the latest attempt, {_ago(document.at, now)}."


def _ago(at: datetime, now: datetime) -> str:
    minutes, seconds = divmod(max(0, round((now - at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    ago = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes >= 2 else f"{minutes * 60 + seconds} s"
    return f"{at:%H:%M:%S} UTC, {ago} ago" if hours < _SAME_DAY else f"{format_moment(at)}, {ago} ago"


def _sizes(width: int) -> tuple[int, int]:
    """Return the widths of the sparkline and of the close; 0 if there is no room."""
    if width >= _WIDE:
        return _LONG_SPARK, _CLOSES
    least = 2 + _LEAST_NAME + 2 + _PROGRESS + 2 + _RATE
    closes = _CLOSES if width >= least + 2 + _CLOSES else 0
    return (_SPARK if closes and width >= least + 4 + _CLOSES + _SPARK else 0), closes


def _name_width(width: int) -> int:
    spark, closes = _sizes(width)
    others = sum(2 + size for size in (_PROGRESS, spark, _RATE, closes) if size)
    return max(8, width - 2 - others)


def _columns(width: int) -> Text:
    spark, closes = _sizes(width)
    names = [_sized("Target group", _name_width(width)), _sized("Reached", _PROGRESS)]
    names += [_sized(f"Last {spark} h", spark)] if spark else []
    names += [_sized("Per h", _RATE)]
    names += [_sized("Closes", closes)] if closes else []
    return Text(f"  {'  '.join(names)}".rstrip(), style="dim", no_wrap=True)


def _finding(finding: FindingView, width: int) -> list[Text]:
    part = f" ({finding.part})" if finding.part else ""
    note = "" if finding.confirmed else " (not known whether it is over)"
    seen = f"{finding.rule}{part}: {finding.seen}{note}"
    return [*_wrapped([seen], width, "red", "  "), *_wrapped([f"→ {finding.action}"], width, "dim", "  ")]


def _wrapped(texts: Iterable[str], width: int, style: str, indent: str = "") -> list[Text]:
    return [
        Text(f"{indent}{line}", style=style)
        for text in texts
        for line in wrap(strip_control_chars(text), max(8, width - len(indent) - 1), break_on_hyphens=False) or [""]
    ]


def _folded(text: Text, width: int) -> list[Text]:
    return [text] if cell_len(text.plain) <= width else _wrapped([text.plain], width, str(text.style))


def _sized(text: str, size: int) -> str:
    """Return text in a column; what does not fit is cut, with a mark."""
    return f"{set_cell_size(text, size - 1)}…" if cell_len(text) > size else set_cell_size(text, size)


def _cut(line: Text, width: int) -> Text:
    line = line.copy()
    line.truncate(width)
    return line
