"""Parsing a DAG file: the modules that it loads, and the defaults that it reads from Airflow's configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DAGS = sorted(Path(__file__).with_name("dags").glob("*.py"))
DOCUMENTED = sorted((Path(__file__).parents[2] / "docs" / "how-to" / "airflow").glob("*.py"))

LIGHT = {
    "fieldingkit",
    "fieldingkit._lazy",
    "fieldingkit.airflow",
    "fieldingkit.airflow.base_operator",
    "fieldingkit.airflow.get_provider_info",
    "fieldingkit.airflow.hooks",
    "fieldingkit.airflow.monitors",
    "fieldingkit.airflow.operators",
    "fieldingkit.airflow.results",
    "fieldingkit.airflow.sensors",
    "fieldingkit.airflow.soft_launches",
    "fieldingkit.airflow.triggers",
}
"""The modules that a DAG file may load."""


def run_python(code: str, **environment: str) -> list[str]:
    """Return the words that a program prints in a new interpreter."""
    environment = {**os.environ, **environment}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return result.stdout.split()


def test_parsing_dags_loads_no_client() -> None:
    """Airflow parses DAG files again and again, so the client and the engine are loaded only when a task runs."""
    code = f"""
import runpy, sys
for file in {list(map(str, [*DOCUMENTED, *DAGS]))!r}:
    runpy.run_path(file)
from fieldingkit.airflow import FieldingJobTrigger, FieldingStatusSensor
print(*(name for name in sys.modules if name.split(".")[0] in ("aiohttp", "cattrs", "fieldingkit")))
"""
    assert set(run_python(code)) - LIGHT == set()


@pytest.mark.parametrize("deferrable", ["False", "True"])
def test_operators_and_sensors_defer_if_airflow_is_configured_to(deferrable: str) -> None:
    """The default of ``deferrable`` is the option ``default_deferrable`` of Airflow's section ``operators``."""
    code = """
from fieldingkit.airflow import FieldingBatchOperator, FieldingStatusSensor, FieldingSweepOperator
print(FieldingSweepOperator(task_id="a", action="pause", query={}).deferrable)
print(FieldingBatchOperator(task_id="b", action="pause", project_id="p", target_group_ids="g").deferrable)
print(FieldingStatusSensor(task_id="c", status="live", query={}).deferrable)
"""
    assert run_python(code, AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE=deferrable) == [deferrable] * 3
