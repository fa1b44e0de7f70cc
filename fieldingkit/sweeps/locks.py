"""Locks of files and of sweeps: one process holds them, and the operating system releases them when it dies."""

import hashlib
import os
import socket
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from fieldingkit.errors import JournalError
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan

__all__ = ["FileLock", "create_private", "is_locked", "lock_sweep"]


class FileLock:
    """A lock that one connection at a time holds. Close it to release it.

    An open SQLite transaction holds it, which works alike on all systems. Keep the file on a local disk.

    Args:
        path: The file; created if it does not exist.
        timeout: Seconds to wait for the lock; this blocks.

    Raises:
        BlockingIOError: if another process, or another lock of this process, holds it.
        OSError: if the file cannot be created.
        sqlite3.Error: if the file is something else.
    """

    def __init__(self, path: Path, *, timeout: float = 0.1) -> None:  # `is_locked` may have the file for a moment
        create_private(path)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=timeout, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = MEMORY")
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as exc:
            self._connection.close()
            if _is_busy(exc):
                raise BlockingIOError(f"{path} is locked") from exc
            raise

    def close(self) -> None:
        """Release the lock. Closing twice has no effect."""
        self._connection.close()


def is_locked(path: Path) -> bool:
    """Return whether a ``FileLock`` of a file is held, by this process or another one. It is not taken."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=0.0)
    except sqlite3.Error:  # there is no such file
        return False
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as exc:
        return _is_busy(exc)
    finally:
        connection.close()
    return False


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@contextmanager
def lock_sweep(identity: RunIdentity, plan: SweepPlan, folder: Path) -> Generator[None]:
    """Keep all processes of this host from sweeping the same plan with the same API and account at the same time.

    ::

        with lock_sweep(RunIdentity.of(client, plan), plan, Path("/var/lib/sweeps")):
            await sweep(client, plan)

    The order of ids in the plan, its run id and its journal do not matter. Other hosts are not seen.

    Args:
        identity: The identity of the run.
        plan: The plan.
        folder: The folder of the locks, which all processes share; created if it does not exist.

    Raises:
        JournalError: if another process holds the lock, which is named.
        OSError: if the lock cannot be created.
    """
    parts = (identity.base_url, identity.account_id or "", plan.fingerprint)
    path = folder / f"{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:32]}.lock"
    holder = path.with_suffix(".holder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = FileLock(path)
    except BlockingIOError as exc:
        first = ""
        with suppress(OSError):
            first = f": {holder.read_text()}"
        raise JournalError(f"the same sweep is in progress{first}; nothing was sent") from exc
    except sqlite3.Error as exc:
        raise OSError(f"{path} cannot be locked: {exc}") from exc
    try:
        with suppress(OSError):  # only its name is missing then
            holder.write_text(
                f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
            )
        yield
    finally:
        lock.close()


def create_private(path: Path) -> None:
    """Create a file that only this user can read, unless it exists.

    A file that exists is not opened: to close it would release all locks of it that this process has.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
