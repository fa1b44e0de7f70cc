"""A sweep's report for people: one HTML file that needs nothing else, on a screen and on paper."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Final

from fieldingkit.cli.output import moment
from fieldingkit.rendering.charts import plot, spoken
from fieldingkit.rendering.markup import Markup, tag
from fieldingkit.rendering.model import SweepRecord
from fieldingkit.rendering.style import STYLE
from fieldingkit.rendering.wording import Reason, advice_on, bars_of, headline, reasons, report_facts, share, worded
from fieldingkit.sweeps.report import GroupOutcome, Outcome, count

__all__ = ["DATA_ID", "all_groups", "as_html", "jobs_table", "projects_table", "reason_card"]


DATA_ID: Final = "fieldingkit-sweep"
"""The id of the element that holds the record itself, so that the page can be given to ``fieldingkit undo``."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def as_html(record: SweepRecord) -> str:
    """The report as a page. Everything in it that came from outside is escaped, and no script runs in it."""
    report = record.report
    title = f"{headline(report)} · fieldingkit"
    body = tag(
        "body",
        _summary(record),
        _timeline(record),
        _reasons(record, "What went wrong, and what to do", Outcome.UNKNOWN, Outcome.FAILED),
        _reasons(record, "What was left alone", Outcome.SKIPPED),
        tag("section", tag("h2", "By project"), projects_table(record)),
        _jobs(record),
        tag("section", tag("h2", "Every target group"), all_groups(record), class_="screen"),
        tag(
            "footer",
            f"Made by fieldingkit {version('fieldingkit')}. ",
            "This file also holds the report as data: give it to ",
            tag("code", "fieldingkit undo"),
            " to take a pause or a resume back.",
        ),
        _data(record),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _summary(record: SweepRecord) -> Markup:
    report = record.report
    counts = report.counts
    worst = Outcome.UNKNOWN if counts.unknown else Outcome.FAILED if counts.failed else Outcome.UPDATED
    trouble = ((counts.unknown, "unknown"), (counts.failed, "failed"))
    badge = ", ".join(f"{number:,} {name}" for number, name in trouble if number) or "all done"
    tiles = (
        tag(
            "li",
            tag("b", f"{number:,}"),
            worded(report.action, outcome),
            class_=f"tile {outcome}" + ("" if number else " none"),
        )
        for outcome, number in zip(Outcome, counts, strict=True)
    )
    facts = (part for name, value in report_facts(record).items() for part in (tag("dt", name), tag("dd", value)))
    return tag(
        "section",
        tag("div", badge, class_=f"badge {worst}"),
        tag("h1", headline(report)),
        tag("ul", *tiles, class_="tiles"),
        share(counts),
        tag("dl", *facts, class_="facts"),
    )


def _timeline(record: SweepRecord) -> Markup:
    bars = bars_of(record)
    if not bars:
        return Markup("")
    jobs = len(record.report.jobs)
    undrawn = (
        tag("p", f"Not drawn, since they ended in another process: {jobs - len(bars)}.", class_="soft")
        if jobs > len(bars)
        else Markup("")
    )
    return tag("section", tag("h2", "Timeline of the jobs"), plot(bars), undrawn)


def _reasons(record: SweepRecord, heading: str, *outcomes: Outcome) -> Markup:
    found = reasons(record.report.groups, *outcomes)
    if not found:
        return Markup("")
    return tag(
        "section",
        tag("h2", heading),
        *(reason_card(record, reason, advice_on(record.report.action, reason)) for reason in found),
    )


def _jobs(record: SweepRecord) -> Markup:
    return tag("section", tag("h2", "Jobs"), jobs_table(record)) if record.report.jobs else Markup("")


def _data(record: SweepRecord) -> Markup:
    """The record itself, in an element that no browser runs; nothing in it can end the element."""
    text = record.encode().replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(f'<script type="application/json" id="{DATA_ID}">{text}</script>')


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
