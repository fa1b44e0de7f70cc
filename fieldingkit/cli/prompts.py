"""The confirmation before something is changed."""

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from fieldingkit.cli.errors import UsageError

__all__ = ["confirm", "require_terminal"]


def confirm(question: str, *, yes: bool) -> bool:
    """Ask for confirmation and return True only for a yes.

    Args:
        question: The pending action, such as "Pause 3 target groups".
        yes: The action is confirmed already, by ``--yes``.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if yes:
        return True
    require_terminal(question, yes=yes)
    with _interruptible():
        sys.stderr.write(f"{question}? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def require_terminal(question: str, *, yes: bool) -> None:
    """Check in advance that a confirmation is possible, or not needed.

    Args:
        question: The pending action.
        yes: The action is confirmed already, by ``--yes``.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{question}: there is no terminal to ask for confirmation\nNothing was changed. Give --yes to confirm."
        )


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl-C end the question at once; the event loop's handler would wait for the answer first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
