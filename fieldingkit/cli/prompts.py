"""A question before something is changed."""

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from fieldingkit.cli.errors import UsageError

__all__ = ["confirm", "require_terminal"]


def confirm(question: str, *, yes: bool) -> bool:
    """Ask whether to go on; only a yes is one.

    Args:
        question: What is about to be done, such as "Pause 3 target groups".
        yes: Whether the user has said so beforehand.

    Raises:
        UsageError: if there is no terminal to ask at.
    """
    if yes:
        return True
    require_terminal(question, yes=yes)
    with _interruptible():
        sys.stderr.write(f"{question}? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def require_terminal(question: str, *, yes: bool) -> None:
    """See beforehand that a question can be asked, or need not be.

    Args:
        question: What is about to be done.
        yes: Whether the user has said so beforehand.

    Raises:
        UsageError: if there is no terminal to ask at.
    """
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{question}? There is no terminal to ask at.\nGive --yes to do it, or --dry-run to look first."
        )


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl-C end the question at once: an event loop would take note of it and wait for the answer all the same."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
