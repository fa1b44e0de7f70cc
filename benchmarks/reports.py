"""Report files of a sweep of 100,000 target groups: time, size and memory of each format, and of reading it again.

Run: ``python -m benchmarks.reports [--rounds N]``; a round writes and reads each file once, in a process of its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.measure import Row, main
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepProject, SweepReport

PROJECTS = 1000
EACH = 100
MIB = 1024 * 1024
MOST_SECONDS = 10.0
MOST_MEMORY = 64.0
MOST_PAGE = 8.0
START = datetime(2036, 1, 1, tzinfo=UTC)


def swept() -> SweepReport:
    """Return a report: of 100 target groups in each project 90 were changed, 5 had the status and 5 failed."""
    outcomes = [*[Outcome.UPDATED] * 18, Outcome.UNCHANGED, Outcome.FAILED]
    numbers = range(PROJECTS)
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
        plan=SweepPlan(action="pause", query=TargetGroupQuery(status="live"), run_id="run"),
        groups=groups,
        jobs=jobs,
        projects=tuple(SweepProject(f"01P{number:023}", f"Tracker {number}", f"P{number}") for number in numbers),
        base_url="https://api.cint.com/v1",
        started_at=START,
        finished_at=START + timedelta(seconds=PROJECTS / 10 + 5),
    )


def once(extension: str) -> None:
    """Write a report and read it again, and print what that took as JSON."""
    report = swept()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"report.{extension}"
        start = time.process_time()
        report.save(path)
        written = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        start = time.process_time()
        if extension != "csv":
            assert len(SweepReport.load(path).groups) == PROJECTS * EACH
        read = time.process_time() - start
        size = path.stat().st_size
    print(json.dumps({"write": written, "read": read, "memory": memory / 1024, "size": size / MIB}))


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    rows: list[Row] = []
    for extension in ("html", "json", "csv"):
        command = [sys.executable, "-m", "benchmarks.reports", "--once", extension]
        found = [json.loads(subprocess.check_output(command)) for _ in range(rounds)]  # noqa: S603 - this module

        def row(what: str, key: str, unit: str, budget: float | None = None) -> Row:
            value = median(float(taken[key]) for taken in found)  # noqa: B023 - called in this round only
            return Row(what=f".{extension}: {what}", side="fieldingkit", value=value, unit=unit, budget=budget)  # noqa: B023

        rows += [
            row("CPU time to write", "write", "s", MOST_SECONDS),
            row("memory to write", "memory", "MiB", MOST_MEMORY),
            row("size", "size", "MiB", MOST_PAGE if extension == "html" else None),
        ]
        if extension != "csv":
            rows.append(row("CPU time to read", "read", "s", MOST_SECONDS))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(sys.argv[2])
    else:
        main(measure, rounds=3)
