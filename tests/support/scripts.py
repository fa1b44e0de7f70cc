"""Scripts that run in a process of their own, with a time limit."""

import subprocess
from collections.abc import Callable
from typing import NamedTuple, Protocol

LIMIT = 120.0
"""Seconds that a script may take; generous, for a busy machine."""


class Outcome(NamedTuple):
    """The exit code and output of a script."""

    code: int
    """The exit code; negative for the signal that killed the script."""
    out: str
    """The standard output."""
    err: str
    """The standard error."""


class Script:
    """A running script."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def outcome(self) -> Outcome:
        """Wait for the end of the script and return its outcome."""
        out, err = self.process.communicate(timeout=LIMIT)
        return Outcome(self.process.returncode, out, err)


class Start(Protocol):
    """Starts scripts whose environment names the sandbox, and which can import ``support.facade_scene``."""

    def __call__(self, script: str, *options: str) -> Script:
        """Start a script with these options of the interpreter."""
        ...


Run = Callable[..., Outcome]
"""Runs a script like ``Start`` and returns its outcome."""


class WaitUntil(Protocol):
    """Waits until a condition holds."""

    def __call__(self, condition: Callable[[], object]) -> None:
        """Wait, and fail after a generous limit."""
        ...
