"""Summaries of a sweep for the terminal and for ``--json``: the preview before it, and the result after it."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import attrs

from fieldingkit.rendering.model import SweepDocument
from fieldingkit.rendering.text import format_duration, pluralize, strip_control_chars
from fieldingkit.rendering.wording import advice_for, format_reason, group_by_reason, headline, outcome_label
from fieldingkit.sweeps.previews import SweepPreview

__all__ = ["format_cost", "preview_fields", "preview_text", "result_fields", "result_text"]


_MAX_NAMED: Final = 5
"""The largest number of target groups that are named for a reason on a terminal."""


def preview_text(preview: SweepPreview, rate: float | None) -> str:
    """Return the target groups that were found, and what the sweep would cost.

    Args:
        preview: The preview.
        rate: Requests per second; None for no limit.
    """
    action = preview.plan.action
    projects = len({group.project_id for group in preview.groups})
    lines = [f"Found {pluralize(len(preview.groups))} in {pluralize(projects, 'project')}:"]
    statuses = Counter(strip_control_chars(group.status or "unknown status") for group in preview.groups)
    lines += [f"  {number:>7,} {status}" for status, number in statuses.most_common()]
    lines += _unlisted_lines({project.project_id: project.reason for project in preview.unlisted})
    if not preview.to_send:
        return "\n".join([*lines, f"There is nothing to {action}."])
    lines.append(f"Would {action} {pluralize(len(preview.to_send))}: {format_cost(preview, rate)}.")
    if preview.unchanged:
        lines.append(f"Already {action.target}: {len(preview.unchanged):,}.")
    if preview.skipped:
        lines.append(f"Skipped, because their status or history does not allow {action}: {len(preview.skipped):,}.")
    return "\n".join(lines)


def format_cost(preview: SweepPreview, rate: float | None) -> str:
    """Return what a sweep costs: jobs, requests, and seconds at a rate."""
    cost = f"{pluralize(preview.jobs, 'job')}, at least {pluralize(preview.requests, 'request')}"
    if rate is None:
        return cost
    return f"{cost}, {format_duration(preview.seconds(rate))} at {rate:g} per second"


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
    lines = [f"{headline(document)}."]
    lines += [
        f"  {number:>7,} {outcome_label(document, outcome)}" for outcome, number in document.counts.items() if number
    ]
    lines += _unlisted_lines(document.unlisted)
    for reason in group_by_reason(document.groups, "unknown", "not_sent", "failed", "skipped"):
        text = strip_control_chars(format_reason(reason.code, reason.text) or "no reason given")
        lines += ["", f"{reason.outcome.replace('_', ' ').capitalize()}, {pluralize(len(reason.groups))}: {text}"]
        lines.append(f"  -> {advice_for(reason.outcome, reason.code)}")
        if reason.outcome == "skipped":
            continue
        for group in reason.groups[:_MAX_NAMED]:
            trace = f"  trace {group.trace_id}" if group.trace_id else ""
            lines.append(f"  {group.project_id} {group.target_group_id}{trace}")
        if len(reason.groups) > _MAX_NAMED:
            lines.append(f"  and {len(reason.groups) - _MAX_NAMED:,} more; --report lists them all")
    return "\n".join(lines)


def _unlisted_lines(unlisted: Mapping[str, str]) -> list[str]:
    return [
        f"Project {project_id} could not be listed: {strip_control_chars(reason)}"
        for project_id, reason in unlisted.items()
    ]


def result_fields(document: SweepDocument) -> dict[str, object]:
    """Return the result for ``--json``: the counts, and each target group without the target status."""
    return {
        "run_id": document.run_id,
        "action": document.action,
        "ok": document.ok,
        "total": len(document.groups),
        "counts": dict(document.counts),
        "jobs": len(document.jobs),
        "unlisted": dict(document.unlisted),
        "groups": [
            attrs.asdict(group)
            for group in document.groups
            if group.outcome in ("failed", "skipped", "not_sent", "unknown")
        ],
    }
