"""A sweep report as one HTML page without scripts or external resources, for screens and for paper."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Final

from fieldingkit.rendering.charts import job_bars, share_bar, timeline
from fieldingkit.rendering.json import to_json
from fieldingkit.rendering.markup import Markup, tag
from fieldingkit.rendering.model import OUTCOMES, SweepDocument
from fieldingkit.rendering.style import STYLE
from fieldingkit.rendering.text import format_duration, format_time, pluralize
from fieldingkit.rendering.wording import (
    Reason,
    advice_for,
    format_counts,
    format_reason,
    group_by_reason,
    headline,
    outcome_label,
    report_facts,
)

__all__ = ["DATA_ID", "to_html"]


DATA_ID: Final = "fieldingkit-sweep"
"""The id of the element that holds the report as JSON, so that ``fieldingkit undo`` can read the page."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PROBLEMS: Final = ("unknown", "not_sent", "failed")
"""The outcomes that need attention, the most urgent first."""
_MAX_OPEN_ROWS: Final = 20
"""The largest table that is shown open; a longer one is folded."""


def to_html(document: SweepDocument) -> str:
    """Return the document as a page. All outside text is escaped, and the page runs no script."""
    body = tag(
        "body",
        _summary(document),
        _timeline(document),
        _reasons(document, "Problems and what to do", *_PROBLEMS),
        _reasons(document, "Skipped", "skipped"),
        tag("section", tag("h2", "By project"), _projects(document)),
        tag("section", tag("h2", "Jobs"), _jobs(document)) if document.jobs else Markup(""),
        tag("section", tag("h2", "All target groups"), _groups(document), class_="screen"),
        tag(
            "footer",
            f"Created by fieldingkit {version('fieldingkit')}. ",
            "This file also contains the report as data: ",
            tag("code", "fieldingkit undo"),
            " reads it to undo a pause or a resume.",
        ),
        _data(document),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{headline(document)} · fieldingkit"),
        tag("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _summary(document: SweepDocument) -> Markup:
    counts = document.counts
    worst = next((outcome for outcome in _PROBLEMS if counts[outcome]), "updated")
    badge = format_counts({name: counts[name] for name in _PROBLEMS}) or "all done"
    tiles = (
        tag(
            "li",
            tag("b", f"{number:,}"),
            outcome_label(document, outcome),
            class_=f"tile {outcome}" + ("" if number else " none"),
        )
        for outcome, number in counts.items()
    )
    facts = (part for name, value in report_facts(document).items() for part in (tag("dt", name), tag("dd", value)))
    return tag(
        "section",
        tag("div", badge, class_=f"badge {worst}"),
        tag("h1", headline(document)),
        tag("ul", *tiles, class_="tiles"),
        share_bar(counts),
        tag("dl", *facts, class_="facts"),
    )


def _timeline(document: SweepDocument) -> Markup:
    bars = job_bars(document)
    if not bars:
        return Markup("")
    missing = len(document.jobs) - len(bars)
    note = tag("p", f"Jobs not shown, because their end was not seen: {missing}.", class_="soft")
    return tag("section", tag("h2", "Timeline of the jobs"), timeline(bars), note if missing else Markup(""))


def _reasons(document: SweepDocument, heading: str, *outcomes: str) -> Markup:
    reasons = group_by_reason(document.groups, *outcomes)
    if not reasons:
        return Markup("")
    return tag("section", tag("h2", heading), *(_reason(reason, advice_for(reason)) for reason in reasons))


def _reason(reason: Reason, advice: str) -> Markup:
    """Draw a reason with its advice and its target groups."""
    number = len(reason.groups)
    rows = (
        (
            _id(group.project_id),
            _id(group.target_group_id),
            group.previous_status or "",
            _id(group.job_id),
            _id(group.trace_id),
        )
        for group in reason.groups
    )
    return tag(
        "article",
        tag(
            "header",
            tag("h3", format_reason(reason.code, reason.text) or "no reason given"),
            tag("span", pluralize(number), class_="count"),
        ),
        tag("p", advice, class_="advice") if advice else Markup(""),
        _folded(
            _table(("Project", "Target group", "Previous status", "Job", "Trace id"), rows), number, "Target groups"
        ),
        class_=f"reason {reason.outcome}",
    )


def _projects(document: SweepDocument) -> Markup:
    headings = ("Project", "Groups", *(outcome_label(document, outcome) for outcome in OUTCOMES), "")
    rows = (
        (
            _id(project_id),
            f"{sum(counts.values()):,}",
            *(f"{number:,}" for number in counts.values()),
            share_bar(counts, small=True),
        )
        for project_id, counts in document.by_project.items()
    )
    return _wide(_table(headings, rows, numbers=range(1, 8)))


def _jobs(document: SweepDocument) -> Markup:
    """Draw the jobs with their trace ids, which the API's support asks for."""
    rows = [
        (
            _id(job.job_id),
            _id(job.project_id),
            f"{job.size:,}",
            share_bar(document.by_job[job.job_id], small=True),
            _id(format_time(job.created_at)),
            "" if job.seconds is None else format_duration(job.seconds),
            _id(job.trace_id),
        )
        for job in document.jobs
    ]
    headings = ("Job", "Project", "Groups", "", "Created", "Duration", "Trace id")
    return _folded(_table(headings, rows, numbers=(2,)), len(rows), "All jobs")


def _groups(document: SweepDocument) -> Markup:
    rows = (
        (
            _id(group.project_id),
            _id(group.target_group_id),
            group.previous_status or "",
            outcome_label(document, group.outcome),
            format_reason(group.code, group.reason),
        )
        for group in document.groups
    )
    table = _table(("Project", "Target group", "Previous status", "Outcome", "Reason"), rows)
    return _folded(table, len(document.groups), "All target groups")


def _data(document: SweepDocument) -> Markup:
    """Embed the report as JSON in an element that no browser runs, escaped so that it cannot end the element."""
    text = to_json(document).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(f'<script type="application/json" id="{DATA_ID}">{text}</script>')


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


def _folded(table: Markup, rows: int, name: str) -> Markup:
    """Fold a long table on screens; on paper it is always open."""
    if rows <= _MAX_OPEN_ROWS:
        return _wide(table)
    return tag("details", tag("summary", f"{name} ({rows:,})"), _wide(table))
