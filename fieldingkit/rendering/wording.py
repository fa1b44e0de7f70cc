"""The wording of a sweep report: headline, badge, facts, notes, labels of outcomes, reasons and advice."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from fieldingkit.rendering.model import GroupRow, StragglerRow, SweepDocument
from fieldingkit.rendering.text import format_duration, format_moment, pluralize

__all__ = [
    "PROBLEMS",
    "Badge",
    "Reason",
    "advice_for",
    "format_counts",
    "format_reason",
    "group_by_reason",
    "group_projects",
    "headline",
    "outcome_label",
    "report_badge",
    "report_facts",
    "report_notes",
    "stragglers_by_reason",
]


PROBLEMS: Final = ("unknown", "not_sent", "failed")
"""The outcomes that need attention, the most urgent first."""

_PAST_TENSE: Final = {
    "pause": "paused",
    "resume": "resumed",
    "complete": "completed",
    "relaunch": "relaunched",
    "launch": "launched",
}


def headline(document: SweepDocument) -> str:
    """Return the result of the sweep in one line; what is unknown comes first.

    The present tense is used only for statuses that were read after the last job, by the process that finished it.
    """
    verified = document.verified_at is not None
    current = verified and document.as_of is None and not document.unverified
    verb = ("is", "are") if current else ("was", "were")
    total, unknown, unlisted = len(document.groups), document.counts["unknown"], len(document.unlisted)
    reached, stragglers = sum(map(document.has_status, document.groups)), stragglers_by_reason(document)
    parts = [f"{pluralize(unknown)}: outcome unknown"] if unknown else []
    if not total and not unlisted and not stragglers:
        parts.append("no target groups were found")
    elif reached == total and total and not (unlisted or stragglers or document.unverified):
        all_of_them = f"all {total:,} target groups {verb[1]}" if total > 1 else f"1 target group {verb[0]}"
        parts.append(f"{all_of_them} {document.target_status}")
    elif reached or not unknown:
        parts.append(f"{reached:,} of {total:,} target groups {verb[1]} {document.target_status}")
    parts += [f"{len(rows):,} {reason}" for reason, rows in stragglers.items()]
    if unlisted:
        parts.append(f"{pluralize(unlisted, 'project')} could not be listed")
    if document.unverified and reached:
        parts.append(f"{pluralize(len(document.unverified), 'project')} could not be verified")
    text = "; ".join(parts)
    if reached and not verified and not document.unverified:
        text += " (not verified)"
    if document.as_of is not None:
        return f"As of {format_moment(document.as_of)}: {text}"
    return text[0].upper() + text[1:]


def stragglers_by_reason(document: SweepDocument) -> Mapping[str, Sequence[StragglerRow]]:
    """Return the target groups that verification found without the target status, by reason."""
    found: dict[str, list[StragglerRow]] = {}
    for straggler in document.stragglers:
        found.setdefault(straggler.reason or f"not {document.target_status}", []).append(straggler)
    return found


@attrs.frozen
class Badge:
    """The result of a sweep in a few words, with the outcome that colors it."""

    text: str
    """The words."""
    outcome: str
    """An outcome."""


def report_badge(document: SweepDocument) -> Badge:
    """Return the badge of a report: its most urgent problem, or how far its result is known."""
    counts = document.counts
    problems = [format_counts({name: counts[name] for name in PROBLEMS})]
    if not any(problems):
        problems += [f"{len(rows):,} {reason}" for reason, rows in stragglers_by_reason(document).items()]
        problems += [f"{pluralize(len(document.unlisted), 'project')} not listed"] if document.unlisted else []
        problems += [f"{pluralize(len(document.unverified), 'project')} not verified"] if document.unverified else []
    unfinished = ["not finished"] if document.finished_at is None else []
    if any(problems) or unfinished:
        worst = next((name for name in PROBLEMS if counts[name]), "unknown")
        return Badge(", ".join(filter(None, [*unfinished, *problems])), worst)
    if counts["skipped"]:
        return Badge(f"{counts['skipped']:,} skipped", "skipped")
    if not document.groups:
        return Badge("nothing found", "skipped")
    return Badge("verified", "updated") if document.verified_at else Badge("not verified", "skipped")


def report_notes(document: SweepDocument) -> list[str]:
    """Return the sentences that qualify the headline."""
    notes: list[str] = []
    if document.finished_at is None:
        notes.append("The sweep has not finished. Jobs that were submitted continue.")
        if document.as_of is not None:
            notes.append(f"Its last step was at {format_moment(document.as_of)}; nothing was read since.")
    elif document.as_of is not None:
        notes.append(f"The sweep finished at {format_moment(document.as_of)}; nothing was read since.")
    if document.as_of is None and document.verified_at is not None:
        unread = f", except in {pluralize(len(document.unverified), 'project')}" if document.unverified else ""
        notes.append(
            f"The statuses were read again after the last job, at {format_moment(document.verified_at)}{unread}."
        )
    elif document.as_of is None and any(map(document.has_status, document.groups)):
        notes.append("The statuses were not read again after the last job: this is the result as the API reported it.")
    if document.continues is not None:
        notes.append(f"This run continues the run {document.continues}; the report covers both.")
    return notes


def outcome_label(document: SweepDocument, outcome: str) -> str:
    """Return the label of an outcome, such as ``paused`` for the updated target groups of a pause."""
    if outcome == "updated":
        return _PAST_TENSE.get(document.action, outcome)
    if outcome != "unchanged":
        return outcome.replace("_", " ")
    # A target group that was sent and read afterwards may have been changed by the sweep.
    sent = {group.verified for group in document.groups if group.outcome == "unchanged"}
    if sent == {True}:
        return f"{document.target_status}, by this sweep or another"
    return f"found {document.target_status}" if True in sent else f"already {document.target_status}"


def report_facts(document: SweepDocument) -> dict[str, str]:
    """Return the facts that identify the sweep, by their label; unknown ones are left out."""
    finished = "not finished"
    if document.finished_at is not None:
        seconds = (document.finished_at - document.started_at).total_seconds()
        finished = f"{format_moment(document.finished_at)}, after {format_duration(seconds)}"
    verified = "no" if document.verified_at is None else format_moment(document.verified_at)
    facts = {
        "Account": document.account_id,
        "API": document.base_url,
        "API version": document.api_version,
        "Run": document.run_id,
        "Continues run": document.continues,
        "Started": format_moment(document.started_at),
        "Finished": finished,
        "Verified": verified,
        "Scope": ", ".join(
            [
                pluralize(len(document.groups)),
                pluralize(len(document.by_project), "project"),
                pluralize(len(document.jobs), "job"),
            ]
        ),
    }
    return {name: value for name, value in facts.items() if value}


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
    "not_found_error": "The API has no such project: check the ids, their order and the account.",
    "InvalidFieldingDates": "Correct their fielding dates, then try again.",
    "JobExecutionStartMessageFailed": "This is an internal error of the API: run it again under a new run id.",
    "unexpected_internal_error": "This is an internal error of the API: run it again under a new run id.",
}
_ADVICE_BY_OUTCOME: Final[dict[str, str]] = {
    "failed": "See the reason. The API's support can find the calls by the trace ids.",
    "skipped": "There was nothing to do for these.",
    "not_sent": "These should have been sent, and were not: run the same command again.",
    "unknown": "Check their status, then run the same command again: it reads them again.",
    "unlisted": (
        "Nothing was sent to their target groups, and their status is not known. Run the same command again, or give "
        "the ids of their target groups."
    ),
    "unverified": "Their target groups were not read after the last job. List them to see their current status.",
    "straggler": "Another user may have changed them since. To reach them too, start a sweep under a new run id.",
}
_MOVED: Final = re.compile(r"^moved meanwhile: |when the plan was made, and|^not undone: its status was changed again")
"""The reasons of target groups whose status moved between reading it and acting on it."""
_ADVICE_MOVED: Final = (
    "Another user may have changed them, so they were left as they are. List them to see their current status; "
    "a new sweep acts on what it finds then."
)
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
            cause = _VARIABLE.sub("…", group.reason) if group.reason else ""
            found.setdefault((group.outcome, group.code, cause), []).append(group)
    reasons = [
        Reason(outcome, code, _common_text(cause, members), tuple(members))
        for (outcome, code, cause), members in found.items()
    ]
    return sorted(reasons, key=lambda reason: (outcomes.index(reason.outcome), -len(reason.groups)))


def group_projects(reasons: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return the ids of projects by the cause that their reasons have in common, the most frequent one first.

    Args:
        reasons: The reasons by project id.
    """
    found: dict[str, list[str]] = {}
    for project_id, reason in reasons.items():
        found.setdefault(_VARIABLE.sub("…", reason), []).append(project_id)
    causes = [(reasons[ids[0]] if len(ids) == 1 else cause, ids) for cause, ids in found.items()]
    return sorted(causes, key=lambda item: -len(item[1]))


def _common_text(cause: str, groups: Sequence[GroupRow]) -> str:
    """Return the reason of some target groups with one cause; what differs between them is left out."""
    texts = {group.reason or "" for group in groups}
    return texts.pop() if len(texts) == 1 else cause


def format_reason(code: str | None, text: str | None) -> str:
    """Return a failure code and a reason as one text."""
    return ": ".join(filter(None, [code, text]))


def advice_for(outcome: str, code: str | None = None, reason: str = "") -> str:
    """Return the advice for an outcome with a failure code and a reason in words; empty if there is none."""
    if outcome == "skipped" and _MOVED.search(reason):
        return _ADVICE_MOVED
    return _ADVICE_BY_CODE.get(code or "") or _ADVICE_BY_OUTCOME.get(outcome, "")
