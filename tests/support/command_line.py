"""Types of the command line fixtures, and a check of command lines that are not run."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from fieldingkit.cli.app import command_app
from fieldingkit.cli.catalog import find


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


def check_command_line(words: Sequence[str]) -> None:
    """Check that the words, without the name of the program, are a valid command line."""
    command = find(words)
    called, _, _ = command_app(command).parse_args(
        words[len(command.split()) :], exit_on_error=False, print_error=False
    )
    assert called
