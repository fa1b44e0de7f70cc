"""Conversion between sweep reports and the document model that is rendered to files."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from fieldingkit.errors import ConfigurationError, FieldingKitError
from fieldingkit.rendering.files import describe_damage, read_data, write_document
from fieldingkit.rendering.html import to_fragment
from fieldingkit.rendering.model import GroupRow, JobRow, ProjectRow, StragglerRow, SweepDocument
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import (
    GroupOutcome,
    Outcome,
    Straggler,
    SweepJob,
    SweepProject,
    SweepReport,
    UnlistedProject,
)

__all__ = ["load_fields", "report_fragment", "save_report", "to_document"]


def save_report(report: SweepReport, path: str | os.PathLike[str]) -> None:
    """Write a report to a file; see ``SweepReport.save``."""
    write_document(to_document(report), Path(path))


def report_fragment(report: SweepReport) -> str | None:
    """Return a report as a part of a notebook; None without Jinja2."""
    try:
        return to_fragment(to_document(report))
    except ConfigurationError:
        return None


def to_document(report: SweepReport) -> SweepDocument:
    """Return a report as the document that is rendered."""
    trace_ids = {job.job_id: job.trace_id for job in report.jobs}
    return SweepDocument(
        plan=json.loads(report.plan.encode()),
        run_id=report.run_id,
        action=report.action.value,
        target_status=report.action.target.value,
        undoable=_undoable(report),
        ok=report.ok,
        base_url=report.base_url,
        account_id=report.account_id,
        api_version=report.api_version,
        started_at=report.started_at,
        finished_at=report.finished_at,
        groups=tuple(
            GroupRow(
                project_id=group.project_id,
                target_group_id=group.target_group_id,
                outcome=group.outcome.value,
                previous_status=None if group.previous_status is None else group.previous_status.value,
                code=group.code,
                reason=group.reason,
                job_id=group.job_id,
                verified=group.verified,
                trace_id=trace_ids.get(group.job_id or ""),
                name=group.name,
                short_id=group.short_id,
            )
            for group in report.groups
        ),
        jobs=tuple(
            JobRow(
                job_id=job.job_id,
                project_id=job.project_id,
                idempotency_key=job.idempotency_key,
                size=job.size,
                created_at=job.created_at,
                api_created_at=job.api_created_at,
                ended_at=job.ended_at,
                created_by=job.created_by,
                trace_id=job.trace_id,
            )
            for job in report.jobs
        ),
        unlisted={project.project_id: project.reason for project in report.unlisted},
        projects=tuple(
            ProjectRow(project_id=project.project_id, name=project.name, short_id=project.short_id)
            for project in report.projects
        ),
        verified_at=report.verified_at,
        continues=report.continues,
        as_of=report.as_of,
        stragglers=tuple(
            StragglerRow(
                project_id=straggler.project_id,
                target_group_id=straggler.target_group_id,
                name=straggler.name,
                short_id=straggler.short_id,
                status=None if straggler.status is None else straggler.status.value,
                reason=straggler.reason,
            )
            for straggler in report.stragglers
        ),
        unverified={project.project_id: project.reason for project in report.unverified},
    )


def _undoable(report: SweepReport) -> int:
    """Return the number of target groups in ``undo_plan``."""
    if report.action.opposite is None:
        return 0
    sources = report.action.sources
    return sum(group.outcome is Outcome.UPDATED and group.previous_status in sources for group in report.groups)


def load_fields(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Return the fields of the report in a file; see ``SweepReport.load``."""
    data = read_data(Path(path))
    try:
        return {
            "plan": SweepPlan.decode(json.dumps(data["plan"])),
            "groups": tuple(map(_group, data["groups"])),
            "jobs": tuple(map(_job, data["jobs"])),
            "unlisted": tuple(UnlistedProject(*item) for item in data["unlisted"].items()),
            "projects": tuple(SweepProject(**item) for item in data["projects"]),
            "base_url": str(data["base_url"]),
            "account_id": data["account_id"],
            "api_version": data["api_version"],
            "started_at": datetime.fromisoformat(data["started_at"]),
            "finished_at": _time(data["finished_at"]),
            "verified_at": _time(data["verified_at"]),
            "continues": data["continues"],
            "as_of": _time(data["as_of"]),
            "stragglers": tuple(map(_straggler, data["stragglers"])),
            "unverified": tuple(UnlistedProject(*item) for item in data["unverified"].items()),
        }
    except (ValueError, TypeError, KeyError, AttributeError, FieldingKitError) as exc:
        raise ConfigurationError(f"the report {path} is damaged: {describe_damage(exc)}") from exc


def _group(fields: Mapping[str, Any]) -> GroupOutcome:
    status = fields["previous_status"]
    return GroupOutcome(
        target_group_id=fields["target_group_id"],
        project_id=fields["project_id"],
        outcome=Outcome(fields["outcome"]),
        previous_status=None if status is None else TargetGroupStatus(status),
        code=fields["code"],
        reason=fields["reason"],
        job_id=fields["job_id"],
        verified=bool(fields["verified"]),
        name=fields["name"],
        short_id=fields["short_id"],
    )


def _straggler(fields: Mapping[str, Any]) -> Straggler:
    status = fields["status"]
    return Straggler(
        target_group_id=fields["target_group_id"],
        project_id=fields["project_id"],
        status=None if status is None else TargetGroupStatus(status),
        reason=fields["reason"],
        name=fields["name"],
        short_id=fields["short_id"],
    )


def _job(fields: Mapping[str, Any]) -> SweepJob:
    return SweepJob(
        job_id=fields["job_id"],
        project_id=fields["project_id"],
        idempotency_key=fields["idempotency_key"],
        size=fields["size"],
        created_at=_time(fields["created_at"]),
        api_created_at=_time(fields["api_created_at"]),
        ended_at=_time(fields["ended_at"]),
        created_by=fields["created_by"],
        trace_id=fields["trace_id"],
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
