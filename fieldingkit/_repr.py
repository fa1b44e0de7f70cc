"""How results show themselves: short in a terminal, as a table in a notebook."""

from collections.abc import Iterable, Sequence

__all__ = ["brief", "html_table"]


_ROWS = 20


# `html.escape` does the same, but comes with a table of every named character.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def brief(name: str, *facts: object) -> str:
    """A one-line repr: ``<Name fact, fact>``; facts that are None or empty are left out."""
    return f"<{name} {', '.join(str(fact) for fact in facts if fact not in (None, ''))}>"


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], total: int) -> str:
    """A table as notebooks show it; everything in it is escaped.

    Args:
        caption: What it is.
        head: The names of the columns.
        rows: The rows; as many as fit a page are shown.
        total: How many there are in all.
    """
    lines = [f"<table><caption>{caption.translate(_ESCAPED)}</caption><thead><tr>"]
    lines += [f"<th>{name.translate(_ESCAPED)}</th>" for name in head]
    lines.append("</tr></thead><tbody>")
    for _, row in zip(range(_ROWS), rows, strict=False):
        cells = "".join(f"<td>{('' if cell is None else str(cell)).translate(_ESCAPED)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    if total > _ROWS:
        lines.append(f'<tr><td colspan="{len(head)}">and {total - _ROWS} more</td></tr>')
    lines.append("</tbody></table>")
    return "".join(lines)
