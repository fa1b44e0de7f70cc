"""A sweep report as CSV for spreadsheets: one row for each target group."""

import csv
import io
from typing import Final

from fieldingkit.rendering.model import SweepDocument

__all__ = ["to_csv"]


_COLUMNS: Final = (
    "project_id",
    "target_group_id",
    "outcome",
    "previous_status",
    "code",
    "reason",
    "job_id",
    "trace_id",
)
_FORMULA_PREFIXES: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""The characters that make a spreadsheet evaluate a cell. A formula could send data elsewhere."""


def to_csv(document: SweepDocument) -> str:
    """Return the document as CSV by RFC 4180, with a header row."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for group in document.groups:
        writer.writerow([_escape(getattr(group, column)) for column in _COLUMNS])
    return text.getvalue()


def _escape(cell: str | None) -> str:
    """Return the cell, with an apostrophe in front if a spreadsheet would evaluate it."""
    text = "" if cell is None else cell
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text
