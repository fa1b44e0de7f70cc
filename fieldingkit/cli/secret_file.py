"""The file for the secret of a webhook."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from fieldingkit.cli.errors import ExitCode, StoppedError, UsageError
from fieldingkit.cli.streams import SurvivingStream, leads_nowhere

__all__ = ["SecretFile", "SecretLostError"]

_PLACEHOLDER: Final = b" " * 4096
"""More bytes than a secret has."""


class SecretLostError(StoppedError):
    """The API acted, but the secret that it returned could not be written."""

    code = ExitCode.FAILED


class SecretFile:
    """A new file for a webhook's secret, readable by its owner only; ``-`` is stdout.

    The API returns a secret once. The file is created and filled before the request, so that the secret can be stored.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._written = False

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Generator["SecretFile"]:
        """Create the file; it is removed again if no secret is written.

        Raises:
            UsageError: The file exists or cannot be written, or stdout leads nowhere.
        """
        if str(path) == "-":
            if leads_nowhere(sys.stdout):
                raise UsageError("stdout is closed or discarded, and the secret would be lost\nNothing was sent.")
            yield cls(path, -1)
            return
        path = path.expanduser()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UsageError(f"{path} already exists\nNothing was sent. Name a new file.") from None
        except OSError as exc:
            raise UsageError(f"{path} cannot be created: {exc.strerror}\nNothing was sent.") from exc
        file = cls(path, descriptor)
        try:
            try:
                file._store(_PLACEHOLDER)
            except OSError as exc:
                raise UsageError(f"{path} cannot be written: {exc.strerror}\nNothing was sent.") from exc
            yield file
        finally:
            os.close(descriptor)
            if not file._written:
                with suppress(OSError):
                    path.unlink()

    def write(self, secret: str, *, webhook: str, done: str) -> str:
        """Write the secret and return a message for the user.

        Args:
            secret: The secret.
            webhook: The webhook's id.
            done: What the API did, for the message that the secret is lost.

        Raises:
            SecretLostError: The secret could not be written.
        """
        place = "on stdout" if self._descriptor < 0 else f"in {self._path}"
        if (reason := self._print(secret) if self._descriptor < 0 else self._save(secret)) is not None:
            raise SecretLostError(
                f"{done}, but the secret could not be stored {place}, and is lost: {reason}\n"
                f"For another secret, run: fieldingkit webhooks regenerate-secret {webhook} --secret-file FILE"
            )
        return f"The secret is {place}; the API does not return it again."

    def _print(self, secret: str) -> str | None:
        """Print the secret; return the reason why that failed."""
        stdout = SurvivingStream(sys.stdout)
        stdout.write(f"{secret}\n")
        stdout.flush()
        return stdout.reason

    def _save(self, secret: str) -> str | None:
        """Write the secret to the file; return the reason why that failed."""
        try:
            self._store(f"{secret}\n".encode())
        except OSError as exc:
            return exc.strerror
        self._written = True
        return None

    def _store(self, content: bytes) -> None:
        """Make this the content of the file."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, content)
        os.ftruncate(self._descriptor, len(content))
        os.fsync(self._descriptor)
