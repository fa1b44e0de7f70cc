"""Show one simulation: ``python -m simulation SEED [--shrink CODE] [--group ID] [--off CAUSE ...] [--trace]``."""

import argparse
import sys

from simulation.simulate import shrink, simulate


def main() -> None:
    """Run one seed and print its story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--shrink", metavar="CODE", help="switch off every cause that this violation does not need")
    parser.add_argument("--group", metavar="ID", help="the target group of the story")
    parser.add_argument("--off", nargs="*", default=[], help="causes to switch off")
    parser.add_argument("--trace", action="store_true", help="print every step")
    options = parser.parse_args()
    if options.shrink:
        outcome = shrink(options.seed, options.shrink)
    else:
        outcome = simulate(options.seed, frozenset(options.off), keep_trace=options.trace, group=options.group)
    sys.stdout.write("\n".join([*outcome.trace, str(outcome), str(outcome.stats), ""]))


if __name__ == "__main__":
    main()
