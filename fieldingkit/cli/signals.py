"""Signals that end the program as Ctrl-C does: SIGTERM and SIGHUP."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["Received", "interrupt_on_signals"]

_SIGNALS: Final[list[signal.Signals]] = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""The signals; Windows has no SIGHUP."""


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
