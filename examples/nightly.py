"""A nightly script: pause every live target group of every active project, and report what became of each.

    python examples/nightly.py

Run it from cron or another scheduler. If it was interrupted, run it again on the same day (UTC): it finishes the same
run from its journal, and sends nothing twice. The exit code is 0 if everything is paused, 4 if an outcome is unknown,
and otherwise 1. The account comes from the environment; without CINT_ACCOUNT_ID a sandbox in this process takes its
place.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fieldingkit import Client
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import SweepPlan, SweepReport, TargetGroupQuery, sweep


def pause_everything(client: Client, folder: Path) -> SweepReport:
    """Pause what is live. The run has one name a day, so that a repetition resumes it.

    The query finds live target groups only. Those that were paused before are neither read nor counted.
    """
    plan = SweepPlan(
        action="pause", query=TargetGroupQuery(status=["live"]), run_id=f"nightly-{datetime.now(UTC):%Y-%m-%d}"
    )
    report = client.call(sweep, plan, journal=folder / "nightly.db")
    report.save(folder / f"{plan.run_id}.csv")
    return report


def main() -> int:
    """Pause, print a summary, and return the exit code."""
    with account() as folder, Client.from_env(rate=20.0) as client:
        report = pause_everything(client, folder)
        print(f"{report.counts.updated} paused of {report.counts.total} that were live; details in {folder}")
    for group in report.of("failed", "skipped", "not_sent", "unknown"):
        print(f"{group.target_group_id} {group.outcome}: {group.reason}", file=sys.stderr)
    if report.ok:
        return 0
    return 4 if report.counts.unknown else 1


@contextmanager
def account() -> Iterator[Path]:
    """Use the account of the environment, or a sandbox; yield the folder for journal and report."""
    if "CINT_ACCOUNT_ID" in os.environ:
        yield Path.cwd()
        return
    with Sandbox() as sandbox:
        os.environ.update(sandbox.environment)
        for live in (12, 30, 5):
            sandbox.seed(live=live, paused=2, draft=3)
        print("CINT_ACCOUNT_ID is not set: a sandbox takes the place of the API.")
        yield Path(tempfile.mkdtemp(prefix="nightly-"))


if __name__ == "__main__":
    sys.exit(main())
