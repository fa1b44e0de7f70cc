"""A sweep report as CSV for spreadsheets: one row for each target group."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from fieldingkit.rendering.model import ProjectRow, SweepDocument
from fieldingkit.rendering.text import strip_control_chars

__all__ = ["CSV_COLUMNS", "csv_line", "iter_csv"]


CSV_COLUMNS: Final = (
    "project_id",
    "target_group_id",
    "project_short_id",
    "project_name",
    "short_id",
    "name",
    "outcome",
    "verified",
    "previous_status",
    "code",
    "reason",
    "job_id",
    "trace_id",
    "run_id",
)
"""The columns of the table, in order. The two ids come first, so that the file is also a list of target groups."""

_QUOTED: Final = re.compile('[",;]')
"""The characters that require quotes. Some spreadsheets split cells at a semicolon, whatever the file says."""
_FORMULA: Final = re.compile(r'(^|;)([\s"]*)(?=[=+\-@＝＋－＠])')  # noqa: RUF001 - spreadsheets evaluate the wide forms too
"""A place where a spreadsheet would begin to evaluate a formula, which could send data elsewhere."""


def iter_csv(document: SweepDocument) -> Iterator[str]:
    """Yield the lines of the document as CSV by RFC 4180, beginning with the headings.

    The table reads the same in every spreadsheet: control characters become spaces, so that a row is one line, and
    an apostrophe precedes what would be a formula, also where a spreadsheet splits cells at semicolons. Target groups
    that verification found without the target status are appended with the outcome ``straggler``.
    """
    yield csv_line(CSV_COLUMNS)
    names = document.by_project_id
    for group in document.groups:
        project = names.get(group.project_id) or ProjectRow(project_id=group.project_id)
        yield csv_line(
            (
                group.project_id,
                group.target_group_id,
                project.short_id,
                project.name,
                group.short_id,
                group.name,
                group.outcome,
                "yes" if group.verified else None,
                group.previous_status,
                group.code,
                group.reason,
                group.job_id,
                group.trace_id,
                document.run_id,
            )
        )
    for straggler in document.stragglers:
        project = names.get(straggler.project_id) or ProjectRow(project_id=straggler.project_id)
        ids = (straggler.project_id, straggler.target_group_id, project.short_id, project.name)
        named = (straggler.short_id, straggler.name, "straggler", "yes", straggler.status, None, straggler.reason)
        yield csv_line((*ids, *named, None, None, document.run_id))


def csv_line(cells: Iterable[str | None]) -> str:
    """Return a row of a table by RFC 4180; no spreadsheet evaluates its cells."""
    return ",".join(["" if cell is None else cell if cell.isalnum() else _escape(cell) for cell in cells]) + "\r\n"


def _escape(text: str) -> str:
    """Return a cell that no spreadsheet evaluates, on one line, in quotes if necessary."""
    text = _FORMULA.sub(r"\1\2'", strip_control_chars(text).strip())
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text
