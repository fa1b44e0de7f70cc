"""A sweep's report for spreadsheets: a line for each target group."""

import csv
import io
from typing import Final

from fieldingkit.rendering.model import SweepRecord

__all__ = ["as_csv"]


_HEADINGS: Final = ("project_id", "target_group_id", "outcome", "before", "code", "reason", "job_id", "trace_id")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell may not begin with: spreadsheets take it for a formula, and formulas can send data elsewhere."""


def as_csv(record: SweepRecord) -> str:
    """The report as CSV by RFC 4180, with headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    traces = {job_id: span.trace_id for job_id, span in record.span_by_job.items()}
    for group in record.report.groups:
        cells = (
            group.project_id,
            group.target_group_id,
            group.outcome,
            group.before,
            group.code,
            group.reason,
            group.job_id,
            traces.get(group.job_id or ""),
        )
        writer.writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _harmless(cell: str | None) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
