"""Target groups that are named in a file or on stdin."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fieldingkit.cli.complaint import plain
from fieldingkit.cli.exits import UsageError

__all__ = ["parse_ids", "read_ids"]

_ID: Final = re.compile(r"[0-9A-Z]{26}")
_BETWEEN: Final = re.compile(r"[\s,;]+")


def read_ids(path: Path, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """Read a list of target groups, by project.

    Args:
        path: The file, or ``-`` for stdin.
        project_id: The project of lines that name none.

    Raises:
        UsageError: if it cannot be read or understood.
    """
    if str(path) == "-":
        return parse_ids(sys.stdin, "stdin", project_id)
    try:
        with path.expanduser().open(encoding="utf-8-sig") as lines:
            return parse_ids(lines, str(path), project_id)
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not a text file") from exc


def parse_ids(lines: Iterable[str], name: str, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """The target groups of a list, by project.

    A line names a project and a target group, or a target group alone, and may go on with anything else: what
    ``fieldingkit groups list`` prints in a pipe, or the CSV of a report. Empty lines, headings and comments are left
    out.

    Args:
        lines: The lines.
        name: What to call the list in an error.
        project_id: The project of lines that name none.

    Raises:
        UsageError: if a line names no target group, or its project is not known.
    """
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(lines, 1):
        words = _BETWEEN.split(line.strip())
        named = [word for word in words[:2] if _ID.fullmatch(word)]
        if words[0].startswith("#") or words == [""] or (number == 1 and not named):
            continue
        if not _ID.fullmatch(words[0]):
            raise UsageError(f"line {number} of {name} names no target group: {plain(line.strip()[:60])!r}")
        where = named[0] if len(named) == 2 else project_id
        if where is None:
            raise UsageError(
                f"line {number} of {name} does not say in which project the target group is\n"
                "Give each line two ids, the project's first; or one --project for all lines."
            )
        found.setdefault(where, {})[named[-1]] = None
    if not found:
        raise UsageError(f"{name} names no target groups")
    return {where: tuple(ids) for where, ids in found.items()}
