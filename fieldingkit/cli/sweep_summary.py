"""Summaries of a sweep for the terminal and for ``--json``: the preview before it, and the result after it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final

import attrs
from rich.cells import cell_len

from fieldingkit.rendering.model import GroupRow, StragglerRow, SweepDocument
from fieldingkit.rendering.preview import PreviewRow
from fieldingkit.rendering.text import format_duration, format_time, pluralize, strip_control_chars
from fieldingkit.rendering.wording import (
    Reason,
    advice_for,
    format_reason,
    group_by_reason,
    group_projects,
    headline,
    outcome_label,
    stragglers_by_reason,
)
from fieldingkit.sweeps.previews import SweepPreview

__all__ = [
    "PREVIEW_COLUMNS",
    "format_cost",
    "preview_fields",
    "preview_row_fields",
    "preview_text",
    "result_fields",
    "result_text",
]


_WIDTH: Final = 79
"""A terminal of 80 columns may break a line that fills it."""
_MAX_NAMED: Final = 5
"""The largest number of target groups that are named for a reason on a terminal."""
_MAX_REASONS: Final = 10
"""The largest number of reasons on a terminal."""


def preview_text(preview: SweepPreview, rate: float | None) -> str:
    """Return the target groups that were found, and what the sweep would cost.

    Args:
        preview: The preview.
        rate: Requests per second; None for no limit.
    """
    action = preview.plan.action
    projects = len({group.project_id for group in preview.groups})
    lines = [f"Found {pluralize(len(preview.groups))} in {pluralize(projects, 'project')}:"]
    statuses = Counter(strip_control_chars(group.status or "not found, or not read") for group in preview.groups)
    lines += [f"  {number:>7,} {status}" for status, number in statuses.most_common()]
    for project in preview.unlisted:
        lines += _wrap(f"Project {project.project_id} could not be listed: {project.reason}")
    if not preview.to_send:
        return "\n".join([*lines, f"There is nothing to {action}."])
    lines += _wrap(f"Would {action} {pluralize(len(preview.to_send))}: {format_cost(preview, rate)}.")
    if unread := sum(group.status is None for group in preview.to_send):
        lines += _wrap(
            f"{unread:,} of them {'was' if unread == 1 else 'were'} not found, or not read: the API decides."
        )
    if preview.unchanged:
        lines.append(f"Already {action.target}: {len(preview.unchanged):,}.")
    if preview.skipped:
        lines += _wrap(f"Skipped, because their status or history does not allow {action}: {len(preview.skipped):,}.")
    return "\n".join(lines)


def format_cost(preview: SweepPreview, rate: float | None) -> str:
    """Return what a sweep costs: jobs, requests, and seconds at a rate."""
    cost = f"{pluralize(preview.jobs, 'job')}, at least {pluralize(preview.requests, 'request')}"
    if rate is None:
        return cost
    return f"{cost}, {format_duration(preview.seconds(rate))} at {rate:g} per second"


PREVIEW_COLUMNS: Final[Mapping[str, Callable[[PreviewRow], object]]] = {
    "Project": lambda row: row.project_id,
    "Target group": lambda row: row.target_group_id,
    "Status": lambda row: row.status,
    "Would": lambda row: row.would,
    "Name": lambda row: " ".join(filter(None, [row.short_id, row.name])),
}
"""The columns of the list that a dry run prints."""


def preview_row_fields(row: PreviewRow) -> dict[str, object]:
    """Return a target group of a preview for ``--json``."""
    return {"event": "group", **attrs.asdict(row)}


def preview_fields(preview: SweepPreview, rate: float | None) -> dict[str, object]:
    """Return the preview for ``--json``."""
    return {
        "run_id": preview.plan.run_id,
        "action": preview.plan.action.value,
        "total": len(preview.groups),
        "to_send": len(preview.to_send),
        "unchanged": len(preview.unchanged),
        "skipped": len(preview.skipped),
        "jobs": preview.jobs,
        "unlisted": {project.project_id: project.reason for project in preview.unlisted},
        "requests": preview.requests,
        "seconds": None if rate is None else preview.seconds(rate),
    }


def result_text(document: SweepDocument) -> str:
    """Return the headline, the counts, and the reasons of all target groups without the target status."""
    lines = _wrap(f"{headline(document)}.")
    for outcome, number in document.counts.items():
        # The headline is about the present, this count about the jobs.
        by_whom = " by this sweep" if outcome == "updated" else ""
        lines += [f"  {number:>7,} {outcome_label(document, outcome)}{by_whom}"] if number else []
    if document.continues is not None:
        lines += _wrap(f"This run continues the run {document.continues}; the counts cover both.")
    lines += _project_lines(document, document.unlisted, "unlisted", "could not be listed")
    lines += _project_lines(document, document.unverified, "unverified", "could not be verified")
    lines += _straggler_lines(document)
    reasons = group_by_reason(document.groups, "unknown", "not_sent", "failed", "skipped")
    shown = reasons[:_MAX_REASONS]
    for (outcome, advice), alike in groupby(shown, key=lambda reason: (reason.outcome, _advice(reason))):
        if outcome == "skipped":
            headings = (line for reason in alike for line in _heading(reason))
            lines += ["", *headings, *_wrap(f"-> {advice}", "  ")]
        else:
            for reason in alike:
                lines += ["", *_heading(reason), *_wrap(f"-> {advice}", "  "), *_named_groups(document, reason.groups)]
    if len(reasons) > _MAX_REASONS:
        lines += ["", f"{pluralize(len(reasons) - _MAX_REASONS, 'more reason')}; --report lists them all."]
    return "\n".join(lines)


def _heading(reason: Reason) -> list[str]:
    outcome = reason.outcome.replace("_", " ").capitalize()
    text = format_reason(reason.code, reason.text) or "no reason given"
    return _wrap(f"{outcome}, {pluralize(len(reason.groups))}: {text}")


def _advice(reason: Reason) -> str:
    return advice_for(reason.outcome, reason.code, reason.text)


def _named_groups(document: SweepDocument, groups: Sequence[GroupRow]) -> list[str]:
    lines: list[str] = []
    for group in groups[:_MAX_NAMED]:
        lines += _group_lines(document, group)
        lines += [f"    trace {group.trace_id}"] if group.trace_id else []
    return [*lines, *_more(len(groups))]


def _straggler_lines(document: SweepDocument) -> list[str]:
    """Return the target groups that verification found without the target status."""
    if not document.stragglers:
        return []
    reasons = ", ".join(f"{len(rows):,} {reason}" for reason, rows in stragglers_by_reason(document).items())
    lines = ["", *_wrap(f"Found afterwards: {reasons}."), *_wrap(f"-> {advice_for('straggler')}", "  ")]
    for straggler in document.stragglers[:_MAX_NAMED]:
        lines += _group_lines(document, straggler)
    return [*lines, *_more(len(document.stragglers))]


def _group_lines(document: SweepDocument, group: GroupRow | StragglerRow) -> list[str]:
    """Return the names of a target group and its project, if they are known, and their ids below."""
    names = _name(group.name, group.short_id)
    project = document.by_project_id.get(group.project_id)
    in_project = _name(project.name, project.short_id) if project is not None else ""
    both = ", project ".join(filter(None, [names, in_project])) if names else ""
    ids = f"{group.project_id} {group.target_group_id}"
    return [*_wrap(both, "  "), *_wrap(ids, "    " if both else "  ")]


def _name(name: str | None, short_id: str | None) -> str:
    return f"{name} ({short_id})" if name and short_id else name or short_id or ""


def _more(number: int) -> list[str]:
    return [f"  and {number - _MAX_NAMED:,} more; --report lists them all"] if number > _MAX_NAMED else []


def _project_lines(document: SweepDocument, reasons: Mapping[str, str], kind: str, what: str) -> list[str]:
    """Return the projects that could not be read, by cause."""
    lines: list[str] = []
    for cause, project_ids in group_projects(reasons):
        lines += ["", *_wrap(f"{pluralize(len(project_ids), 'project')} {what}: {cause}")]
        lines += _wrap(f"-> {advice_for(kind)}", "  ")
        for project_id in project_ids[:_MAX_NAMED]:
            project = document.by_project_id.get(project_id)
            name = _name(project.name, project.short_id) if project is not None else ""
            lines += _wrap(f"{project_id} {name}", "  ")
        lines += _more(len(project_ids))
    return lines


def _wrap(text: str, indent: str = "") -> list[str]:
    """Return text in lines that fit a terminal, without control characters; no word is broken."""
    lines: list[str] = []
    for word in strip_control_chars(text).split():
        if lines and cell_len(f"{lines[-1]} {word}") <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            hanging = "   " if lines and text.startswith("-> ") else ""
            lines.append(f"{indent}{hanging}{word}")
    return lines


def result_fields(document: SweepDocument) -> dict[str, object]:
    """Return the result for ``--json``: the counts, and each target group without the target status."""
    return {
        "run_id": document.run_id,
        "action": document.action,
        "ok": document.ok,
        "total": len(document.groups),
        "counts": dict(document.counts),
        "headline": headline(document),
        "jobs": len(document.jobs),
        "continues": document.continues,
        "verified_at": format_time(document.verified_at) or None,
        "as_of": format_time(document.as_of) or None,
        "unlisted": dict(document.unlisted),
        "unverified": dict(document.unverified),
        "projects": [attrs.asdict(project) for project in document.projects],
        "stragglers": [attrs.asdict(straggler) for straggler in document.stragglers],
        "groups": [
            attrs.asdict(group)
            for group in document.groups
            if group.outcome in ("failed", "skipped", "not_sent", "unknown")
        ],
    }
