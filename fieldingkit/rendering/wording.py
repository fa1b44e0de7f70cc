"""The wording of a sweep report: headline, facts, labels of outcomes, reasons and advice."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from fieldingkit.rendering.model import GroupRow, SweepDocument
from fieldingkit.rendering.text import format_duration, format_time, pluralize

__all__ = [
    "Reason",
    "advice_for",
    "format_counts",
    "format_reason",
    "group_by_reason",
    "headline",
    "outcome_label",
    "report_facts",
]


_PAST_TENSE: Final = {
    "pause": "paused",
    "resume": "resumed",
    "complete": "completed",
    "relaunch": "relaunched",
    "launch": "launched",
}


def headline(document: SweepDocument) -> str:
    """Return the result of the sweep in one line; what is unknown comes first."""
    counts, total = document.counts, len(document.groups)
    reached, unknown, unlisted = counts["updated"] + counts["unchanged"], counts["unknown"], len(document.unlisted)
    if not total and not unlisted:
        return "No target groups were found"
    if total == reached and not unlisted:
        return f"All {reached:,} target groups are {document.target_status}"
    parts = [f"{pluralize(unknown)}: outcome unknown"] if unknown else []
    if reached or not unknown:
        parts.append(f"{reached:,} of {total:,} target groups are {document.target_status}")
    if unlisted:
        parts.append(f"{pluralize(unlisted, 'project')} could not be listed")
    return "; ".join(parts)


def outcome_label(document: SweepDocument, outcome: str) -> str:
    """Return the label of an outcome, such as ``paused`` for the updated target groups of a pause."""
    if outcome == "updated":
        return _PAST_TENSE.get(document.action, outcome)
    return f"found {document.target_status}" if outcome == "unchanged" else outcome.replace("_", " ")


def report_facts(document: SweepDocument) -> dict[str, str]:
    """Return the facts that identify the sweep, by their label."""
    finished = "not finished"
    if document.finished_at is not None:
        seconds = (document.finished_at - document.started_at).total_seconds()
        finished = f"{format_time(document.finished_at)} ({format_duration(seconds)})"
    return {
        "Action": document.action,
        "Run id": document.run_id,
        "Account": document.account_id or "",
        "API": document.base_url,
        "Started": format_time(document.started_at),
        "Finished": finished,
        "Projects": f"{len(document.by_project):,}",
        "Jobs": f"{len(document.jobs):,}",
    }


def format_counts(counts: Mapping[str, int]) -> str:
    """Return the outcomes that occurred, such as ``40 updated, 2 failed``."""
    return ", ".join(f"{number:,} {outcome.replace('_', ' ')}" for outcome, number in counts.items() if number)


_ADVICE_BY_CODE: Final[dict[str, str]] = {
    "StatusTransitionNotAllowed": (
        "Their status does not allow this, or a goal or end date is reached. List them to see their current status; "
        "raise the goal or the end date before making them live."
    ),
    "TargetGroupInvalidState": "Their state does not allow this. List them to see their current status.",
    "TargetGroupNotFound": "The API has no such target groups in these projects: check the ids and the account.",
    "InvalidFieldingDates": "Correct their fielding dates, then try again.",
    "JobExecutionStartMessageFailed": "This is an internal error of the API: run it again under a new run id.",
    "unexpected_internal_error": "This is an internal error of the API: run it again under a new run id.",
}
_ADVICE_BY_OUTCOME: Final[dict[str, str]] = {
    "failed": "See the reason. The API's support can find the calls by the trace ids.",
    "skipped": "There was nothing to do for these.",
    "not_sent": "These should have been sent, and were not: run the same command again with the same journal.",
    "unknown": "Check their status, then run the same command again with the same journal: it reads them again.",
}
_VARIABLE: Final = re.compile(
    r"\b[0-9A-Z]{26}\b"  # a ULID
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b"  # a UUID, a trace id
    r"|\b\d{4}-\d\d-\d\d[T ][\d:.]+Z?"  # a time
    r"|\b\d+(?:[.,]\d+)*(?= ?(?:s|ms|seconds?|attempts?|times|polls?)\b)"
)
"""The parts of a reason that differ between target groups with the same cause."""


@attrs.frozen
class Reason:
    """Target groups with the same outcome for the same reason."""

    outcome: str
    """The outcome."""
    code: str | None
    """The API's failure code, if there is one."""
    text: str
    """The reason in words."""
    groups: tuple[GroupRow, ...]
    """The target groups."""


def group_by_reason(groups: Iterable[GroupRow], *outcomes: str) -> list[Reason]:
    """Return the reasons of the given outcomes, ordered by outcome and then by frequency.

    Reasons that differ only in ids, seconds, times or attempts are one reason.

    Args:
        groups: The target groups of a report.
        outcomes: The outcomes to include, in order.
    """
    found: dict[tuple[str, str | None, str], list[GroupRow]] = {}
    for group in groups:
        if group.outcome in outcomes:
            cause = _VARIABLE.sub("…", group.reason or "")
            found.setdefault((group.outcome, group.code, cause), []).append(group)
    reasons = [
        Reason(outcome, code, _common_text(cause, members), tuple(members))
        for (outcome, code, cause), members in found.items()
    ]
    return sorted(reasons, key=lambda reason: (outcomes.index(reason.outcome), -len(reason.groups)))


def _common_text(cause: str, groups: Sequence[GroupRow]) -> str:
    """Return the reason of some target groups with one cause; what differs between them is left out."""
    texts = {group.reason or "" for group in groups}
    return texts.pop() if len(texts) == 1 else cause


def format_reason(code: str | None, text: str | None) -> str:
    """Return a failure code and a reason as one text."""
    return ": ".join(filter(None, [code, text]))


def advice_for(reason: Reason) -> str:
    """Return the advice for a reason; empty if there is none."""
    return _ADVICE_BY_CODE.get(reason.code or "") or _ADVICE_BY_OUTCOME.get(reason.outcome, "")
