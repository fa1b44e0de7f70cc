"""Child processes and the resources they used."""

import os
import resource
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["Taken", "run"]


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


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
