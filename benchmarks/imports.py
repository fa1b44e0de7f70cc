"""The cost of imports and of the first client, each in a new interpreter, beyond an empty program.

Run: ``python -m benchmarks.imports``
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial

from benchmarks.measure import Row, Side, Times, compare, main, row
from benchmarks.processes import run
from benchmarks.ways import Missing

NOTHING = "pass"
AIOHTTP = "import aiohttp"
PROGRAMS = {
    NOTHING: "pass",
    AIOHTTP: "import aiohttp",
    "import fieldingkit": "import fieldingkit",
    "commands and models": "from fieldingkit import batch_jobs, fielding_jobs, fielding_runs",
    "first AsyncClient": "from fieldingkit import AsyncClient; AsyncClient(account_id=1, auth='token')",
    "first Client": "from fieldingkit import Client; Client(account_id=1, auth='token')",
}
OTHERS = {
    "import httpx": "import httpx",
    "import requests": "import requests",
    "import azure.core, aiohttp": "import azure.core.pipeline.transport, azure.core.pipeline.policies, aiohttp",
}
BUDGETS = {"commands and models": 0.45, "first AsyncClient": 1.15, "first Client": 1.15}


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    programs = PROGRAMS | {
        name: code for name, code in OTHERS.items() if run([sys.executable, "-c", code], quiet=True).status == 0
    }
    programs |= _generated()
    times = {name: Times() for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as in real use, even if the environment forbids to write bytecode.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder

        def start(name: str, _: int) -> None:
            taken = run([sys.executable, "-c", programs[name]], environment=environment)
            assert taken.status == 0, name
            times[name].cpu.append(taken.cpu)
            times[name].wall.append(taken.wall)

        compare([Side(name, partial(start, name), 1) for name in programs], rounds)
    times = {name: Times(of.cpu[1:], of.wall[1:]) for name, of in times.items()}
    beyond = {
        name: [mine - nothing for mine, nothing in zip(of.cpu, times[NOTHING].cpu, strict=True)]
        for name, of in times.items()
    }
    own = beyond.pop("import fieldingkit")
    rows = [
        Row(
            what="beyond bare Python: CPU",
            side="import fieldingkit",
            value=statistics.median(own) * 1e3,
            unit="ms",
            budget=15,
        )
    ]
    aiohttp = (AIOHTTP, beyond.pop(AIOHTTP))
    beyond.pop(NOTHING)
    rows += [
        row("beyond bare Python: CPU", (name, taken), aiohttp, budget=BUDGETS.get(name), unit="ms")
        for name, taken in beyond.items()
    ]
    return rows


def _generated() -> dict[str, str]:
    try:
        from benchmarks.ways.generated_way import generated

        folder = str(generated())
    except Missing:
        return {}
    calls = "from generated_fielding_client.api.fielding import pause_fielding_run"
    return {"a generated client": f"import sys; sys.path.append({folder!r}); {calls}"}


if __name__ == "__main__":
    main(measure)
