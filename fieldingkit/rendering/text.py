"""What is said of a sweep on a terminal and in a pipe, before and after; and the same for a machine."""

from collections import Counter
from typing import Final

from fieldingkit.cli.errors import strip_control_chars
from fieldingkit.rendering.charts import spoken
from fieldingkit.rendering.model import SweepRecord
from fieldingkit.rendering.wording import advice_on, headline, reasons, worded
from fieldingkit.sweeps.discovery import SweepPreview
from fieldingkit.sweeps.report import Outcome

__all__ = ["counted", "preview_facts", "preview_text", "result_facts", "result_text"]


_SHOWN: Final = 5
"""How many target groups of a reason are named on a terminal."""


def counted(number: int, thing: str = "target group") -> str:
    """A number of things."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def preview_text(seen: SweepPreview, rate: float | None) -> str:
    """What a sweep would do."""
    action = seen.plan.action
    projects = len({group.project_id for group in seen.groups})
    lines = [f"Found {counted(len(seen.groups))} in {counted(projects, 'project')}:"]
    state = Counter(strip_control_chars(group.status or "not known") for group in seen.groups)
    lines += [f"  {number:>7,} {status}" for status, number in state.most_common()]
    if not seen.to_send:
        return "\n".join([*lines, f"There is nothing to {action}."])
    takes = f"{counted(seen.jobs, 'job')}, {counted(seen.requests, 'request')} at least"
    if rate is not None:
        takes += f", {spoken(seen.seconds(rate))} at {rate:g} a second"
    lines.append(f"Would {action} {counted(len(seen.to_send))}: {takes}.")
    if seen.unchanged:
        lines.append(f"Already {action.target}: {len(seen.unchanged):,}.")
    if seen.skipped:
        lines.append(f"Left alone, since {action} is not for them: {len(seen.skipped):,}.")
    return "\n".join(lines)


def preview_facts(seen: SweepPreview, rate: float | None) -> dict[str, object]:
    """The same for a machine."""
    return {
        "run_id": seen.plan.run_id,
        "action": seen.plan.action.value,
        "total": len(seen.groups),
        "to_send": len(seen.to_send),
        "unchanged": len(seen.unchanged),
        "skipped": len(seen.skipped),
        "jobs": seen.jobs,
        "requests": seen.requests,
        "seconds": None if rate is None else seen.seconds(rate),
    }


def result_text(record: SweepRecord) -> str:
    """What became of a sweep: the counts, and why some target groups are not where they should be."""
    report = record.report
    lines = [f"{headline(report)}."]
    lines += [
        f"  {number:>7,} {worded(report.action, outcome)}"
        for outcome, number in zip(Outcome, report.counts, strict=True)
        if number
    ]
    traces = {job_id: span.trace_id for job_id, span in record.span_by_job.items()}
    for reason in reasons(report.groups, Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED):
        said = strip_control_chars(": ".join(filter(None, [reason.code, reason.text])) or "no reason was given")
        lines += ["", f"{worded(report.action, reason.outcome).capitalize()}, {counted(len(reason.groups))}: {said}"]
        lines.append(f"  -> {advice_on(report.action, reason)}")
        if reason.outcome is Outcome.SKIPPED:
            continue
        for group in reason.groups[:_SHOWN]:
            trace = traces.get(group.job_id or "")
            lines.append(f"  {group.project_id} {group.target_group_id}" + (f"  trace {trace}" if trace else ""))
        if len(reason.groups) > _SHOWN:
            lines.append(f"  and {len(reason.groups) - _SHOWN:,} more; --report names them all")
    return "\n".join(lines)


def result_facts(record: SweepRecord) -> dict[str, object]:
    """The same for a machine: whatever was changed is counted, whatever was not is named."""
    report = record.report
    traces = {job_id: span.trace_id for job_id, span in record.span_by_job.items()}
    return {
        "run_id": report.run_id,
        "action": report.action.value,
        "ok": report.ok,
        "total": report.counts.total,
        "counts": report.counts._asdict(),
        "jobs": len(report.jobs),
        "groups": [
            {
                "project_id": group.project_id,
                "target_group_id": group.target_group_id,
                "outcome": group.outcome.value,
                "before": group.before,
                "code": group.code,
                "reason": group.reason,
                "job_id": group.job_id,
                "trace_id": traces.get(group.job_id or ""),
            }
            for group in report.of(Outcome.FAILED, Outcome.SKIPPED, Outcome.UNKNOWN)
        ],
    }
