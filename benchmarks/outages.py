"""Calls to servers that fail, in virtual time: how many succeed, and how many requests the server sees.

The figures do not depend on the machine; the random delays make them differ a little from run to run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import Row

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.outages import at_most, dead, down_between, simulate

ROUNDS = 5
SIDE = "fieldingkit"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return all rows; of several rounds the worst."""
    rounds = 1 if quick else rounds
    outages = [simulate(down_between(1.5, 4.5), [number * 6 / 40 for number in range(40)]) for _ in range(rounds)]
    bursts = [simulate(at_most(5), [0.0] * 100, retry_after=1.0) for _ in range(rounds)]
    deaths = [simulate(dead, [0.0] * 1000) for _ in range(rounds)]
    outage, burst, death = "40 reads, 3 s of 502", "100 reads at once, server at 5/s", "1,000 reads, dead server"
    return [
        Row(
            what=f"{outage}: succeeded",
            side=SIDE,
            value=min(result.succeeded for result in outages),
            unit="reads",
            budget=40,
            at_least=True,
        ),
        Row(what=f"{outage}: until the last", side=SIDE, value=max(result.duration for result in outages), unit="s"),
        Row(
            what=f"{burst}: succeeded",
            side=SIDE,
            value=min(result.succeeded for result in bursts),
            unit="reads",
            budget=100,
            at_least=True,
        ),
        Row(
            what=f"{burst}: requests for each",
            side=SIDE,
            value=max(len(result.sent_at) for result in bursts) / 100,
            unit="",
            budget=2.2,
        ),
        Row(what=f"{burst}: until the last", side=SIDE, value=max(result.duration for result in bursts), unit="s"),
        Row(
            what=f"{death}: sends in the first minute",
            side=SIDE,
            value=max(sum(moment <= 60.0 for moment in result.sent_at) for result in deaths),
            unit="",
            budget=1140,
        ),
    ]
