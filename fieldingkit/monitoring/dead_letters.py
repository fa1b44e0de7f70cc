"""Dead letters: documents that a receiver did not take, in a file with one JSON object per line."""

import os
import sqlite3
import tempfile
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs

from fieldingkit._json import dumps, loads
from fieldingkit.errors import ConfigurationError
from fieldingkit.results import Serializable
from fieldingkit.sweeps.locks import FileLock, create_private

__all__ = ["DamagedLine", "DeadLetter", "DeadLetterFile"]

_LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for a program that adds or removes a letter."""


@attrs.frozen(kw_only=True)
class DamagedLine(Serializable):
    """A line that is no letter."""

    line: int
    """Its number in the file, from 1."""
    reason: str
    """The reason why it cannot be read."""


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A document that one receiver did not take."""

    failed_at: str
    """The time of the last failure, RFC 3339."""
    receiver: str
    """The receiver's name."""
    failure: str
    """The reason of the last failure."""
    attempts: int
    """The number of attempts so far."""
    document: dict[str, Any]
    """The document, with its ``id`` and ``text``."""

    @property
    def key(self) -> tuple[str, str]:
        """The receiver and the id of the document: letters with the same key are one."""
        return self.receiver, self.document["id"]

    @classmethod
    def parse(cls, line: bytes) -> "DeadLetter":
        """Return the letter of a line.

        Raises:
            ValueError: The line is damaged; the message has the reason.
        """
        try:
            content: Any = loads(line)
        except (ValueError, RecursionError) as exc:
            raise ValueError("it is not valid JSON") from exc
        try:
            letter = cls(**content)
            texts = (letter.failed_at, letter.receiver, letter.failure, letter.document["id"], letter.document["text"])
        except (TypeError, KeyError) as exc:
            raise ValueError("it has not the members of a letter") from exc
        if type(letter.attempts) is not int or not all(isinstance(text, str) for text in texts):
            raise ValueError("a member of the letter has a wrong type")
        return letter

    def line(self) -> bytes:
        """Return the line of the file."""
        return dumps(attrs.asdict(self)) + b"\n"


class DeadLetterFile:
    """A file of dead letters that several processes use. Two files beside it are locks, and are empty.

    Args:
        path: The file; created when the first letter is added, readable for this user only.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = Path(os.path.realpath(path.expanduser()))
        """The file, past symbolic links."""

    def add(self, letters: Iterable[DeadLetter]) -> None:
        """Add letters at the end.

        Raises:
            OSError: if they cannot be written.
        """
        content = b"".join(letter.line() for letter in letters)
        with self._locked():
            create_private(self.path)
            with self.path.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                if size:  # a line that a crash cut off must not damage the next one
                    file.seek(size - 1)
                    content = content if file.read(1) == b"\n" else b"\n" + content
                file.write(content)

    def read(self) -> tuple[list[DeadLetter], list[DamagedLine]]:
        """Return the letters, oldest first and each once with all its attempts, and the damaged lines.

        Raises:
            OSError: if the file cannot be read; a file that does not exist has no letters.
        """
        letters: dict[tuple[str, str], DeadLetter] = {}
        damaged: list[DamagedLine] = []
        for number, line in self._lines():
            try:
                letter = DeadLetter.parse(line)
            except ValueError as exc:
                damaged.append(DamagedLine(line=number, reason=str(exc)))
                continue
            first = letters.get(letter.key)
            known = 0 if first is None else first.attempts
            letters[letter.key] = attrs.evolve(first or letter, attempts=known + letter.attempts)
        return [*letters.values()], damaged

    def settle(self, letter: DeadLetter, again: DeadLetter | None = None) -> None:
        """Remove a letter that was sent, or replace it by one that says how it failed again.

        Raises:
            OSError: if the file cannot be written; it is as it was.
        """
        with self._locked():
            kept: list[bytes] = []
            for _, line in self._lines():
                if _key_of(line) != letter.key:
                    kept.append(line + b"\n")
                elif again is not None:
                    kept.append(again.line())
                    again = None
            self._replace(kept)

    @contextmanager
    def sending(self) -> Generator[None]:
        """Keep other processes from sending the letters at the same time.

        Raises:
            ConfigurationError: if another process sends them, or the lock cannot be created.
        """
        try:
            lock = FileLock(self._beside(".sending"))
        except BlockingIOError:
            raise ConfigurationError(f"the letters of {self.path} are being sent; nothing was sent") from None
        except (OSError, sqlite3.Error) as exc:
            raise ConfigurationError(f"{self.path} cannot be locked, nothing was sent: {exc}") from exc
        with closing(lock):
            yield

    @contextmanager
    def _locked(self) -> Generator[None]:
        try:
            lock = FileLock(self._beside(".lock"), timeout=_LOCK_TIMEOUT)
        except sqlite3.Error as exc:
            raise OSError(f"{self._beside('.lock')} is not a lock") from exc
        with closing(lock):
            yield

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _lines(self) -> list[tuple[int, bytes]]:
        """Return the lines that are not empty, with their numbers from 1."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return [(number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()]

    def _replace(self, lines: Iterable[bytes]) -> None:
        """Replace the file as a whole by one that only this user can read."""
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(lines)
            Path(temporary).replace(self.path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise


def _key_of(line: bytes) -> tuple[str, str] | None:
    """Return the key of the letter of a line; None if the line is damaged."""
    try:
        return DeadLetter.parse(line).key
    except ValueError:
        return None
