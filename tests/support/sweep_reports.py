"""Finished sweep reports for tests of report files."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from fieldingkit.rendering.model import SweepDocument
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepProject, SweepReport
from fieldingkit.sweeps.report_files import to_document

STARTED = datetime(2036, 1, 1, 12, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"
NASTY = "</script><img src=x onerror=alert(1)> & 'quoted' \"twice\" \x1b[31m\u202e=1+1"
"""Text that tries to escape from HTML, from a terminal and from a spreadsheet."""


def ulid(kind: str, number: int) -> str:
    """Return an id that shows what kind of thing it belongs to."""
    return f"01{kind}{number:0{24 - len(kind)}}"


def make_report(
    *,
    projects: int = 2,
    each: int = 4,
    outcomes: tuple[Outcome, ...] = (Outcome.UPDATED,),
    reason: str | None = None,
    name: str | None = None,
) -> SweepReport:
    """Return the report of a pause with one job for each project; the outcomes take turns.

    Args:
        projects: The number of projects.
        each: The number of target groups in each project.
        outcomes: The outcomes.
        reason: The reason of those that did not reach the status.
        name: The name of every project and target group, and their short id.
    """
    groups: list[GroupOutcome] = []
    jobs: list[SweepJob] = []
    for project in range(projects):
        job_id = ulid("JJJJ", project)
        created_at = STARTED + timedelta(seconds=project * 0.5)
        jobs.append(
            SweepJob(
                job_id=job_id,
                project_id=ulid("PPPP", project),
                idempotency_key="key",
                size=each,
                created_at=created_at,
                ended_at=created_at + timedelta(seconds=2 + project),
                trace_id=TRACE,
            )
        )
        for member in range(each):
            outcome = outcomes[member % len(outcomes)]
            fields: dict[str, Any] = {"name": name, "short_id": name, "previous_status": TargetGroupStatus.LIVE}
            if outcome is Outcome.UNCHANGED:
                fields["previous_status"] = TargetGroupStatus.PAUSED
            elif outcome is Outcome.SKIPPED:
                fields["previous_status"] = TargetGroupStatus.DRAFT
            else:
                fields["job_id"] = job_id
            if outcome is Outcome.FAILED:
                fields["code"] = "StatusTransitionNotAllowed"
            if outcome not in (Outcome.UPDATED, Outcome.UNCHANGED):
                fields["reason"] = reason or f"it is {outcome} for a reason"
            groups.append(
                GroupOutcome(
                    target_group_id=ulid("GGGG", project * each + member),
                    project_id=ulid("PPPP", project),
                    outcome=outcome,
                    **fields,
                )
            )
    members: dict[str, list[str]] = {}
    for group in groups:
        members.setdefault(group.project_id, []).append(group.target_group_id)
    return SweepReport(
        plan=SweepPlan(action=Action.PAUSE, target_groups=members, run_id="a-run"),
        groups=tuple(groups),
        jobs=tuple(jobs),
        projects=tuple(SweepProject(job.project_id, name, name) for job in jobs) if name is not None else (),
        base_url="https://api.cint.com/v1",
        account_id="101",
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=10, microseconds=5),
    )


def make_document(
    *,
    projects: int = 2,
    each: int = 4,
    outcomes: tuple[Outcome, ...] = (Outcome.UPDATED,),
    reason: str | None = None,
    name: str | None = None,
    **changes: Any,
) -> SweepDocument:
    """Return the document of ``make_report``, with some fields changed."""
    report = make_report(projects=projects, each=each, outcomes=outcomes, reason=reason, name=name)
    return attrs.evolve(to_document(report), **changes)
