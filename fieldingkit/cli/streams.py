"""Standard streams that never abort a command, and text that fits a terminal."""

import os
import shutil
import sys
from contextlib import suppress
from textwrap import fill
from typing import TextIO

__all__ = ["SurvivingStream", "discard", "leads_nowhere", "open_missing_streams", "wrap"]


class SurvivingStream:
    """A text stream that writes to another one, and survives when that is closed or full.

    Args:
        stream: The standard stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | ValueError | None = None
        """The error for which the stream was given up; None while it works."""

    @property
    def reason(self) -> str | None:
        """The reason why the stream was given up; None while it works."""
        return None if self.error is None else getattr(self.error, "strerror", None) or str(self.error)

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Return True if the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the stream."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write text; nothing once the stream was given up."""
        if self.error is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as exc:
                self._give_up(exc)
        return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        if self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as exc:
                self._give_up(exc)

    def _give_up(self, exc: OSError | ValueError) -> None:
        self.error = exc
        discard(self._stream)


def wrap(text: str, indent: str = "") -> str:
    """Return the text in lines that fit the terminal; no word is broken.

    Args:
        text: The text; its own lines stay apart.
        indent: The text before each further line that a line becomes.
    """
    width = shutil.get_terminal_size().columns - 1
    lines = (
        fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )
    return "\n".join(lines)


def discard(stream: TextIO) -> None:
    """Send a stream to nowhere, what it still buffers too; Python flushes it once more at exit, and would fail then."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def leads_nowhere(stream: TextIO) -> bool:
    """Return True if what is written to a stream is discarded, such as when it was closed at the start."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))  # noqa: PTH116  # a pair of os calls
    except (OSError, ValueError):  # a stream of a test has no descriptor
        return False


def open_missing_streams() -> None:
    """Replace standard streams that were closed when the program started, so that no other file takes their place."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free descriptor is this one, because those below it are open.
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # it stays open
