"""The start-up of the command line, each command in a new interpreter, beside ``python -c pass``.

Run: ``python -m benchmarks.startup``
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial

from benchmarks.measure import Row, Side, Times, compare, main, row
from benchmarks.processes import run

NOTHING = "python -c pass"
FIELDINGKIT = ("-m", "fieldingkit")
COMMANDS: dict[str, tuple[tuple[str, ...], int]] = {
    NOTHING: (("-c", "pass"), 0),
    "--version": ((*FIELDINGKIT, "--version"), 0),
    "--help": ((*FIELDINGKIT, "--help"), 0),
    "pause --help": ((*FIELDINGKIT, "pause", "--help"), 0),
    "a mistyped command": ((*FIELDINGKIT, "pauze"), 2),
    "a mistyped flag": ((*FIELDINGKIT, "pause", "--statsu", "live"), 2),
    "completion bash": ((*FIELDINGKIT, "completion", "bash"), 0),
    "import cyclopts": (("-c", "import cyclopts"), 0),
}
"""The arguments of the interpreter and the expected exit code."""
BUDGETS = {"--version": 3, "--help": 10, "pause --help": 15, "a mistyped command": 10}


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    times = {name: Times() for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as in real use, even if the environment forbids to write bytecode.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder

        def start(name: str, _: int) -> None:
            arguments, status = COMMANDS[name]
            taken = run([sys.executable, *arguments], quiet=True, environment=environment)
            assert taken.status == status, name
            times[name].cpu.append(taken.cpu)
            times[name].wall.append(taken.wall)

        compare([Side(name, partial(start, name), 1) for name in COMMANDS], rounds)
    cpu = {name: of.cpu[1:] for name, of in times.items()}
    nothing = (NOTHING, cpu.pop(NOTHING))
    return [
        row("start-up of the command line: CPU", (name, taken), nothing, budget=BUDGETS.get(name), unit="ms")
        for name, taken in cpu.items()
    ]


if __name__ == "__main__":
    main(measure)
