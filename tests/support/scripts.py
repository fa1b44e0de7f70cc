"""Scripts that run in a process of their own, with a time limit."""

import subprocess
from collections.abc import Callable
from typing import NamedTuple, Protocol

LIMIT = 50.0
"""Seconds for one script, on a machine that has other things to do."""


class Outcome(NamedTuple):
    """How a script ended."""

    code: int
    """Its exit code; negative for the signal that killed it."""
    out: str
    """What it printed."""
    err: str
    """What it complained of."""


class Script:
    """A script that runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def outcome(self) -> Outcome:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=LIMIT)
        return Outcome(self.process.returncode, out, err)


class Start(Protocol):
    """Starts a script; the sandbox's address, its credentials and ``facade_scene`` are there for it."""

    def __call__(self, script: str, *options: str) -> Script:
        """Start it with these options of the interpreter."""
        ...


Run = Callable[..., Outcome]
"""Starts a script in the same way and waits for its end."""


class Eventually(Protocol):
    """Waits until something is so."""

    def __call__(self, happened: Callable[[], object]) -> None:
        """Wait, and fail if it does not come to that."""
        ...
