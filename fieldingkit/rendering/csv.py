"""A sweep report as CSV for spreadsheets: one row for each target group."""

import csv
import io
from typing import Final

from fieldingkit.rendering.model import SweepDocument

__all__ = ["CSV_COLUMNS", "to_csv"]


CSV_COLUMNS: Final = (
    "project_id",
    "target_group_id",
    "outcome",
    "previous_status",
    "code",
    "reason",
    "job_id",
    "trace_id",
)
"""The columns of the table, in order."""
_FORMULA_PREFIXES: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""The characters that make a spreadsheet evaluate a cell. A formula could send data elsewhere."""


def to_csv(document: SweepDocument) -> str:
    """Return the document as CSV by RFC 4180, with a header row."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for group in document.groups:
        writer.writerow([_escape(getattr(group, column)) for column in CSV_COLUMNS])
    return text.getvalue()


def _escape(cell: str | None) -> str:
    """Return the cell, with an apostrophe in front if a spreadsheet would evaluate it."""
    text = "" if cell is None else cell
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text
