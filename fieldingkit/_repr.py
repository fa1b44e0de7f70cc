"""Short reprs of results for terminals, and HTML tables for notebooks."""

import reprlib
from collections.abc import Iterable, Sequence

__all__ = ["brief_repr", "html_table", "short_repr"]


_MAX_ROWS = 20
# `html.escape` does the same, but importing it loads a table of all named characters.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


_limited = reprlib.Repr()
_limited.maxstring = _limited.maxother = 300


def brief_repr(value: object, longest: int = 60) -> str:
    """Return the beginning of a value's repr, for a message; its class if the value has no repr."""
    try:
        shown = _limited.repr(value)
    except Exception:  # noqa: BLE001  # also an integer of more than 4,300 digits
        shown = f"<an instance of {type(value).__name__}>"
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def short_repr(name: str, *facts: object) -> str:
    """Return a one-line repr, ``<Name fact, fact>``, without the facts that are None or empty."""
    return f"<{name} {', '.join(str(fact) for fact in facts if fact not in (None, ''))}>"


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], total: int) -> str:
    """Return an HTML table of the first 20 rows, with all text escaped.

    Args:
        caption: The caption of the table.
        head: The names of the columns.
        rows: The rows.
        total: The number of rows; how many of them are not shown is stated below the table.
    """
    lines = [f"<table><caption>{caption.translate(_ESCAPED)}</caption><thead><tr>"]
    lines += [f"<th>{name.translate(_ESCAPED)}</th>" for name in head]
    lines.append("</tr></thead><tbody>")
    for _, row in zip(range(_MAX_ROWS), rows, strict=False):
        cells = "".join(f"<td>{('' if cell is None else str(cell)).translate(_ESCAPED)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    if total > _MAX_ROWS:
        lines.append(f'<tr><td colspan="{len(head)}">and {total - _MAX_ROWS} more</td></tr>')
    lines.append("</tbody></table>")
    return "".join(lines)
