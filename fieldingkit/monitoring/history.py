"""History: snapshots kept in one SQLite file, read as rows and exported as CSV, JSON lines or Parquet."""

import os
import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.exports import ColumnKind, check_export_path, typed_value, write_export
from fieldingkit.monitoring.snapshots import Snapshot
from fieldingkit.results import rfc3339, to_plain
from fieldingkit.sweeps.locks import create_private

__all__ = ["SnapshotHistory"]

_TableName = Literal["groups", "cells"]

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for another program that writes to the file."""
_APPLICATION_ID = 0x666B7368
_SCHEMA = 1
_COLUMNS: dict[_TableName, str] = {
    "groups": """
        read_at TEXT NOT NULL, project_id TEXT NOT NULL, target_group_id TEXT NOT NULL, human_readable_id TEXT,
        name TEXT, project_name TEXT, status TEXT, completes INTEGER, prescreens INTEGER, goal INTEGER,
        filling_strategy TEXT, last_complete_at TEXT, conversion_rate REAL, drop_off_rate REAL, incidence_rate REAL,
        median_length_of_interview_seconds INTEGER, average_price TEXT, average_price_currency TEXT,
        price TEXT, price_currency TEXT, cost TEXT, cost_currency TEXT, starts_at TEXT, ends_at TEXT,
        bid_incidence_rate REAL, bid_length_of_interview_minutes INTEGER, entrants INTEGER, completes_per_hour REAL,
        reason_code TEXT, status_changed_at TEXT, unread TEXT
    """,
    "cells": """
        read_at TEXT NOT NULL, project_id TEXT NOT NULL, target_group_id TEXT NOT NULL, target_group_name TEXT,
        profile TEXT, name TEXT, cell_id TEXT, completes INTEGER, prescreens INTEGER, goal INTEGER, fill REAL
    """,
}
_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys(("read_at", "last_complete_at", "starts_at", "ends_at", "status_changed_at"), "time"),
    **dict.fromkeys(("average_price", "price", "cost"), "amount"),
}
"""The columns whose text is something else."""
_SQL_KINDS: dict[str, ColumnKind] = {"TEXT": "text", "INTEGER": "integer", "REAL": "number"}
_TABLES: dict[_TableName, dict[str, ColumnKind]] = {
    table: {name: _KINDS.get(name, _SQL_KINDS[kind]) for name, kind, *_ in (part.split() for part in text.split(","))}
    for table, text in _COLUMNS.items()
}
_SELECT: dict[_TableName, str] = {"groups": "SELECT * FROM groups", "cells": "SELECT * FROM cells"}
_INSERT: dict[_TableName, str] = {"groups": "INSERT INTO groups", "cells": "INSERT INTO cells"}


class SnapshotHistory:
    """Snapshots in a SQLite file. Close it, or use it in a ``with`` statement.

    The file has two tables, ``groups`` and ``cells``, with the columns of ``Snapshot.rows()`` and
    ``Snapshot.cell_rows()``: times are RFC 3339 text in UTC, exact amounts are text. Several threads and processes can
    use it. Its methods block; in a coroutine, run them with ``asyncio.to_thread``.

    Args:
        path: The file; created, readable by its owner only, if it does not exist.

    Raises:
        ConfigurationError: if the file cannot be used, is no history, or was written by a later release. It is not
            changed then. The methods raise it, too.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)
        """The file."""
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        try:
            create_private(self.path)
            self._database = sqlite3.connect(
                self.path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            self._prepare(self._database)
        except (sqlite3.Error, OSError) as exc:
            self.close()
            raise ConfigurationError(f"{self.path} cannot be used as a history of snapshots: {exc}") from exc
        except ConfigurationError:
            self.close()
            raise

    def add(self, snapshot: Snapshot) -> None:
        """Save a snapshot: all of it, or nothing if this raises. A target group that was saved before is replaced."""
        groups, cells = snapshot.rows(), snapshot.cell_rows()
        keys = [(row["target_group_id"], rfc3339(row["read_at"])) for row in groups]
        with self._transaction() as database:
            database.executemany("DELETE FROM groups WHERE target_group_id = ? AND read_at = ?", keys)
            database.executemany("DELETE FROM cells WHERE target_group_id = ? AND read_at = ?", keys)
            _insert(database, "groups", groups)
            _insert(database, "cells", cells)

    def rows(
        self, target_group_id: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return the target groups' rows, oldest first, as ``Snapshot.rows()`` has them; times to the millisecond.

        Args:
            target_group_id: Only this target group.
            since: Only what was read at this time or later; with a time zone.
            until: Only what was read before this time; with a time zone.
        """
        return [_typed(row) for row in self._select("groups", target_group_id, since, until)]

    def cell_rows(
        self, target_group_id: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return the quota cells' rows, oldest first, as ``Snapshot.cell_rows()`` has them; see ``rows``."""
        return [_typed(row) for row in self._select("cells", target_group_id, since, until)]

    def export(
        self,
        path: str | os.PathLike[str],
        table: Literal["groups", "cells"] = "groups",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Write rows to a file: CSV for ``.csv``, JSON lines for ``.jsonl``, Parquet for ``.parquet``.

        An existing file is replaced at the end. Parquet requires pyarrow. Its columns have types: times are timestamps
        in UTC, and amounts are decimals with ten decimal places, so that sums are exact.

        Args:
            path: The file.
            table: The rows of target groups, or of quota cells.
            since: Only what was read at this time or later; with a time zone.
            until: Only what was read before this time; with a time zone.

        Returns:
            The number of rows.

        Raises:
            ConfigurationError: if the suffix names no format, pyarrow is not installed for Parquet, or the file cannot
                be written. An existing file stays as it was.
        """
        target = Path(path)
        if table not in _TABLES:
            raise ConfigurationError(f"table must be groups or cells; got {table!r}")
        check_export_path(target)
        rows = self._select(table, None, since, until)
        write_export(target, _TABLES[table], rows)
        return len(rows)

    def delete_before(self, moment: datetime) -> int:
        """Delete what was read before a time, and return the number of target groups' rows that were deleted."""
        limit = _text(moment)
        with self._transaction() as database:
            database.execute("DELETE FROM cells WHERE read_at < ?", (limit,))
            return database.execute("DELETE FROM groups WHERE read_at < ?", (limit,)).rowcount

    def close(self) -> None:
        """Close the file. Closing twice has no effect."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SnapshotHistory {self.path}>"

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Create the tables of a new file, or check those of an old one."""
        with self._transaction():
            application, version, tables = (
                database.execute(sql).fetchone()[0]
                for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
            )
            if (application, version) == (_APPLICATION_ID, _SCHEMA):
                return
            if application == _APPLICATION_ID:
                raise ConfigurationError(f"{self.path} was written by another release of fieldingkit")
            if application or tables:
                raise ConfigurationError(f"{self.path} is not a history of snapshots")
            for table, columns in _COLUMNS.items():
                database.execute(f"CREATE TABLE {table} ({columns})")
                database.execute(f"CREATE INDEX {table}_of_group ON {table} (target_group_id, read_at)")
                database.execute(f"CREATE INDEX {table}_by_time ON {table} (read_at)")
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_SCHEMA}")

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Generator[sqlite3.Connection]:
        """Yield the database in a transaction, which is rolled back if the block raises."""
        with self._lock:
            database = self._database
            if database is None:
                raise ConfigurationError(f"the history {self.path} is closed")
            try:
                database.execute(begin)
                try:
                    yield database
                    database.execute("COMMIT")
                except BaseException:
                    if database.in_transaction:  # some errors have rolled it back
                        database.execute("ROLLBACK")
                    raise
            except sqlite3.Error as exc:
                raise ConfigurationError(f"the history {self.path} failed, nothing was changed: {exc}") from exc

    def _select(
        self, table: _TableName, target_group_id: str | None, since: datetime | None, until: datetime | None
    ) -> list[dict[str, Any]]:
        """Return rows as they are saved."""
        conditions = {
            "target_group_id = ?": target_group_id,
            "read_at >= ?": None if since is None else _text(since),
            "read_at < ?": None if until is None else _text(until),
        }
        given = {sql: value for sql, value in conditions.items() if value is not None}
        sql = " ".join((_SELECT[table], "WHERE", " AND ".join(given) or "true", "ORDER BY read_at, rowid"))
        with self._transaction("BEGIN") as database, closing(database.execute(sql, [*given.values()])) as found:
            return [dict(zip(_TABLES[table], row, strict=True)) for row in found]


def _insert(database: sqlite3.Connection, table: _TableName, rows: Iterable[dict[str, Any]]) -> None:
    names = _TABLES[table]
    values = ([_saved(row[name]) for name in names] for row in rows)
    sql = " ".join((_INSERT[table], "VALUES", f"({', '.join('?' * len(names))})"))
    database.executemany(sql, values)


def _saved(value: Any) -> Any:
    """Return a value as SQLite takes it. The API may send half a surrogate pair in a name, which is no UTF-8."""
    plain = to_plain(value)
    return plain.encode(errors="replace").decode() if isinstance(plain, str) else plain


def _text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ConfigurationError(f"the time {moment} must have a time zone")
    return rfc3339(moment)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a saved row with its times and amounts as Python has them."""
    return {name: typed_value(value, _KINDS.get(name)) for name, value in row.items()}
