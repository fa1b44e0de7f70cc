"""Records of sweeps to make reports of."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fieldingkit.rendering.model import SweepRecord
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.journal import JobSpan
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepReport

BEGAN = datetime(2036, 1, 1, 12, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"
NASTY = "</script><img src=x onerror=alert(1)> & 'quoted' \"twice\" \x1b[31m\u202e=1+1"
"""What nobody should be able to do anything with."""


def ulid(kind: str, number: int) -> str:
    """An id that tells what it is of."""
    return f"01{kind}{number:0{24 - len(kind)}}"


def swept(
    *, projects: int = 2, each: int = 4, outcomes: tuple[Outcome, ...] = (Outcome.UPDATED,), reason: str | None = None
) -> SweepRecord:
    """A pause with a job for each project; the outcomes take turns."""
    groups: list[GroupOutcome] = []
    jobs: list[SweepJob] = []
    spans: list[JobSpan] = []
    for project in range(projects):
        job_id = ulid("JJJJ", project)
        jobs.append(SweepJob(job_id=job_id, project_id=ulid("PPPP", project), idempotency_key="key", size=each))
        begin = BEGAN + timedelta(seconds=project * 0.5)
        spans.append(JobSpan(job_id=job_id, trace_id=TRACE, began=begin, ended=begin + timedelta(seconds=2 + project)))
        for member in range(each):
            outcome = outcomes[member % len(outcomes)]
            told: dict[str, Any] = {"job_id": job_id, "before": TargetGroupStatus.LIVE}
            if outcome in (Outcome.UNCHANGED, Outcome.SKIPPED):
                told = {"before": TargetGroupStatus.PAUSED if outcome is Outcome.UNCHANGED else TargetGroupStatus.DRAFT}
            if outcome is Outcome.FAILED:
                told["code"] = "StatusTransitionNotAllowed"
            if outcome not in (Outcome.UPDATED, Outcome.UNCHANGED):
                told["reason"] = reason or f"it is {outcome} for a reason"
            groups.append(
                GroupOutcome(
                    target_group_id=ulid("GGGG", project * each + member),
                    project_id=ulid("PPPP", project),
                    outcome=outcome,
                    **told,
                )
            )
    named: dict[str, list[str]] = {}
    for group in groups:
        named.setdefault(group.project_id, []).append(group.target_group_id)
    plan = SweepPlan(action=Action.PAUSE, target_groups=named, run_id="a-run")
    report = SweepReport(
        run_id=plan.run_id,
        action=plan.action,
        groups=tuple(groups),
        jobs=tuple(jobs),
        started_at=BEGAN,
        finished_at=BEGAN + timedelta(seconds=10, microseconds=5),
    )
    return SweepRecord(plan=plan, report=report, base_url="https://api.cint.com/v1", account="101", spans=tuple(spans))
