"""What a sweep's report says of the whole: headline, facts, shares, and the bars of its timeline."""

from collections.abc import Iterable
from typing import Final

import attrs

from fieldingkit.cli.output import moment
from fieldingkit.rendering.charts import Bar, spoken
from fieldingkit.rendering.markup import Markup, tag
from fieldingkit.rendering.model import SweepRecord
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.report import Counts, GroupOutcome, Outcome, SweepReport, count

__all__ = [
    "Reason",
    "advice_on",
    "bars_of",
    "headline",
    "held_back",
    "reasons",
    "report_facts",
    "said",
    "share",
    "worded",
]


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
    there = counts.updated + counts.unchanged
    if not counts.total:
        return "No target groups were found"
    if counts.total == there:
        return f"All {there:,} target groups are {report.action.target}"
    return f"{there:,} of {counts.total:,} target groups are {report.action.target}"


def worded(action: Action, outcome: Outcome) -> str:
    """An outcome as people say it."""
    if outcome is Outcome.UPDATED:
        return _DONE[action]
    if outcome is Outcome.UNCHANGED:
        return f"already {action.target}"
    return {Outcome.FAILED: "failed", Outcome.SKIPPED: "left alone"}.get(outcome, "unknown")


def report_facts(record: SweepRecord) -> dict[str, str]:
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


_BY_CODE: Final[dict[str, str]] = {
    "StatusTransitionNotAllowed": (
        "Their status, or a goal or end date that is reached, does not allow this. List them to see where they stand "
        "now; raise the goal or the end date first if they are to go live."
    ),
    "TargetGroupInvalidState": "They are not in a state for this. List them to see where they stand now.",
    "TargetGroupNotFound": "The API knows no such target groups in these projects: check the ids and the account.",
    "InvalidFieldingDates": "Correct the dates of their fielding, then try again.",
    "JobExecutionStartMessageFailed": "This was the API's own trouble: run it again under a new run id.",
    "unexpected_internal_error": "This was the API's own trouble: run it again under a new run id.",
}
_BY_OUTCOME: Final[dict[Outcome, str]] = {
    Outcome.FAILED: "Look at the reason; the API's support finds the calls by the trace ids.",
    Outcome.SKIPPED: "Nothing was sent for these.",
    Outcome.UNKNOWN: (
        "These were sent, and what became of them could not be read. Look where they stand, then run the same command "
        "again with the same journal."
    ),
}


@attrs.frozen
class Reason:
    """Target groups that came out alike for the same reason."""

    outcome: Outcome
    """How they came out."""
    code: str | None
    """The API's code, if it gave one."""
    text: str
    """The reason, in words."""
    groups: tuple[GroupOutcome, ...]
    """The target groups."""


def reasons(groups: Iterable[GroupOutcome], *outcomes: Outcome) -> list[Reason]:
    """The reasons of some outcomes, the most frequent first.

    Args:
        groups: Target groups of a report.
        outcomes: Which outcomes to look at.
    """
    found: dict[tuple[Outcome, str | None, str], list[GroupOutcome]] = {}
    for group in groups:
        if group.outcome in outcomes:
            found.setdefault((group.outcome, group.code, group.reason or ""), []).append(group)
    grouped = [Reason(outcome, code, text, tuple(members)) for (outcome, code, text), members in found.items()]
    return sorted(grouped, key=lambda reason: (outcomes.index(reason.outcome), -len(reason.groups)))


def held_back(action: Action, group: GroupOutcome) -> bool:
    """Whether a target group was left alone although the action is for it, since the sweep was stopped before."""
    return group.outcome is Outcome.SKIPPED and (group.before is None or group.before in action.sources)


def advice_on(action: Action, reason: Reason) -> str:
    """What to do about a reason.

    Args:
        action: What was to be done.
        reason: Why it was not.
    """
    if held_back(action, reason.groups[0]):
        return "These were not sent, and should have been: run the same command again with the same journal."
    return _BY_CODE.get(reason.code or "") or _BY_OUTCOME.get(reason.outcome, "")
