"""Benchmarks whose figures do not depend on the machine, run briefly and held to their budgets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Appended, so that the package under test is the one that is installed, if it is.
START = f"import runpy, sys; sys.path.append({str(ROOT)!r}); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


@pytest.mark.parametrize(("name", "rounds"), [("function_calls", 1), ("memory", 1), ("detection", 200), ("outages", 2)])
def test_benchmark_is_within_its_budget(name: str, rounds: int, tmp_path: Path) -> None:
    """Function calls, retained memory and poll counts stay within the budgets of their benchmarks."""
    report = tmp_path / "rows.json"
    command = [sys.executable, "-P", "-c", START, f"benchmarks.{name}", "--rounds", str(rounds), "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(report.read_text())["rows"]
    assert any(row["budget"] is not None for row in rows)
    assert [row for row in rows if row["result"] == "over"] == []
