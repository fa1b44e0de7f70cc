"""``fieldingkit completion``: the script that completes its commands and flags in a shell."""

import sys
from typing import Literal

from fieldingkit.cli.app import app

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> int:
    """Print the completion script of a shell, to be read by it at its start.

    Args:
        shell: Which shell.
    """
    sys.stdout.write(app.generate_completion(shell=shell))
    return 0
