"""The keys of a terminal: read one by one, without Enter, and without blocking the event loop."""

import asyncio
import codecs
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from fieldingkit.cli.watches.view import split_keys

__all__ = ["is_in_foreground", "reading_keys"]


def is_in_foreground() -> bool:
    """Return False if a shell started this program in the background: then the terminal is not its own."""
    try:
        return os.tcgetpgrp(sys.stdout.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # Windows, or no terminal that controls this program
        return True


@contextmanager
def reading_keys(on_key: Callable[[str], object]) -> Generator[bool]:
    """Call a function with each key that is pressed, on a terminal that has such a mode.

    Args:
        on_key: Called in the event loop with the key, as ``split_keys`` names it.

    Yields:
        True if keys are read.
    """
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield False
        return
    if not sys.stdin.isatty():
        yield False
        return
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read() -> None:
        try:
            data = os.read(descriptor, 1024)
        except OSError:
            data = b""
        if not data:  # the terminal was closed
            loop.remove_reader(descriptor)
        for key in split_keys(decoder.decode(data)):
            on_key(key)

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        loop.add_reader(descriptor, read)
        yield True
    finally:
        loop.remove_reader(descriptor)
        with suppress(termios.error):  # the terminal was closed
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
