"""``fieldingkit completion``: print a shell completion script."""

import sys
from typing import Literal

from cyclopts import App, Parameter

from fieldingkit.cli.catalog import COMMANDS, GROUPS

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> int:
    """Print a shell completion script.

    Args:
        shell: The shell.
    """
    sys.stdout.write(_all_commands().generate_completion(shell=shell))
    return 0


def _all_commands() -> App:
    """Return an application with all commands, as the generator of the scripts needs it."""
    root = App(name="fieldingkit", help=GROUPS[""], version_flags=(), default_parameter=Parameter(negative=()))
    parents = {name: App(name=name, help=text) for name, text in GROUPS.items() if name}
    for parent in parents.values():
        root.command(parent)
    for words, command in COMMANDS.items():
        group, _, name = words.rpartition(" ")
        parents.get(group, root).command(f"fieldingkit.cli.commands.{command.target}", name=name, help=command.summary)
    return root
