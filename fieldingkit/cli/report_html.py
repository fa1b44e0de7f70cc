"""A sweep's report for people: one HTML file that needs nothing else, on a screen and on paper."""

from importlib.metadata import version
from typing import Final

from fieldingkit.cli.markup import Markup, tag
from fieldingkit.cli.report_advice import advice_on, reasons
from fieldingkit.cli.report_parts import bars_of, facts_of, headline, share, worded
from fieldingkit.cli.report_plot import plot
from fieldingkit.cli.report_record import SweepRecord
from fieldingkit.cli.report_style import STYLE
from fieldingkit.cli.report_tables import all_groups, jobs_table, projects_table, reason_card
from fieldingkit.workflows.report import Outcome

__all__ = ["DATA_ID", "as_html"]

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
    facts = (part for name, value in facts_of(record).items() for part in (tag("dt", name), tag("dd", value)))
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
