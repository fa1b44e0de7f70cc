"""``fieldingkit completion``: print a shell completion script."""

import sys
from typing import Literal

from fieldingkit.cli.app import app

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> int:
    """Print the completion script of a shell.

    Args:
        shell: The shell.
    """
    sys.stdout.write(app.generate_completion(shell=shell))
    return 0
