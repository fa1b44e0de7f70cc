"""The journal of sweeps: what is needed to go on after a crash, in one SQLite file.

It is written before a request is sent and after every answer, and each write is on the disk before the sweep goes on.
One process at a time may write to it: it holds a lock for as long as it lives, on a file of its own beside the journal,
and the operating system takes the lock away from a process that dies, however it dies. So the second of two processes
is refused while the first one lives, and takes over when it does not. Keep the journal on a local disk: the locks of
network file systems cannot be relied on.
"""

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import attrs

from fieldingkit.errors import ConfigurationError, JournalError
from fieldingkit.jobs.observer import PollEvent
from fieldingkit.jobs.token import JobToken
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Counts, Outcome
from fieldingkit.transport.headers import trace_id_of

__all__ = ["JobEndTimes", "JobSpan", "Journal", "RunSummary", "Statement", "spans_of"]


T = TypeVar("T")

_APPLICATION = 0x666B6A6C
_SCHEMA = 1
_TABLES = """
    CREATE TABLE holder (pid INTEGER, host TEXT, since REAL);
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, plan TEXT NOT NULL, started REAL NOT NULL, finished REAL
    );
    CREATE TABLE groups (
        run_id TEXT, place INTEGER, target_group_id TEXT, project_id TEXT NOT NULL, before TEXT, outcome TEXT,
        code TEXT, reason TEXT, job_id TEXT, PRIMARY KEY (run_id, target_group_id)
    ) WITHOUT ROWID;
    CREATE TABLE chunks (
        run_id TEXT, number INTEGER, project_id TEXT NOT NULL, ids TEXT NOT NULL, key TEXT NOT NULL,
        generation INTEGER NOT NULL, first_sent_at REAL, token TEXT, job_id TEXT, ended INTEGER NOT NULL,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID
"""


class Statement(NamedTuple):
    """One statement, and the rows to carry it out for."""

    sql: str
    rows: Iterable[Sequence[Any]]


@attrs.frozen(kw_only=True)
class RunSummary:
    """A run that a journal knows."""

    run_id: str
    """The run's id."""
    action: Action
    """What was to be done."""
    started_at: datetime
    """When it began, UTC."""
    finished_at: datetime | None
    """When it ended, UTC; None if it has not, or its process died: ``sweep`` goes on with it."""
    total: int
    """How many target groups it is for."""
    counts: Counts
    """How many of them have come out how so far."""


class Journal:
    """The journal of any number of sweeps. Close it when it is no longer needed, or use it in a ``with`` statement.

    Args:
        path: The file; it is made if there is none. SQLite puts others beside it, of the same name with ``-wal``,
            ``-shm`` and ``.lock`` after it.
        read_only: Whether only to look: that needs no lock, and can be done while another process is sweeping.

    Raises:
        JournalError: if another process is writing to it, a later release made it, or it is no journal. Nothing in
            the file was changed then.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self.path: Path = Path(path)
        """The file."""
        self._lock: sqlite3.Connection | None = None
        self._database: sqlite3.Connection | None = None
        # One thread for the file, so that a slow disk does not stop the event loop.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fieldingkit-journal")
        self._sweeping: set[str] = set()
        try:
            self._open(read_only=read_only)
        except sqlite3.Error as exc:
            self.close()
            raise JournalError(f"{self.path} cannot be used as a journal: {exc}") from exc
        except JournalError:
            self.close()
            raise

    def runs(self) -> list[RunSummary]:
        """The runs, the latest first.

        Raises:
            JournalError: if it cannot be read.
        """
        return self.do(_read_runs).result()

    def plan(self, run_id: str) -> SweepPlan:
        """The plan of a run, to go on with it.

        Raises:
            JournalError: if there is no such run, or the journal cannot be read.
        """
        sql = "SELECT plan FROM runs WHERE run_id = ?"
        row = self.do(lambda database: database.execute(sql, (run_id,)).fetchone()).result()
        if row is None:
            raise JournalError(f"{self.path} knows no run {run_id!r}")
        return SweepPlan.decode(row[0])

    def close(self) -> None:
        """Close the file, and let others write to it. May be called any number of times."""
        self._thread.shutdown()
        for connection in (self._database, self._lock):
            if connection is not None:
                connection.close()
        self._database = self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Journal {self.path}>"

    def do(self, work: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Work with the database, on its own thread.

        Args:
            work: What to do.

        Returns:
            Its result, or a ``JournalError``.
        """

        def task() -> T:
            if self._database is None:
                raise JournalError("the journal is closed")
            try:
                return work(self._database)
            except sqlite3.Error as exc:
                raise JournalError(f"{self.path} cannot be used any more: {exc}") from exc

        try:
            return self._thread.submit(task)
        except RuntimeError as exc:
            raise JournalError("the journal is closed") from exc

    def write(self, statements: Sequence[Statement]) -> "Future[None]":
        """Begin to carry out statements: all of them or none. They are on the disk when the future is done."""
        return self.do(lambda database: self._commit(database, statements))

    @contextmanager
    def sweeping(self, run_id: str) -> Generator[None]:
        """Keep a run for oneself, for as long as it is being carried out.

        Raises:
            JournalError: if it is being carried out already, in this very process.
        """
        if run_id in self._sweeping:
            raise JournalError(f"the run {run_id} is already being carried out")
        self._sweeping.add(run_id)
        try:
            yield
        finally:
            self._sweeping.discard(run_id)

    def _open(self, *, read_only: bool) -> None:
        if read_only:
            self._database = _connect(f"{self.path.absolute().as_uri()}?mode=ro")
            if self._version() == 0:
                raise JournalError(f"{self.path} is no journal of fieldingkit")
            return
        self._take_lock()
        self._database = _connect(str(self.path))
        self._database.execute("PRAGMA synchronous = FULL")
        if self._version() == 0:
            self._database.execute("PRAGMA journal_mode = WAL")
            marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_SCHEMA}"
            self._commit(self._database, [Statement(sql, [()]) for sql in f"{_TABLES}; {marks}".split(";")])
        self._commit(
            self._database,
            [
                Statement("DELETE FROM holder", [()]),
                Statement("INSERT INTO holder VALUES (?, ?, ?)", [(os.getpid(), socket.gethostname(), time.time())]),
            ],
        )

    def _take_lock(self) -> None:
        """Hold a transaction open on an empty file: a lock on every system that SQLite knows, freed by its kernel."""
        lock = self._lock = _connect(f"{self.path}.lock")
        try:
            lock.execute("PRAGMA journal_mode = MEMORY")
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            raise JournalError(f"{self.path} is being written by another sweep{self._holder()}") from exc

    def _holder(self) -> str:
        try:
            database = _connect(f"{self.path.absolute().as_uri()}?mode=ro")
            try:
                pid, host, since = database.execute("SELECT pid, host, since FROM holder").fetchone()
            finally:
                database.close()
        except (sqlite3.Error, TypeError):
            return ""
        return f": process {pid} on {host}, since {_moment(since):%Y-%m-%d %H:%M:%S} UTC"

    def _version(self) -> int:
        """The schema's version; 0 for a new file.

        Raises:
            JournalError: if it is of a later release, or the file holds something else.
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
        if application != _APPLICATION:
            raise JournalError(f"{self.path} is no journal of fieldingkit")
        if version > _SCHEMA:
            raise JournalError(
                f"{self.path} was written by a later release of fieldingkit (schema {version}; this release knows "
                f"{_SCHEMA})"
            )
        return int(version)

    def _commit(self, database: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        database.execute("BEGIN IMMEDIATE")
        try:
            for sql, rows in statements:
                database.executemany(sql, rows)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


def _moment(seconds: float) -> datetime:
    """Seconds since 1970 as a date."""
    return datetime.fromtimestamp(seconds, UTC)


def _read_runs(database: sqlite3.Connection) -> list[RunSummary]:
    counts: dict[str, dict[str, int]] = {}
    sql = "SELECT run_id, outcome, count(*) FROM groups GROUP BY run_id, outcome"
    for run_id, outcome, number in database.execute(sql):
        counts.setdefault(run_id, {})[outcome] = number
    return [
        RunSummary(
            run_id=run_id,
            action=SweepPlan.decode(plan).action,
            started_at=_moment(started),
            finished_at=None if finished is None else _moment(finished),
            total=sum(counts.get(run_id, {}).values()),
            counts=Counts(*(counts.get(run_id, {}).get(outcome, 0) for outcome in Outcome)),
        )
        for run_id, plan, started, finished in database.execute(
            "SELECT run_id, plan, started, finished FROM runs ORDER BY started DESC"
        )
    ]


def _connect(name: str) -> sqlite3.Connection:
    return sqlite3.connect(
        name, isolation_level=None, timeout=0.0, check_same_thread=False, uri=name.startswith("file:")
    )


_TOKENS = "SELECT token FROM chunks WHERE run_id = ? AND token IS NOT NULL ORDER BY number"


@attrs.frozen(kw_only=True)
class JobSpan:
    """When a job ran, as far as this process saw it."""

    job_id: str
    """The API's id of the job."""
    trace_id: str | None = None
    """The W3C trace id of the call that created it."""
    began: datetime | None = None
    """When it was created, UTC."""
    ended: datetime | None = None
    """When its end was seen, UTC."""


class JobEndTimes:
    """Takes note of when jobs ended; to be given to a client as ``on_poll``."""

    def __init__(self) -> None:
        self._ended: dict[str, datetime] = {}

    def __call__(self, event: PollEvent) -> None:
        """A job was looked at."""
        if event.finished:
            self._ended.setdefault(event.job_id, datetime.now(UTC))

    def of(self, job_id: str) -> datetime | None:
        """When a job's end was seen; None if it was not, or in another process."""
        return self._ended.get(job_id)


def spans_of(journal: Journal, run_id: str, ends: JobEndTimes) -> tuple[JobSpan, ...]:
    """When the jobs of a run ran, those of earlier processes included, as far as it is known."""
    spans: list[JobSpan] = []
    rows = journal.do(lambda database: database.execute(_TOKENS, (run_id,)).fetchall()).result()
    for (token,) in rows:
        try:
            job = JobToken.decode(str(token))
        except ConfigurationError:
            continue
        spans.append(
            JobSpan(
                job_id=job.job_id,
                trace_id=trace_id_of({"traceparent": job.traceparent or ""}),
                began=datetime.fromtimestamp(job.created, UTC),
                ended=ends.of(job.job_id),
            )
        )
    return tuple(spans)
