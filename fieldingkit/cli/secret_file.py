"""A file for a secret that is told once: it is made before anything is sent, so that the secret has where to go."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from fieldingkit.cli.exits import UsageError

__all__ = ["SecretFile"]


class SecretFile:
    """Where a secret is written: a new file that only its owner may read, or ``-`` for stdout."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._written = False

    @classmethod
    @contextmanager
    def made(cls, path: Path) -> Generator["SecretFile"]:
        """Make the file; it is removed again if no secret came to be written.

        Raises:
            UsageError: if it exists, or cannot be made.
        """
        if str(path) == "-":
            yield cls(path, -1)
            return
        path = path.expanduser()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageError(f"{path} exists already\nNothing was sent. Name a new file.") from None
        except OSError as exc:
            raise UsageError(f"{path} cannot be made: {exc.strerror}\nNothing was sent.") from exc
        file = cls(path, descriptor)
        try:
            yield file
        finally:
            os.close(descriptor)
            if not file._written:
                with suppress(OSError):
                    path.unlink()

    def write(self, secret: str) -> str:
        """Write the secret; gives what to tell the user of it."""
        if self._descriptor < 0:
            sys.stdout.write(f"{secret}\n")
            sys.stdout.flush()
            return "The secret is on stdout; the API does not tell it again."
        os.write(self._descriptor, f"{secret}\n".encode())
        os.fsync(self._descriptor)
        self._written = True
        return f"Its secret is in {self._path}; the API does not tell it again."
