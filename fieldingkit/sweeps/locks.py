"""A lock on a file that one process holds, and that the operating system releases when the process dies."""

import os
import sqlite3
from pathlib import Path

__all__ = ["FileLock", "create_private"]


class FileLock:
    """A lock that one connection at a time holds. Close it to release it.

    An open SQLite transaction holds it, which works alike on all systems. Keep the file on a local disk.

    Args:
        path: The file; created if it does not exist.

    Raises:
        BlockingIOError: if another process, or another lock of this process, holds it.
        OSError: if the file cannot be created.
        sqlite3.Error: if the file is something else.
    """

    def __init__(self, path: Path) -> None:
        create_private(path)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = MEMORY")
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            self._connection.close()
            raise BlockingIOError(f"{path} is locked") from exc
        except sqlite3.Error:
            self._connection.close()
            raise

    def close(self) -> None:
        """Release the lock. Closing twice has no effect."""
        self._connection.close()


def create_private(path: Path) -> None:
    """Create a file that only this user can read, unless it exists."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
