"""The benchmarks in their smallest sizes; figures that do not depend on the machine are held to their budgets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in ROOT.glob("benchmarks/*.py") if "\ndef measure(" in path.read_text())
# Appended, so that the package under test is the one that is installed, if it is.
START = f"import sys; sys.path.append({str(ROOT)!r}); from benchmarks.{{}} import main; sys.exit(main(sys.argv[1:]))"
EXACT = {"detection", "function_calls", "memory"}
"""Benchmarks whose rows do not depend on the machine, even in their smallest size."""


def run(module: str, *arguments: str) -> str:
    """Run a module of the benchmarks in a process of its own; return its output."""
    command = [sys.executable, "-P", "-c", START.format(module), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_benchmark_runs_in_its_smallest_size(name: str, tmp_path: Path) -> None:
    """Each benchmark reports rows with their command; memory, polls and function calls are within their budgets."""
    file = tmp_path / "results.json"
    run("__main__", name, "--quick", "--json", str(file))
    results: dict[str, Any] = json.loads(file.read_text())
    assert results["rows"] or results["excluded"]
    assert {row["command"] for row in results["rows"] + results["excluded"]} == {f"python -m benchmarks {name}"}
    assert all(row["reason"] for row in results["excluded"])
    assert [row for row in results["rows"] if row["result"] == "over" and name in EXACT] == []


@pytest.mark.timeout(300)
def test_results_are_written_into_a_page(tmp_path: Path) -> None:
    """The table of a run replaces the one between the marks of a page, and nothing else."""
    file, page = tmp_path / "results.json", tmp_path / "page.md"
    run("__main__", "detection", "--quick", "--json", str(file))
    marks = [f"<!-- {word} of the benchmarks' table -->" for word in ("begin", "end")]
    page.write_text("\n".join(["before", marks[0], "an old table", marks[1], "after", ""]))
    run("table", str(file), "--write", str(page))
    lines = page.read_text().splitlines()
    assert (lines[:2], lines[-2:]) == (["before", marks[0]], [marks[1], "after"])
    assert "an old table" not in lines
    assert lines[2].startswith("`python -m benchmarks detection --quick` on ")
    assert sum(line.startswith("| job of T s") for line in lines) == 3


@pytest.mark.timeout(300)
def test_forecasts_of_a_few_fields_of_each_kind_cover_the_close() -> None:
    """20 fields of each kind from a fixed seed; docs/how-to/monitoring.md has the coverage of 1,000."""
    rows = [line.strip("| ").split(" | ") for line in run("forecast", "--fields", "20").splitlines()[2:]]
    assert [row[0] for row in rows] == [k for k in ("steady", "day rhythm", "fading", "stuck cell") for _ in range(3)]
    assert [row for row in rows if float(row[4].rstrip("%")) < 80] == []
