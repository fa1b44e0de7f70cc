"""Programs in processes of their own, and the resources they used."""

import os
import random
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.measure import Times

__all__ = ["Taken", "compare_programs", "run"]


class Taken(NamedTuple):
    """The exit status and the times of a process."""

    status: int
    cpu: float
    wall: float


def run(command: Sequence[str], *, quiet: bool = False, environment: Mapping[str, str] | None = None) -> Taken:
    """Run a command and wait for it; with ``quiet`` its output is discarded."""
    began = time.perf_counter()
    mute = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    pid = os.posix_spawn(command[0], list(command), environment or os.environ, file_actions=mute if quiet else ())
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    return Taken(os.waitstatus_to_exitcode(status), _cpu(usage), wall)


def compare_programs(
    programs: Mapping[str, Sequence[str]], rounds: int, *, statuses: Mapping[str, int] | None = None
) -> dict[str, Times]:
    """Run programs in rounds, each round in another order, after a round that compiles their modules.

    Args:
        programs: The commands by name.
        rounds: How often each is run.
        statuses: The exit status of a program if it is not 0.
    """
    found = {name: Times() for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as in real use, even if the environment forbids to write bytecode.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder
        for number in range(rounds + 1):
            for name in random.sample(list(programs), len(programs)):
                taken = run(programs[name], quiet=True, environment=environment)
                if taken.status != (statuses or {}).get(name, 0):
                    raise RuntimeError(f"{name} ended with status {taken.status}")
                if number:
                    found[name].cpu.append(taken.cpu)
                    found[name].wall.append(taken.wall)
    return found


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
