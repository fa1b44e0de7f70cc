"""Run the benchmarks, each in a process of its own, and print one table.

Run: ``python -m benchmarks [--quick] [--rounds N] [--json FILE] [NAME ...]``
"""

import argparse
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measure import run_benchmark
from benchmarks.results import Results, text_of
from benchmarks.rows import Excluded, Row

NAMES = (
    "calls",
    "function_calls",
    "with_sdk",
    "tracing",
    "commands",
    "blocking",
    "decoding",
    "alternatives",
    "imports",
    "startup",
    "detection",
    "waiting",
    "outages",
    "sweep",
    "sweep_report",
    "memory",
)


def main(words: Sequence[str]) -> int:
    """Run from the command line; return 1 if a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, help="measurements of each side")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes, to see that everything runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="a file for the results")
    options = parser.parse_args(words)
    chosen = ["--quick"] if options.quick else []
    chosen += ["--rounds", str(options.rounds)] if options.rounds else []
    results = Results(command=" ".join(["python -m benchmarks", *options.names, *chosen]))
    for name in options.names or NAMES:
        print(f"\n== {name}", flush=True)
        try:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                rows = pool.submit(run_benchmark, name, options.rounds, options.quick).result()
        except Exception:  # noqa: BLE001 - the other benchmarks are run all the same
            traceback.print_exc()
            results.failed.append(name)
            continue
        print(text_of(rows), flush=True)
        results.rows.extend(row for row in rows if isinstance(row, Row))
        results.excluded.extend(row for row in rows if isinstance(row, Excluded))
    print(f"\n== all\n{results.text()}")
    if options.json is not None:
        results.save(options.json)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
