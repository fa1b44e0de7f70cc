"""The cost of imports and of the first client, each in a new interpreter, beyond an empty program."""

import sys
from collections.abc import Sequence
from pkgutil import iter_modules

from benchmarks.processes import compare_programs
from benchmarks.rows import Row, compared, measured
from fieldingkit import resources

ROUNDS = 25
NOTHING, AIOHTTP, KIT = "pass", "import aiohttp", "import fieldingkit"
RESOURCES = [f"fieldingkit.resources.{info.name}" for info in iter_modules(resources.__path__)]
PROGRAMS = {
    "commands and models of one resource": "from fieldingkit import fielding_runs; fielding_runs.PauseFieldingRun",
    "commands and models of all resources": f"import {', '.join(RESOURCES)}",
    "first AsyncClient": "from fieldingkit import AsyncClient; AsyncClient(account_id=1, auth='token')",
    "first Client": "from fieldingkit import Client; Client(account_id=1, auth='token')",
}
BUDGETS = {
    "commands and models of one resource": 0.45,
    "commands and models of all resources": 1.5,
    "first AsyncClient": 1.15,
    "first Client": 1.15,
}
PLAIN = "import sys; sys.modules.update(orjson=None, uvloop=None); "
"""Hides the extra ``speed``."""


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return all rows."""
    del quick
    programs = {NOTHING: NOTHING, AIOHTTP: AIOHTTP, KIT: KIT, **PROGRAMS}
    times = compare_programs({name: [sys.executable, "-c", PLAIN + code] for name, code in programs.items()}, rounds)
    nothing = times[NOTHING].cpu
    beyond = {name: [a - b for a, b in zip(of.cpu, nothing, strict=True)] for name, of in times.items()}
    what = "beyond bare Python: CPU"
    return [
        measured(what, KIT, beyond[KIT], unit="ms", budget=15),
        *(
            compared(what, (name, beyond[name]), (AIOHTTP, beyond[AIOHTTP]), budget=BUDGETS[name], unit="ms")
            for name in PROGRAMS
        ),
    ]
