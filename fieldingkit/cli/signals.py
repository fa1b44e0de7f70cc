"""Signals that end the program: Ctrl-C, and SIGTERM and SIGHUP, which act as it does."""

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["Received", "ignore_signals", "interrupt_on_signals", "interrupt_once"]

_SIGNALS: Final[list[signal.Signals]] = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""The signals; Windows has no SIGHUP."""
_ONE_INTERRUPTION: Final = 5.0
"""Seconds after Ctrl-C in which another one adds nothing."""


class Received:
    """The signal that ended the program."""

    def __init__(self) -> None:
        self.signal: signal.Signals = signal.SIGINT
        """The signal; SIGINT, unless another one came."""


@contextmanager
def interrupt_on_signals() -> Generator[Received]:
    """Turn SIGTERM and SIGHUP into Ctrl-C, which cancels the command, and record the signal.

    Signals that were ignored before stay ignored: SIGHUP with ``nohup``, SIGINT in the background of a script.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        received.signal = signal.Signals(number)
        signal.raise_signal(signal.SIGINT)
        if ignored:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN and hasattr(signal, "pthread_sigmask")
    numbers = [number for number in _SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    if ignored:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def interrupt_once() -> Generator[None]:
    """Take Ctrl-C several times in a few seconds for one, so that the command ends as it does after one.

    A later one is passed on: it ends a command that takes too long to end.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield
        return
    first: float | None = None

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None or now - first > _ONE_INTERRUPTION:
            first = first or now
            previous(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def ignore_signals() -> None:
    """Ignore all of these signals: the program was interrupted, and has nothing left to do than to end."""
    for number in (signal.SIGINT, *_SIGNALS):
        signal.signal(number, signal.SIG_IGN)
