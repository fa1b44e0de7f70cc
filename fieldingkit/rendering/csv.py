"""A sweep report as CSV for spreadsheets: one row for each target group."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from fieldingkit.rendering.model import SweepDocument
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

_PLAIN: Final = re.compile(r"\w[\w :.-]*")
"""Text that is safe as it is, such as an id."""
_QUOTED: Final = re.compile('[",;]')
"""The characters that require quotes. Some spreadsheets split cells at a semicolon, even in this file."""
_FORMULA: Final = re.compile(r'(^|;)([\s"]*)(?=[=+\-@＝＋－＠])')  # noqa: RUF001 - spreadsheets evaluate the wide forms too
"""A place where a spreadsheet would begin to evaluate a formula, which could send data elsewhere."""


def iter_csv(document: SweepDocument) -> Iterator[str]:
    """Yield the lines of the document as CSV by RFC 4180, beginning with the headings.

    The table reads the same in every spreadsheet: control characters become spaces, so that a row is one line, and
    an apostrophe precedes what would be a formula, also where a spreadsheet splits cells at semicolons. Target groups
    that verification found without the target status are appended with the outcome ``straggler``.
    """
    yield csv_line(CSV_COLUMNS)
    names = {project.project_id: (project.short_id, project.name) for project in document.projects}
    for group in document.groups:
        yield csv_line(
            (
                group.project_id,
                group.target_group_id,
                *names.get(group.project_id, (None, None)),
                group.short_id,
                group.name,
                group.outcome,
                "yes" if document.is_verified(group) else None,
                group.previous_status,
                group.code,
                group.reason,
                group.job_id,
                group.trace_id,
                document.run_id,
            )
        )
    for straggler in document.stragglers:
        yield csv_line(
            (
                straggler.project_id,
                straggler.target_group_id,
                *names.get(straggler.project_id, (None, None)),
                straggler.short_id,
                straggler.name,
                "straggler",
                "yes",
                straggler.status,
                None,
                straggler.reason,
                None,
                None,
                document.run_id,
            )
        )


def csv_line(cells: Iterable[str | None]) -> str:
    """Return a row of a table by RFC 4180; no spreadsheet evaluates its cells."""
    return ",".join([_escape(cell) if cell else "" for cell in cells]) + "\r\n"


@lru_cache(maxsize=1000)  # most cells repeat: ids of projects, jobs and traces
def _escape(text: str) -> str:
    """Return a cell that no spreadsheet evaluates, on one line, in quotes if necessary."""
    if text.isalnum() or _PLAIN.fullmatch(text):
        return text
    text = _FORMULA.sub(r"\1\2'", strip_control_chars(text).strip())
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text
