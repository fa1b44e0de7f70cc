"""Types of the command line fixtures."""

from typing import NamedTuple, Protocol


class Ended(NamedTuple):
    """The result of a command."""

    code: int
    """The exit code."""
    out: str
    """The text on stdout."""
    err: str
    """The text on stderr."""


class Cli(Protocol):
    """A function that runs a command line in this process."""

    def __call__(self, *tokens: str) -> Ended:
        """Run the command line."""
        ...
