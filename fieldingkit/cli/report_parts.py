"""What a sweep's report says of the whole: headline, facts, shares, and the bars of its timeline."""

from typing import Final

from fieldingkit.cli.markup import Markup, tag
from fieldingkit.cli.output import moment
from fieldingkit.cli.report_plot import Bar, spoken
from fieldingkit.cli.report_record import SweepRecord
from fieldingkit.workflows.actions import Action
from fieldingkit.workflows.report import Counts, GroupOutcome, Outcome, SweepReport, count

__all__ = ["bars_of", "facts_of", "headline", "said", "share", "worded"]

_VISIBLE: Final = 6
"""Thousandths of a bar that an outcome has at least if it occurred at all."""
_DONE: Final = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.COMPLETE: "completed",
    Action.RELAUNCH: "relaunched",
    Action.LAUNCH: "launched",
}


def headline(report: SweepReport) -> str:
    """The sweep in one line."""
    counts = report.counts
    there = counts.updated + counts.already
    if not counts.total:
        return "No target groups were found"
    if counts.total == there:
        return f"All {there:,} target groups are {report.action.target}"
    return f"{there:,} of {counts.total:,} target groups are {report.action.target}"


def worded(action: Action, outcome: Outcome) -> str:
    """An outcome as people say it."""
    if outcome is Outcome.UPDATED:
        return _DONE[action]
    if outcome is Outcome.ALREADY:
        return f"already {action.target}"
    return {Outcome.FAILED: "failed", Outcome.SKIPPED: "left alone"}.get(outcome, "unknown")


def facts_of(record: SweepRecord) -> dict[str, str]:
    """What identifies the sweep."""
    report = record.report
    took = spoken((report.finished_at - report.started_at).total_seconds()) if report.finished_at else ""
    return {
        "Action": report.action.value,
        "Run id": report.run_id,
        "Account": record.account or "",
        "API": record.base_url,
        "Started": moment(report.started_at),
        "Finished": f"{moment(report.finished_at)} ({took})" if report.finished_at else "it has not",
        "Projects": f"{len(report.by_project):,}",
        "Jobs": f"{len(report.jobs):,}",
    }


def share(counts: Counts, *, small: bool = False) -> Markup:
    """The outcomes as parts of one bar; none that occurred is too small to be seen."""
    present = [(outcome, number) for outcome, number in zip(Outcome, counts, strict=True) if number]
    spare = 1000 - _VISIBLE * len(present)
    parts: list[Markup] = []
    left = 0.0
    for outcome, number in present:
        width = _VISIBLE + spare * number / counts.total
        parts.append(tag("rect", x=left, y=0, width=width, height=10, class_=outcome.value))
        left += width
    return tag(
        "svg",
        tag("title", said(counts) or "nothing"),
        *parts,
        viewBox="0 0 1000 10",
        preserveAspectRatio="none",
        role="img",
        class_="share small" if small else "share",
    )


def bars_of(record: SweepRecord) -> list[Bar]:
    """The bars of the timeline: the jobs whose times are known."""
    members: dict[str, list[GroupOutcome]] = {}
    for group in record.report.groups:
        members.setdefault(group.job_id or "", []).append(group)
    spans = record.span_by_job
    bars: list[Bar] = []
    for job in record.report.jobs:
        span = spans.get(job.job_id)
        if span is None or span.began is None or span.ended is None:
            continue
        counts = count(members.get(job.job_id, ()))
        took = spoken((span.ended - span.began).total_seconds())
        label = f"job {job.job_id} of project {job.project_id}: {said(counts) or 'sent again'}, {took}"
        bars.append(Bar(label=label, began=span.began, ended=span.ended, size=job.size, counts=counts))
    return bars


def said(counts: Counts) -> str:
    """The outcomes that occurred, in words."""
    return ", ".join(f"{number:,} {outcome}" for outcome, number in zip(Outcome, counts, strict=True) if number)
