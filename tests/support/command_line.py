"""The command line as its tests call it."""

from typing import NamedTuple, Protocol


class Ended(NamedTuple):
    """What came of a command."""

    code: int
    """The exit code."""
    out: str
    """What it wrote to stdout."""
    err: str
    """What it wrote to stderr."""


class Cli(Protocol):
    """Runs a command line in this process."""

    def __call__(self, *tokens: str) -> Ended:
        """Run it."""
        ...
