"""Run all benchmarks, each in a process of its own, and print one table.

Run: ``python -m benchmarks [--rounds N] [--json FILE] [NAME ...]``
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, machine, report
from benchmarks.processes import run

NAMES = (
    "calls",
    "function_calls",
    "with_sdk",
    "tracing",
    "parts",
    "machinery",
    "outages",
    "blocking",
    "decoding",
    "imports",
    "detection",
    "waiting",
    "sweep",
    "reports",
    "memory",
    "alternatives",
)


def rows_of(file: Path) -> list[Row]:
    """Return the rows that a benchmark wrote."""
    if not file.exists():
        return []
    found: list[dict[str, Any]] = json.loads(file.read_text())["rows"]
    for fields in found:
        del fields["result"]
    return [Row(**fields) for fields in found]


def main(names: Sequence[str], options: Sequence[str], file: Path | None) -> int:
    """Run the benchmarks; return 1 if one of them failed or exceeded its budget."""
    rows: list[Row] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if not (Path(__file__).parent / f"{name}.py").exists():
                continue
            print(f"\n== {name}", flush=True)
            written = Path(folder) / f"{name}.json"
            taken = run([sys.executable, "-m", f"benchmarks.{name}", *options, "--json", str(written)])
            failed += [name] if taken.status else []
            rows += rows_of(written)
    print(f"\n== all, on {machine()}\n{report(rows)}")
    over = [f"{row.what} ({row.side})" for row in rows if row.result == "over"]
    print(f"\nover: {'; '.join(over) or 'none'}\nfailed: {', '.join(failed) or 'none'}")
    if file is not None:
        found = [row.as_json() for row in rows]
        file.write_text(json.dumps({"machine": machine(), "rows": found}, indent=1))
    return 1 if failed or over else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="the benchmarks to run; all by default")
    parser.add_argument("--rounds", type=int, help="the number of measurements of each side")
    parser.add_argument("--json", type=Path, help="a file for all rows")
    arguments = parser.parse_args()
    rounds = [] if arguments.rounds is None else ["--rounds", str(arguments.rounds)]
    sys.exit(main(arguments.names or NAMES, rounds, arguments.json))
