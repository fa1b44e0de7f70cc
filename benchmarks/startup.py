"""The start-up of the command line, each command in a new interpreter, beside ``python -c pass``."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from benchmarks.processes import compare_programs
from benchmarks.rows import Excluded, Row, compared

ROUNDS = 15
NOTHING = "python -c pass"
FIELDINGKIT = ("-m", "fieldingkit")
COMMANDS = {
    "--version": (*FIELDINGKIT, "--version"),
    "--help": (*FIELDINGKIT, "--help"),
    "pause --help": (*FIELDINGKIT, "pause", "--help"),
    "a mistyped command": (*FIELDINGKIT, "pauze"),
    "a mistyped flag": (*FIELDINGKIT, "pause", "--statsu", "live"),
    "completion bash": (*FIELDINGKIT, "completion", "bash"),
}
"""The arguments of the interpreter."""
STATUSES = {"a mistyped command": 2, "a mistyped flag": 2}
BUDGETS = {"--version": 3, "--help": 10, "pause --help": 15, "a mistyped command": 10}
WHAT = "start-up of the command line: CPU"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    del quick
    if find_spec("cyclopts") is None:
        return [Excluded(what=WHAT, reason="the extra cli is not installed")]
    programs = {NOTHING: ("-c", "pass"), **COMMANDS}
    times = compare_programs(
        {name: [sys.executable, *arguments] for name, arguments in programs.items()}, rounds, statuses=STATUSES
    )
    nothing = (NOTHING, times[NOTHING].cpu)
    return [compared(WHAT, (name, times[name].cpu), nothing, budget=BUDGETS.get(name), unit="ms") for name in COMMANDS]
