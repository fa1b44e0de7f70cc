"""The HTML report of a sweep of 100,000 target groups: time, size and memory."""

import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.rows import Row, measured
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepProject, SweepReport

ROUNDS = 5
PROJECTS = 1000
EACH = 100
START = datetime(2036, 1, 1, tzinfo=UTC)


class Written(NamedTuple):
    """The cost of writing a report: CPU seconds, and bytes."""

    seconds: float
    size: int
    memory: int


def swept(projects: int) -> SweepReport:
    """Return a report: of 100 target groups in each project 90 were changed, 5 had the status and 5 failed."""
    outcomes = [*[Outcome.UPDATED] * 18, Outcome.UNCHANGED, Outcome.FAILED]
    numbers = range(projects)
    groups = tuple(
        GroupOutcome(
            target_group_id=f"01G{number * EACH + member:023}",
            project_id=f"01P{number:023}",
            outcome=outcome,
            previous_status=TargetGroupStatus.PAUSED if outcome is Outcome.UNCHANGED else TargetGroupStatus.LIVE,
            code="StatusTransitionNotAllowed" if outcome is Outcome.FAILED else None,
            reason="the status does not allow this" if outcome is Outcome.FAILED else None,
            job_id=None if outcome is Outcome.UNCHANGED else f"01J{number:023}",
            name=f"Adults 18 to 34, wave {member}",
            short_id=f"TG{number * EACH + member}",
        )
        for number in numbers
        for member, outcome in zip(range(EACH), outcomes * (EACH // len(outcomes)), strict=True)
    )
    jobs = tuple(
        SweepJob(
            job_id=f"01J{number:023}",
            project_id=f"01P{number:023}",
            idempotency_key="key",
            size=EACH,
            created_at=START + timedelta(seconds=number / 10),
            ended_at=START + timedelta(seconds=number / 10 + 5),
            trace_id=f"{number:032x}",
        )
        for number in numbers
    )
    return SweepReport(
        plan=SweepPlan(action="pause", query=TargetGroupQuery(status=["live"]), run_id="run"),
        groups=groups,
        jobs=jobs,
        projects=tuple(SweepProject(f"01P{number:023}", f"Tracker {number}", f"P{number}") for number in numbers),
        base_url="https://api.cint.com/v1",
        started_at=START,
        finished_at=START + timedelta(seconds=projects / 10 + 5),
    )


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return all rows."""
    projects = 2 if quick else PROJECTS
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        written = [pool.submit(write, projects).result() for _ in range(rounds)]
    what = f"report of {projects * EACH:,} groups as HTML"
    return [
        measured(f"{what}: CPU", "fieldingkit", [one.seconds for one in written], unit="s", budget=3),
        measured(f"{what}: size", "fieldingkit", [one.size / 1e6 for one in written], unit="MB", budget=10),
        measured(f"{what}: memory", "fieldingkit", [one.memory / 1e6 for one in written], unit="MB", budget=100),
    ]


def write(projects: int) -> Written:
    """Write a report in this process, which is used for nothing else."""
    report = swept(projects)
    before = most_memory()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        start = time.process_time()
        report.save(path)
        return Written(time.process_time() - start, path.stat().st_size, most_memory() - before)


def most_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
