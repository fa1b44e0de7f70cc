"""The tables of a sweep's report."""

from collections.abc import Iterable, Sequence
from typing import Final

from fieldingkit.cli.markup import Markup, tag
from fieldingkit.cli.output import moment
from fieldingkit.cli.report_advice import Reason
from fieldingkit.cli.report_parts import share, worded
from fieldingkit.cli.report_plot import spoken
from fieldingkit.cli.report_record import SweepRecord
from fieldingkit.workflows.report import GroupOutcome, Outcome, count

__all__ = ["all_groups", "jobs_table", "projects_table", "reason_card"]

_FEW: Final = 20
"""How many lines a table may have to be shown at once; a longer one is folded."""


def reason_card(record: SweepRecord, reason: Reason, advice: str) -> Markup:
    """A reason, what to do about it, and the target groups that it concerns."""
    said = ": ".join(filter(None, [reason.code, reason.text])) or "no reason was given"
    number = len(reason.groups)
    traces = {job_id: span.trace_id for job_id, span in record.span_by_job.items()}
    rows = (
        (
            _id(group.project_id),
            _id(group.target_group_id),
            group.before or "",
            _id(group.job_id),
            _id(traces.get(group.job_id or "")),
        )
        for group in reason.groups
    )
    return tag(
        "article",
        tag(
            "header",
            tag("h3", said),
            tag("span", f"{number:,} {'target group' if number == 1 else 'target groups'}", class_="count"),
        ),
        tag("p", advice, class_="advice") if advice else Markup(""),
        _folded(_table(("Project", "Target group", "Before", "Job", "Trace id"), rows), number, "Which ones"),
        class_=f"reason {reason.outcome}",
    )


def projects_table(record: SweepRecord) -> Markup:
    """How the sweep went in each project."""
    action = record.report.action
    headings = ("Project", "Groups", *(worded(action, outcome) for outcome in Outcome), "")
    rows = (
        (_id(project_id), f"{counts.total:,}", *(f"{number:,}" for number in counts), share(counts, small=True))
        for project_id, counts in record.report.by_project.items()
    )
    return _wide(_table(headings, rows, numbers=range(1, 7)))


def jobs_table(record: SweepRecord) -> Markup:
    """The jobs with their trace ids, which the API's support asks for."""
    members: dict[str, list[GroupOutcome]] = {}
    for group in record.report.groups:
        members.setdefault(group.job_id or "", []).append(group)
    spans = record.span_by_job
    rows: list[Sequence[str]] = []
    for job in record.report.jobs:
        span = spans.get(job.job_id)
        took = ""
        if span is not None and span.began is not None and span.ended is not None:
            took = spoken((span.ended - span.began).total_seconds())
        rows.append(
            (
                _id(job.job_id),
                _id(job.project_id),
                f"{job.size:,}",
                share(count(members.get(job.job_id, ())), small=True),
                _id(moment(span.began)) if span is not None else "",
                took,
                _id(span.trace_id if span is not None else None),
            )
        )
    headings = ("Job", "Project", "Groups", "", "Created", "Took", "Trace id")
    return _folded(_table(headings, rows, numbers=(2,)), len(rows), "All jobs")


def all_groups(record: SweepRecord) -> Markup:
    """Every target group with its outcome."""
    action = record.report.action
    rows = (
        (
            _id(group.project_id),
            _id(group.target_group_id),
            group.before or "",
            worded(action, group.outcome),
            ": ".join(filter(None, [group.code, group.reason])),
        )
        for group in record.report.groups
    )
    table = _table(("Project", "Target group", "Before", "Outcome", "Reason"), rows)
    return _folded(table, len(record.report.groups), "All target groups")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> Markup:
    right = frozenset(numbers)
    head = tag("tr", *(tag("th", text, scope="col", class_=_kind(n in right)) for n, text in enumerate(headings)))
    body = (
        tag("tr", *(tag("td", cell, class_=_kind(n in right, cell)) for n, cell in enumerate(cells))) for cells in rows
    )
    return tag("table", tag("thead", head), tag("tbody", *body))


def _kind(number: bool, cell: str = "") -> str | None:
    if not number:
        return None
    return "n zero" if cell == "0" else "n"


def _id(text: str | None) -> Markup:
    return tag("span", text, class_="id") if text else Markup("")


def _wide(table: Markup) -> Markup:
    return tag("div", table, class_="wide")


def _folded(table: Markup, lines: int, name: str) -> Markup:
    """A table that is folded if it is long; on paper it is always whole."""
    if lines <= _FEW:
        return _wide(table)
    return tag("details", tag("summary", f"{name} ({lines:,})"), _wide(table))
