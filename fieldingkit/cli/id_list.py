"""Lists of target groups: project ids and target group ids in a file or on stdin."""

import codecs
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from fieldingkit.cli.errors import UsageError
from fieldingkit.rendering.csv import CSV_COLUMNS
from fieldingkit.rendering.text import strip_control_chars

__all__ = ["parse_ids", "read_ids"]


_ID: Final = re.compile(r"[0-9A-Z]{26}")
_SEPARATOR: Final = re.compile(r"[\s,;]+")
_BYTE_ORDER_MARK: Final = "\ufeff"
_MAX_QUOTED: Final = 60
_HEADING: Final = ("Project", "Target", "group", "Status", "Completes", "Name")
"""The words of the heading of ``groups list`` on a terminal."""


def read_ids(path: Path, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """Read a list of target groups and return their ids by project id.

    Args:
        path: The file, or ``-`` for stdin.
        project_id: The project of lines without a project id.

    Raises:
        UsageError: The list cannot be read or parsed.
    """
    name = "stdin" if str(path) == "-" else str(path)
    try:
        content = sys.stdin.buffer.read() if name == "stdin" else path.expanduser().read_bytes()
    except OSError as exc:
        raise UsageError(f"{name} cannot be read: {exc.strerror}\nNothing was sent.") from exc
    return parse_ids(_decode(content, name).splitlines(), name, project_id)


def _decode(content: bytes, name: str) -> str:
    """Return the text of a list. Characters of other encodings do not matter in the names beside the ids.

    Raises:
        UsageError: It is not text, or UTF-16 without a byte order mark.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    text = content.decode(encoding, errors="replace")
    if "\0" in text:
        raise UsageError(
            f"{name} is neither UTF-8 text nor UTF-16 text with a byte order mark\nNothing was sent. Save it as UTF-8."
        )
    return text


def parse_ids(lines: Iterable[str], name: str, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """Parse a list of target groups and return their ids by project id.

    A line holds a project id and a target group id, and further columns are ignored; with ``project_id``, a
    line may also be a target group id alone. So the output of ``fieldingkit groups list`` and the CSV of a report are
    both valid, and so is a table of a spreadsheet with ``project_id`` and ``target_group_id`` as its first columns.
    Headings, empty lines and comments are skipped; any other line is an error.

    Args:
        lines: The lines.
        name: The name of the list for error messages.
        project_id: The project of lines without a project id.

    Raises:
        UsageError: A line is invalid, or its project is unknown.
    """
    by_project: dict[str, dict[str, None]] = {}
    projects: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).strip()
        words = tuple(word.strip('"') for word in _SEPARATOR.split(text))
        if not text or text.startswith("#") or (number == 1 and _is_heading(words)):
            continue
        ids = [word for word in words[:2] if word]
        if not all(map(_ID.fullmatch, ids)):
            advice = "An id has 26 capital letters and digits."
            if all(_ID.fullmatch(word.upper()) for word in ids):
                advice = "The API writes ids in capital letters: convert the list, such as with `tr a-z A-Z`."
            raise UsageError(
                f"line {number} of {name} is not a project id and a target group id: {_quoted(text)}\n"
                f"Nothing was sent. {advice}"
            )
        project = ids[0] if len(ids) == 2 else project_id
        if project is None:
            raise UsageError(
                f"line {number} of {name} has no project id: {_quoted(text)}\n"
                "Nothing was sent. Put the project id before the target group id, or give --project for all lines."
            )
        if (other := projects.setdefault(ids[-1], project)) != project:
            raise UsageError(
                f"line {number} of {name} lists {ids[-1]} in the project {project}, and an earlier line in {other}\n"
                "Nothing was sent. Are the columns swapped? The project id comes first."
            )
        by_project.setdefault(project, {})[ids[-1]] = None
    if not by_project:
        raise UsageError(f"{name} lists no target groups\nNothing was sent.")
    return {project: tuple(group_ids) for project, group_ids in by_project.items()}


def _is_heading(words: Sequence[str]) -> bool:
    """Return whether a line is the heading of ``groups list``, or of a table with the columns of a report."""
    return tuple(words) == _HEADING or tuple(words[:2]) == CSV_COLUMNS[:2]


def _quoted(line: str) -> str:
    return repr(strip_control_chars(line if len(line) <= _MAX_QUOTED else f"{line[:_MAX_QUOTED]}…"))
