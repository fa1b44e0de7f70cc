"""The sweep journal: one SQLite file with everything that a process needs to resume a sweep.

The journal is written before each request and after each response, and every write reaches the disk before the sweep
continues. One process at a time writes to a journal: it holds a lock on a separate file for as long as it lives, and
the operating system releases that lock when the process dies. So a second process is refused while the first one lives,
and takes over afterwards. Keep the journal on a local disk, because file locks of network file systems are unreliable.
"""

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import attrs

from fieldingkit.errors import ConfigurationError, InvalidCommandError, JournalError
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.locks import FileLock, create_private, is_locked
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Counts, Outcome
from fieldingkit.sweeps.rows import decode_row, encode_row

__all__ = ["Journal", "RunSummary", "Statement"]


T = TypeVar("T")

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for another program that holds the file, such as one that copies it."""
_APPLICATION_ID = 0x666B6A6C
_SCHEMA = 6
_TABLES = """
    CREATE TABLE holder (pid INTEGER, host TEXT, since REAL);
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, plan TEXT NOT NULL, action TEXT NOT NULL,
        base_url TEXT NOT NULL, account_id TEXT, api_version TEXT NOT NULL, continues TEXT, undoes TEXT,
        unlisted TEXT NOT NULL, projects TEXT NOT NULL, started_at REAL NOT NULL, discovered_at REAL, finished_at REAL,
        reported_at REAL, from_preview INTEGER NOT NULL
    );
    CREATE TABLE groups (
        run_id TEXT, position INTEGER, target_group_id TEXT, project_id TEXT NOT NULL, previous_status TEXT,
        outcome TEXT, code TEXT, reason TEXT, job_id TEXT, verified INTEGER, name TEXT,
        short_id TEXT, PRIMARY KEY (run_id, target_group_id)
    ) WITHOUT ROWID;
    CREATE TABLE chunks (
        run_id TEXT, number INTEGER, project_id TEXT NOT NULL, ids TEXT NOT NULL, key TEXT NOT NULL,
        generation INTEGER NOT NULL, ambiguous TEXT NOT NULL, reached TEXT NOT NULL, state TEXT NOT NULL,
        sent_at REAL, sent_date REAL, submitted_at REAL, ambiguous_at REAL, settled_at REAL,
        token TEXT, job_id TEXT, ended_at REAL, api_created_at REAL, created_by TEXT, PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE verifications (
        run_id TEXT PRIMARY KEY, verified_at REAL, stragglers TEXT NOT NULL, unverified TEXT NOT NULL
    )
"""

_DELETE_RUN = (
    "DELETE FROM chunks WHERE run_id = ?",
    "DELETE FROM groups WHERE run_id = ?",
    "DELETE FROM verifications WHERE run_id = ?",
    "DELETE FROM runs WHERE run_id = ?",
)
_COUNT_OUTCOMES = "SELECT run_id, outcome, count(*) FROM groups GROUP BY run_id, outcome"
_SELECT_RUNS = (
    "SELECT run_id, action, base_url, account_id, api_version, fingerprint, continues, undoes, started_at,"
    " discovered_at, finished_at, reported_at FROM runs ORDER BY started_at DESC"
)
_SET_REPORTED = "UPDATE runs SET reported_at = ? WHERE run_id = ? AND finished_at IS NOT NULL"


class Statement(NamedTuple):
    """A statement, and the rows to execute it for."""

    sql: str
    rows: Iterable[Sequence[Any]]


@attrs.frozen(kw_only=True)
class RunSummary:
    """A run in a journal, in short."""

    run_id: str
    """The run id."""
    action: Action
    """The action."""
    base_url: str
    """The API's base URL."""
    account_id: str | None
    """The account's number."""
    api_version: str
    """The API version that its jobs were created with."""
    fingerprint: str
    """The fingerprint of its plan: equal for runs that do the same."""
    continues: str | None
    """The id of the interrupted run that this one continues; None if there is none."""
    undoes: str | None
    """The id of the run that this one undoes; None if it is no undo."""
    started_at: datetime
    """When the run started, UTC."""
    discovered_at: datetime | None
    """When its target groups were known, UTC; None if it was interrupted before, so that nothing was sent."""
    finished_at: datetime | None
    """When the run finished, UTC; None if it has not, so that ``sweep`` resumes it."""
    reported_at: datetime | None
    """When its report was delivered after it had finished, UTC; None if it was not, or the caller did not save it."""
    total: int
    """The number of its target groups."""
    counts: Counts
    """The number of target groups with each outcome so far."""

    @property
    def undoable(self) -> int:
        """The number of target groups that an undo of the run can restore, if it was not undone yet."""
        return 0 if self.action.opposite is None else self.counts.updated


class Journal:
    """A journal of any number of sweeps. Close it, or use it in a ``with`` statement.

    Args:
        path: The file; created if it does not exist. Files with the suffixes ``-wal``, ``-shm`` and ``.lock`` are
            created beside it.
        read_only: Whether to open it for reading only, which needs no lock and works while another process sweeps.
        executor: Runs all access to the file, one function at a time; a thread of the journal's own by default.

    Raises:
        JournalError: if another process writes to the journal, a later release created it, or the file is not a
            journal. The file is not changed then.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, read_only: bool = False, executor: Executor | None = None
    ) -> None:
        # Two names of one file, such as a symbolic link and its target, must lead to one lock.
        self.path: Path = Path(os.path.realpath(path))
        """The file, without symbolic links."""
        self._lock: FileLock | None = None
        self._database: sqlite3.Connection | None = None
        # All access runs on another thread, so that a slow disk does not block the event loop.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fieldingkit-journal")
        self._executor = executor or self._thread
        self._claimed: set[str] = set()
        try:
            self._open(read_only=read_only)
            status = self.path.stat()
            self._file = status.st_dev, status.st_ino
        except (sqlite3.Error, OSError) as exc:
            self.close()
            reason = getattr(exc, "strerror", None) or exc
            raise JournalError(f"{self.path} cannot be used as a journal: {reason}") from exc
        except JournalError:
            self.close()
            raise

    def runs(self) -> list[RunSummary]:
        """Return the runs, the latest first. Their plans are not decoded.

        Raises:
            JournalError: if the journal, or one of its runs, cannot be read.
        """
        rows, counts = self.run(_select_runs).result()
        summaries: list[RunSummary] = []
        for row in rows:
            with self.decoding(row[0]):
                summaries.append(_summary(row, counts.get(row[0], {})))
        return summaries

    def plan(self, run_id: str) -> SweepPlan:
        """Return the plan of a run, which resumes the run when it is swept with this journal.

        Raises:
            JournalError: if the journal does not contain the run, or cannot be read.
        """
        sql = "SELECT plan FROM runs WHERE run_id = ?"
        row = self.run(lambda database: database.execute(sql, (run_id,)).fetchone()).result()
        if row is None:
            raise JournalError(f"{self.path} does not contain the run {run_id!r}")
        with self.decoding(run_id):
            return SweepPlan.decode(row[0])

    def mark_reported(self, run_id: str, at: float) -> None:
        """Save that the report of a finished run was delivered, so that the same command begins a new run.

        Args:
            run_id: The run id.
            at: The present time: seconds since 1970, UTC.

        Raises:
            JournalError: if the journal cannot be written.
        """
        self.write([Statement(_SET_REPORTED, [(at, run_id)])]).result()

    def delete(self, run_id: str) -> None:
        """Delete a run. It can neither be resumed nor reported nor undone from this journal afterwards.

        Raises:
            JournalError: if the run is in progress in this process, or the journal cannot be written.
        """
        with self.claim(run_id):
            self.write([Statement(sql, [(run_id,)]) for sql in _DELETE_RUN]).result()

    def close(self) -> None:
        """Close the file and release its lock, after the pending writes. Closing twice has no effect."""
        with suppress(RuntimeError):  # the executor was shut down, so nothing is pending
            self._executor.submit(self._disconnect).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Journal {self.path}>"

    @property
    def writer(self) -> str | None:
        """The process that has the journal open for writing now, in words; None if there is none on this host."""
        return self._holder() if is_locked(self._lock_path) else None

    @property
    def removed(self) -> bool:
        """True if the file was removed or replaced since it was opened: what is written to it is lost then."""
        try:
            status = self.path.stat()
        except OSError:
            return True
        return (status.st_dev, status.st_ino) != self._file

    def run(self, work: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Run a function with the database, in the journal's executor.

        Args:
            work: The function.

        Returns:
            A future with its result, or with a ``JournalError``.

        Raises:
            JournalError: if the journal is closed.
        """

        def task() -> T:
            if self._database is None:
                raise JournalError("the journal is closed")
            try:
                return work(self._database)
            except sqlite3.Error as exc:
                advice = ". Free space there, then resume the sweep" if "disk is full" in str(exc) else ""
                raise JournalError(f"the journal {self.path} failed: {exc}{advice}") from exc

        try:
            return self._executor.submit(task)
        except RuntimeError as exc:
            raise JournalError("the journal is closed") from exc

    def write(self, statements: Sequence[Statement]) -> "Future[None]":
        """Execute statements in one transaction. They are on the disk when the future is done."""
        return self.run(lambda database: self._commit(database, statements))

    @contextmanager
    def decoding(self, run_id: str) -> Generator[None]:
        """Raise a ``JournalError`` with the file and the run for anything of the run that cannot be decoded."""
        try:
            yield
        except (ConfigurationError, InvalidCommandError) as exc:
            raise JournalError(f"{self.path}: the run {run_id} cannot be read: {exc.message}") from exc
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as exc:
            raise JournalError(f"{self.path}: the run {run_id} cannot be read, because it is damaged: {exc}") from exc

    @contextmanager
    def claim(self, run_id: str) -> Generator[None]:
        """Reserve a run for one sweep of this process.

        Raises:
            JournalError: if another sweep of this process has reserved it.
        """
        if run_id in self._claimed:
            raise JournalError(f"the run {run_id} is already in progress in this process")
        self._claimed.add(run_id)
        try:
            yield
        finally:
            self._claimed.discard(run_id)

    def _open(self, *, read_only: bool) -> None:
        if read_only:
            self._database = _connect(self.path, read_only=True)
            if self._version() == 0:
                raise JournalError(f"{self.path} is not a journal of fieldingkit")
            return
        try:
            self._lock = FileLock(self._lock_path)
        except BlockingIOError as exc:
            raise JournalError(f"{self.path} is in use by another sweep: {self._holder()}") from exc
        create_private(self.path)
        self._database = _connect(self.path)
        self._database.execute("PRAGMA synchronous = FULL")
        if self._version() == 0:
            self._database.execute("PRAGMA journal_mode = WAL")
            schema = f"{_TABLES}; PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_SCHEMA}"
            self._commit(self._database, [Statement(sql, [()]) for sql in schema.split(";")])
        elif (damage := self._database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise JournalError(f"the journal {self.path} is damaged: {damage}; use another file")
        self._commit(
            self._database,
            [
                Statement("DELETE FROM holder", [()]),
                Statement("INSERT INTO holder VALUES (?, ?, ?)", [(os.getpid(), socket.gethostname(), time.time())]),
            ],
        )

    def _disconnect(self) -> None:
        for connection in (self._database, self._lock):
            if connection is not None:
                connection.close()
        self._database = self._lock = None

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _holder(self) -> str:
        try:
            database = _connect(self.path, read_only=True)
            try:
                pid, host, since = database.execute("SELECT pid, host, since FROM holder").fetchone()
            finally:
                database.close()
        except (sqlite3.Error, TypeError):
            return "a process that is just starting"
        return f"process {pid} on {host}, since {_utc(since):%Y-%m-%d %H:%M:%S} UTC"

    def _version(self) -> int:
        """Return the version of the schema; 0 for a new file.

        Raises:
            JournalError: if a later release created the journal, or the file is something else.
        """
        database = self._database
        if database is None:
            raise JournalError("the journal is closed")
        application, version, tables = (
            database.execute(sql).fetchone()[0]
            for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if (application, version, tables) == (0, 0, 0):
            return 0
        if application != _APPLICATION_ID:
            raise JournalError(f"{self.path} is not a journal of fieldingkit")
        if version > _SCHEMA:
            raise JournalError(
                f"{self.path} was created by a later release of fieldingkit (schema {version}; this release reads "
                f"{_SCHEMA})"
            )
        if version < _SCHEMA:
            raise JournalError(
                f"{self.path} was created by an earlier version of fieldingkit (schema {version}; this release reads "
                f"{_SCHEMA}); finish its runs with that version, or use another file"
            )
        return int(version)

    def _commit(self, database: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        database.execute("BEGIN IMMEDIATE")
        try:
            for sql, rows in statements:
                database.executemany(sql, map(encode_row, rows))
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


def _utc(seconds: float) -> datetime:
    """Return seconds since 1970 as a date."""
    return datetime.fromtimestamp(seconds, UTC)


def _select_runs(database: sqlite3.Connection) -> tuple[list[Sequence[Any]], Mapping[str, Mapping[str, int]]]:
    """Return the rows of the runs, the latest first, and the number of target groups with each outcome by run."""
    counts: dict[str, dict[str, int]] = {}
    for run_id, outcome, number in database.execute(_COUNT_OUTCOMES):
        counts.setdefault(run_id, {})[outcome] = number
    return database.execute(_SELECT_RUNS).fetchall(), counts


def _summary(row: Sequence[Any], counts: Mapping[str, int]) -> RunSummary:
    run_id, action, base_url, account_id, api_version, fingerprint, continues, undoes, started_at, *times = row
    discovered_at, finished_at, reported_at = (None if time is None else _utc(time) for time in times)
    return RunSummary(
        run_id=run_id,
        action=Action(action),
        base_url=base_url,
        account_id=account_id,
        api_version=api_version,
        fingerprint=fingerprint,
        continues=continues,
        undoes=undoes,
        started_at=_utc(started_at),
        discovered_at=discovered_at,
        finished_at=finished_at,
        reported_at=reported_at,
        total=sum(counts.values()),
        counts=Counts(*(counts.get(outcome, 0) for outcome in Outcome)),
    )


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    database = sqlite3.connect(
        f"{path.as_uri()}?mode={'ro' if read_only else 'rw'}",
        isolation_level=None,
        timeout=_BUSY_TIMEOUT,
        check_same_thread=False,
        uri=True,
    )
    database.row_factory = decode_row
    return database
