"""Sweeps in child processes that kill themselves at a given write of the journal; then the same sweep once more.

It is a program of its own, so that nothing of the test's process is in it, and it forks, so that what a first sweep
imports and builds is paid for once: by a practice sweep. It reads its orders from standard input as JSON, and writes a
line of JSON for each trial.
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


class DyingJournal(Journal):
    """A journal whose process dies just before or just after its n-th write."""

    fatal = 0
    """Which write it is."""
    late = False
    """Whether the write is still done."""
    writes = 0

    def _commit(self, database: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        self.writes += 1
        if self.writes == self.fatal and not self.late:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._commit(database, statements)
        if self.writes == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


async def run(orders: dict[str, Any], plan: SweepPlan, path: Path) -> SweepReport:
    """One sweep."""
    async with AsyncClient(
        account_id=orders["account_id"],
        auth=orders["token"],
        base_url=orders["url"],
        poll=PollPolicy(first_delay=0.006, min_interval=0.003),
    ) as client:
        with DyingJournal(path) as journal:
            return await sweep(client, plan, journal=journal)


def in_child(orders: dict[str, Any], plan: SweepPlan, path: Path) -> tuple[bool, Any]:
    """A sweep in a child; gives whether it was killed, and the report if not."""
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
    """The sweep of a trial."""
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
    """Practise; then carry out the trials until one gets through without dying."""
    orders = json.load(sys.stdin)
    asyncio.run(run(orders, plan_of(orders["practice"]), Path(orders["folder"], "practice.db")))
    gc.freeze()
    for trial in orders["trials"]:
        plan = plan_of(trial)
        path = Path(orders["folder"], f"{trial['run_id']}.db")
        DyingJournal.fatal, DyingJournal.late = trial["fatal"], trial["late"]
        died, _ = in_child(orders, plan, path)
        DyingJournal.fatal = 0
        _, account = in_child(orders, plan, path)
        sys.stdout.write(json.dumps({**trial, "died": died, "account": account}) + "\n")
        sys.stdout.flush()  # or else the next child would have it too
        if not died:
            return  # it does not write that often


if __name__ == "__main__":
    main()
