"""Run sweeps in child processes that kill themselves at a given journal write, and then resume them.

This program runs in its own process and forks, so that a warm-up sweep pays for imports and connections once. It reads
its orders from standard input as JSON, and writes one line of JSON for each trial.
"""

import asyncio
import gc
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fieldingkit import AsyncClient, PollPolicy
from fieldingkit.sweeps import SweepPlan, SweepReport, sweep
from fieldingkit.sweeps.journal import Journal, Statement


class CrashingJournal(Journal):
    """A journal whose process is killed right before or after its n-th write."""

    fatal = 0
    """The number of the write."""
    late = False
    """True to complete the write first."""
    writes = 0

    def _commit(self, database: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        self.writes += 1
        if self.writes == self.fatal and not self.late:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._commit(database, statements)
        if self.writes == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


async def run(orders: dict[str, Any], plan: SweepPlan, path: Path) -> SweepReport:
    """Run one sweep."""
    async with AsyncClient(
        account_id=orders["account_id"],
        auth=orders["token"],
        base_url=orders["url"],
        poll=PollPolicy(first_delay=0.006, min_interval=0.003),
    ) as client:
        with CrashingJournal(path) as journal:
            return await sweep(client, plan, journal=journal)


def in_child(orders: dict[str, Any], plan: SweepPlan, path: Path) -> tuple[bool, Any]:
    """Run a sweep in a child process; return whether it was killed, and its report if it was not."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        report = asyncio.run(run(orders, plan, path))
        outcomes = {
            group.target_group_id: [group.outcome, group.previous_status, group.code] for group in report.groups
        }
        with os.fdopen(writing, "w") as pipe:
            json.dump({"counts": report.counts, "outcomes": outcomes, "jobs": len(report.jobs)}, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status), json.loads(text or "null")


def plan_of(trial: dict[str, Any]) -> SweepPlan:
    """Return the plan of a trial."""
    return SweepPlan(
        action="resume",
        target_groups={trial["project"]: trial["ids"]},
        run_id=trial["run_id"],
        chunk_size=2,
        concurrency=trial["concurrency"],
        max_retries=1,
        retry_codes=["StatusTransitionNotAllowed"],
        retry_delay=0.001,
    )


def main() -> None:
    """Run a warm-up sweep, and then the trials until one survives."""
    orders = json.load(sys.stdin)
    asyncio.run(run(orders, plan_of(orders["practice"]), Path(orders["folder"], "practice.db")))
    gc.freeze()
    for trial in orders["trials"]:
        plan = plan_of(trial)
        path = Path(orders["folder"], f"{trial['run_id']}.db")
        CrashingJournal.fatal, CrashingJournal.late = trial["fatal"], trial["late"]
        died, _ = in_child(orders, plan, path)
        CrashingJournal.fatal = 0
        _, report = in_child(orders, plan, path)
        sys.stdout.write(json.dumps({**trial, "died": died, "report": report}) + "\n")
        sys.stdout.flush()  # otherwise the next child would inherit the buffer and write it again
        if not died:
            return  # the sweep has fewer writes than this


if __name__ == "__main__":
    main()
