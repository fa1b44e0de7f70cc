"""The confirmation before something is changed.

A refusal speaks of the command only: the run that it would have resumed may have changed something before.
"""

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from fieldingkit.cli.errors import DeclinedError, UsageError
from fieldingkit.cli.streams import wrap

__all__ = ["ask", "can_ask", "confirm", "confirm_by_typing", "format_place", "require_terminal"]

_UNCHANGED: Final = "This command changed nothing."


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation.

    Args:
        question: The pending action and its place, such as "Pause 3 target groups of account 101 at api.cint.com".
        yes: The action is confirmed already, by ``--yes``.

    Raises:
        DeclinedError: The answer is not yes.
        UsageError: There is no terminal to ask on.
    """
    with _unchanged():
        if not yes and not ask(question):
            raise DeclinedError(f"not confirmed\n{_UNCHANGED}")


def confirm_by_typing(question: str, expected: str, *, yes: bool) -> None:
    """Ask for confirmation by typing a text; for actions that cannot be undone.

    Args:
        question: The pending action and its place.
        expected: The text to type.
        yes: The action is confirmed already, by ``--yes``.

    Raises:
        DeclinedError: Another text was typed.
        UsageError: There is no terminal to ask on.
    """
    with _unchanged():
        if not yes and _answer(f"{question}? Type {expected} to confirm: ") != expected:
            raise DeclinedError(f"not confirmed, because {expected} was not typed\n{_UNCHANGED}")


def ask(question: str) -> bool:
    """Ask a question and return True only for a yes.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    return _answer(f"{question}? [y/N] ").casefold() in {"y", "yes"}


def can_ask() -> bool:
    """Return True if there is a terminal to ask on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_terminal(question: str, *, yes: bool) -> None:
    """Check in advance that a confirmation is possible, or not needed.

    Args:
        question: The pending action.
        yes: The action is confirmed already, by ``--yes``.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if not yes and not can_ask():
        raise UsageError(
            f"{question}: there is no terminal to ask for confirmation\n{_UNCHANGED} Give --yes to confirm."
        )


def format_place(base_url: str, account_id: str | int | None) -> str:
    """Return the account and the host of the API that an action would reach, for a question."""
    account = "the default account" if account_id is None else f"account {account_id}"
    return f"{account} at {urlsplit(base_url).netloc.rpartition('@')[2]}"


def _answer(question: str) -> str:
    require_terminal(question.partition("? ")[0], yes=False)
    with _interruptible():
        sys.stderr.write(f"{wrap(question)} ")
        sys.stderr.flush()
        return sys.stdin.readline().strip()


@contextmanager
def _unchanged() -> Generator[None]:
    """Let an interruption at the question say that nothing was changed."""
    try:
        yield
    except KeyboardInterrupt as exc:
        exc.add_note(_UNCHANGED)
        raise


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
