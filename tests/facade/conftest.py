"""Fixtures that run scripts with the blocking client, each in its own process and with a time limit."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.scripts import LIMIT, Outcome, Run, Script, Start, WaitUntil

from fieldingkit import batch_jobs, fielding_runs
from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.state import Project


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    """Create three live target groups."""
    return sandbox.seed(live=3)


@pytest.fixture
def start(sandbox: Sandbox, project: Project, tmp_path: Path) -> Iterator[Start]:
    """Start scripts; none outlives the test."""
    env = {
        **os.environ,
        "CINT_ACCOUNT_ID": str(sandbox.account_id),
        "CINT_TOKEN": sandbox.token,
        "CINT_BASE_URL": sandbox.url,
        "CINT_S2S_KEY": sandbox.fulfillment_key,
        "CINT_S2S_BASE_URL": sandbox.fulfillment_url,
        "SCENE_PROJECT": project.id,
        "SCENE_GROUPS": ",".join(project.ids()),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])),
    }
    for name in ("PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG"):
        env.pop(name, None)
    with ExitStack() as stack:

        def start(script: str, *options: str) -> Script:
            path = tmp_path / "script.py"
            path.write_text(textwrap.dedent(script).lstrip())
            process = subprocess.Popen(
                [sys.executable, *options, str(path)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return Script(process)

        yield start


@pytest.fixture
def run(start: Start) -> Run:
    """Run scripts to their end."""

    def run(script: str, *options: str) -> Outcome:
        return start(script, *options).outcome()

    return run


@pytest.fixture
def read(project: Project) -> fielding_runs.ListFieldingRuns:
    """Return a quick read."""
    return fielding_runs.ListFieldingRuns(project_id=project.id, target_group_id=project.ids()[0])


@pytest.fixture
def pause(project: Project) -> batch_jobs.PauseTargetGroups:
    """Return a job command."""
    return batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())


@pytest.fixture
def wait_until() -> WaitUntil:
    """Wait until a condition holds, up to a generous limit."""

    def wait_until(condition: Callable[[], object]) -> None:
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, "the condition never held"
            time.sleep(0.005)

    return wait_until
