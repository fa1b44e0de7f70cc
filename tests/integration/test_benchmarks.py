"""The benchmarks whose figures noise cannot touch, in short and held to their budget."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Appended, so that the package under test is the one that is installed, if it is.
START = f"import runpy, sys; sys.path.append({str(ROOT)!r}); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


@pytest.mark.parametrize("name", ["function_calls", "memory"])
def test_within_its_budget(name: str, tmp_path: Path) -> None:
    """A pause calls hardly more functions than aiohttp alone; after many calls, jobs and clients nothing is left."""
    found = tmp_path / "rows.json"
    command = [sys.executable, "-P", "-c", START, f"benchmarks.{name}", "--rounds", "1", "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(found.read_text())["rows"]
    assert rows
    assert [row for row in rows if row["verdict"] != "within"] == []
