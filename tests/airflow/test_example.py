"""The DAG of examples/, run by its own command."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.airflow_site import AirflowSite

from fieldingkit.sandbox import Sandbox

EXAMPLE = Path(__file__).parents[2] / "examples" / "airflow_dag.py"


def run_example(site: AirflowSite, **environment: str) -> str:
    """Run the program in this process's Airflow and return its output."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env={**site.environment, "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLE.parent), **environment},
        cwd=site.home,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(1800)
def test_the_example_runs_without_a_connection(site: AirflowSite) -> None:
    """Without a connection it pauses what is live in a sandbox, and says so."""
    site.environment.pop("AIRFLOW_CONN_FIELDINGKIT_DEFAULT", None)
    lines = run_example(site).splitlines()
    assert "AIRFLOW_CONN_FIELDINGKIT_DEFAULT is not set: a sandbox takes the place of the API." in lines
    assert "22 target groups are paused" in lines
    assert any("'updated': 20" in line for line in lines)


@pytest.mark.timeout(1800)
def test_the_example_runs_with_the_connection_of_the_environment(site: AirflowSite, sandbox: Sandbox) -> None:
    """With a connection it pauses what is live there."""
    project = sandbox.seed(live=3, draft=1)
    site.connect(sandbox)
    assert "a sandbox takes the place" not in run_example(site)
    assert len(project.ids("paused")) == 3
