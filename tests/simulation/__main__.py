"""Show one simulation: ``python -m simulation SEED [--shrink CODE] [--group ID] [--off CAUSE ...] [--trace]``."""

import argparse

from simulation.simulate import shrink, simulate


def main() -> None:
    """Run one seed and print its story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--shrink", metavar="CODE")
    parser.add_argument("--group", metavar="ID")
    parser.add_argument("--off", nargs="*", default=[])
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    if options.shrink:
        outcome = shrink(options.seed, options.shrink)
    else:
        outcome = simulate(options.seed, frozenset(options.off), keep_trace=options.trace, group=options.group)
    for _line in outcome.trace:
        pass


if __name__ == "__main__":
    main()
