"""Run the simulation of whole sweeps over many seeds, and count the seeds that break an invariant.

Run: ``python -m benchmarks.simulation --seeds 10000 [-j 2] [--first N] [--mutants] [--shrink]``

A failing seed is shown with its story; ``--shrink`` first switches off every cause that it does not need. With
``--mutants``, the seeds are run for each of a list of defects that are put into the engine, until one finds it; a
defect that no seed finds is an error.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from simulation.mutants import MUTANTS
from simulation.simulate import Outcome, Stats, shrink, simulate

_CHUNK = 25
_PROGRESS = 500


def _run(seeds: tuple[int, ...], mutant: str | None = None) -> list[Outcome]:
    if mutant is None:
        return [simulate(seed) for seed in seeds]
    with MUTANTS[mutant].applied():
        return [simulate(seed) for seed in seeds]


def _outcomes(first: int, count: int, workers: int, mutant: str | None = None) -> Iterable[Outcome]:
    seeds = range(first, first + count)
    parts = [tuple(seeds[start : start + _CHUNK]) for start in range(0, count, _CHUNK)]
    work = partial(_run, mutant=mutant)
    if workers == 1:
        for part in parts:
            yield from work(part)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for outcomes in pool.map(work, parts):
                yield from outcomes
        finally:
            pool.shutdown(cancel_futures=True)


def run(first: int, count: int, workers: int, *, shrunk: bool = False, show: int = 5) -> int:
    """Run the seeds and print what broke; return the number of failing seeds."""
    started = time.perf_counter()
    codes: Counter[str] = Counter()
    firsts: dict[str, int] = {}
    failing = done = 0
    stats = Stats()
    for done, outcome in enumerate(_outcomes(first, count, workers), 1):
        stats += outcome.stats
        if outcome.violations:
            failing += 1
            if failing <= show:
                shown = shrink(outcome.seed, outcome.violations[0].code) if shrunk else outcome
                print(shown, end="\n\n", flush=True)
            for code in outcome.codes:
                codes[code] += 1
                firsts.setdefault(code, outcome.seed)
        if done % _PROGRESS == 0:
            print(f"{done:,} seeds, {failing} break an invariant", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    print(f"{done:,} seeds from {first} in {seconds:.0f} s ({60 * done / seconds:,.0f} a minute)")
    print(f"{failing} seeds break an invariant")
    for code, number in codes.most_common():
        print(f"  {code:4} {number:6,} seeds, the first is {firsts[code]}")
    print(
        f"{stats.processes:,} processes, {stats.crashes:,} crashes, {stats.requests:,} requests, {stats.faults:,} "
        f"faults, {stats.moves:,} moves, {stats.reports:,} reports, {stats.undos:,} undos, "
        f"{stats.seconds / 3600:,.0f} h of virtual time"
    )
    return failing


def run_mutants(first: int, count: int, workers: int, names: Iterable[str]) -> int:
    """Run the seeds with each defect until one finds it; return the number of defects that none finds."""
    missed = 0
    print(f"{'defect':48} {'breaks':7} {'found by seed':>13}")
    for name in names:
        code = MUTANTS[name].code
        outcomes = _outcomes(first, count, workers, name)
        found = next((o.seed for o in outcomes if code in o.codes - simulate(o.seed).codes), None)
        missed += found is None
        print(f"{name:48} {code:7} {'-' if found is None else found:>13}", flush=True)
    return missed


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="failing seeds to show")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="all defects, or the named ones")
    options = parser.parse_args()
    if options.mutants is not None:
        return run_mutants(options.first, options.seeds, options.jobs, options.mutants or list(MUTANTS))
    return min(1, run(options.first, options.seeds, options.jobs, shrunk=options.shrink, show=options.show))


if __name__ == "__main__":
    sys.exit(main())
