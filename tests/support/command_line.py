"""Types of the command line fixtures, outputs that fail, and a check of command lines that are not run."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

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


def run_into(stdout: int, *words: str) -> Ended:
    """Run a command line in a new process whose stdout is a file descriptor, and close that."""
    try:
        command = [sys.executable, "-m", "fieldingkit", *words]
        ended = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    finally:
        os.close(stdout)
    return Ended(ended.returncode, "", ended.stderr)


def open_full() -> int:
    """Open a file on a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


def open_unread_pipe() -> int:
    """Open a pipe whose reader has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


LOST_OUTPUTS: Final = {open_full: "No space left on device", open_unread_pipe: "Broken pipe"}
"""Files that cannot be written, and the reasons."""


def check_command_line(words: Sequence[str]) -> None:
    """Check that the words, without the name of the program, are a valid command line."""
    command = find(words)
    called, _, _ = command_app(command).parse_args(
        words[len(command.split()) :], exit_on_error=False, print_error=False
    )
    assert called
