"""A sweep that is killed at any moment resumes without repeating anything."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fieldingkit.sandbox import Sandbox

DRIVER = Path(__file__).parents[1] / "support" / "crash_driver.py"
MOST_WRITES = 20


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_sweep_killed_at_any_journal_write_resumes_correctly(tmp_path: Path, concurrency: int) -> None:
    """SIGKILL before or after each write: the second run reports the truth, with one job for each chunk."""
    with Sandbox(job_seconds=0.005) as sandbox:

        def trial(name: str, **crash: Any) -> dict[str, Any]:
            project = sandbox.seed(paused=4, live=1, draft=1)
            sandbox.seed(project_id=project.id, paused=1, goal_reached=True)
            return {"run_id": name, "concurrency": concurrency, "project": project.id, "ids": project.ids(), **crash}

        orders = {
            "url": sandbox.url,
            "token": sandbox.token,
            "account_id": sandbox.account_id,
            "folder": str(tmp_path),
            "practice": trial("practice"),
            "trials": [
                trial(f"run-{fatal}-{late}", fatal=fatal, late=late)
                for fatal in range(1, MOST_WRITES)
                for late in ((False, True) if concurrency == 1 else (False,))
            ],
        }
        done = subprocess.run(
            [sys.executable, str(DRIVER)],
            input=json.dumps(orders),
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        results = [json.loads(line) for line in done.stdout.splitlines()]
        jobs = sandbox.jobs.values()

    assert len(results) > 8, "the sweep wrote less often than expected"
    assert not results[-1]["died"], "the sweep writes more often than expected"
    assert all(result["died"] for result in results[:-1])
    for result in results:
        ids = result["ids"]
        where = f"killed {'after' if result['late'] else 'before'} write {result['fatal']}"
        assert result["report"]["counts"] == [4, 1, 1, 1, 0, 0], where
        assert result["report"]["outcomes"] == {
            ids[0]: ["skipped", "draft", None],
            ids[1]: ["unchanged", "live", None],
            **{updated: ["updated", "paused", None] for updated in ids[2:6]},
            ids[6]: ["failed", "paused", "StatusTransitionNotAllowed"],
        }, where
        created = Counter(job.target_group_ids for job in jobs if job.project_id == result["project"])
        assert created == {tuple(ids[2:4]): 1, tuple(ids[4:6]): 1, (ids[6],): 2}, where
        assert result["report"]["jobs"] == 4, where
