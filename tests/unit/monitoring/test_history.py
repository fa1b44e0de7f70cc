"""SnapshotHistory: what was saved is read and exported as it was, and no other file is harmed."""

import csv
import json
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring import CellSnapshot, GroupSnapshot, Snapshot, SnapshotHistory, UnreadDetail
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_changelog import StatusChangeReason
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
CELL = CellSnapshot(profile="GENDER", name="women", cell_id="c1", completes=10, prescreens=12, goal=40)
FULL = GroupSnapshot(
    read_at=NOON,
    project_id="p1",
    target_group_id="t1",
    human_readable_id="ABC1234",
    name="Germany",
    project_name="Coffee",
    status=TargetGroupStatus.PAUSED,
    completes=40,
    prescreens=60,
    goal=100,
    filling_strategy=FillingStrategy.COMPLETES,
    last_complete_at=NOON - timedelta(minutes=5),
    conversion_rate=0.5,
    price=Money(value=Decimal("2.735200"), currency_code="USD"),
    cost=Money(value=Decimal("109.40"), currency_code="USD"),
    starts_at=NOON - timedelta(days=1),
    ends_at=NOON + timedelta(days=1),
    entrants=90,
    completes_per_hour=1.5,
    reason_code=StatusChangeReason("low_epc"),
    status_changed_at=NOON - timedelta(hours=2),
    cells=(CELL, attrs.evolve(CELL, name="men", completes=None)),
)
SPARSE = GroupSnapshot(
    read_at=NOON,
    project_id="p1",
    target_group_id="t2",
    name="=HYPERLINK()",
    status=TargetGroupStatus("unheard_of"),
    completes=0,
    prescreens=0,
    goal=100,
    filling_strategy=FillingStrategy.COMPLETES,
    unread=(UnreadDetail(detail="cells", reason="503"),),
)
STATE = Snapshot(at=NOON, groups=(FULL, SPARSE))


def hours_later(hours: int) -> Snapshot:
    """Return the snapshot of a later time."""
    at = NOON + timedelta(hours=hours)
    return Snapshot(at=at, groups=tuple(attrs.evolve(group, read_at=at) for group in STATE.groups))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[SnapshotHistory]:
    """Yield a new history."""
    with SnapshotHistory(tmp_path / "field.sqlite") as opened:
        yield opened


def test_rows_are_read_as_they_were_saved(history: SnapshotHistory) -> None:
    """Columns, times, exact amounts and what is not known are the same, also after the file was opened again."""
    history.add(STATE)
    with SnapshotHistory(history.path) as again:
        assert again.rows() == STATE.rows()
        assert again.cell_rows() == STATE.cell_rows()
        assert [list(row) for row in again.rows()] == [list(row) for row in STATE.rows()]
        assert [list(row) for row in again.cell_rows()] == [list(row) for row in STATE.cell_rows()]
        assert str(again.rows()[0]["price"]) == "2.735200"


def test_a_snapshot_that_is_added_twice_is_saved_once(history: SnapshotHistory) -> None:
    """A repetition replaces the rows."""
    history.add(STATE)
    history.add(STATE)
    assert history.rows() == STATE.rows()
    assert history.cell_rows() == STATE.cell_rows()


def test_rows_are_selected_by_target_group_and_time(history: SnapshotHistory) -> None:
    """The oldest comes first; ``since`` includes its time, ``until`` does not."""
    for hours in (2, 0, 1):
        history.add(hours_later(hours))
    one, two = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    assert [row["read_at"] for row in history.rows("t1")] == [NOON, one, two]
    assert [row["read_at"] for row in history.rows("t1", since=one, until=two)] == [one]
    assert {row["read_at"] for row in history.cell_rows(since=two)} == {two}
    assert history.rows("t3") == []


def test_old_rows_are_deleted_with_their_cells(history: SnapshotHistory) -> None:
    """``delete_before`` returns the number of target groups' rows; what was read at the time itself stays."""
    for hours in range(3):
        history.add(hours_later(hours))
    assert history.delete_before(NOON + timedelta(hours=2)) == 4
    assert history.rows() == hours_later(2).rows()
    assert history.cell_rows() == hours_later(2).cell_rows()


def test_a_snapshot_that_cannot_be_saved_leaves_no_part_of_it(history: SnapshotHistory) -> None:
    """An error in the middle rolls back what was there before, too."""
    history.add(STATE)
    with sqlite3.connect(history.path) as other:
        other.execute("CREATE TRIGGER refuse BEFORE INSERT ON cells BEGIN SELECT RAISE(ABORT, 'no cells'); END")
    other.close()
    changed = Snapshot(at=NOON, groups=(attrs.evolve(FULL, completes=99),))
    with pytest.raises(ConfigurationError, match="nothing was changed: no cells"):
        history.add(changed)
    assert history.rows() == STATE.rows()


def test_a_name_that_is_no_utf_8_does_not_keep_a_snapshot_from_being_saved(history: SnapshotHistory) -> None:
    """Half a surrogate pair, which JSON can spell, becomes a question mark."""
    history.add(Snapshot(at=NOON, groups=(attrs.evolve(FULL, name="Ger\ud800many"),)))
    assert [row["name"] for row in history.rows()] == ["Ger?many"]
    assert history.cell_rows()[0]["target_group_name"] == "Ger?many"


def test_csv_has_headings_and_no_formulas(history: SnapshotHistory, tmp_path: Path) -> None:
    """A table for spreadsheets: exact amounts as they are, unknown values empty, a formula as text."""
    history.add(STATE)
    assert history.export(tmp_path / "groups.csv") == 2
    with (tmp_path / "groups.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == list(STATE.rows()[0])
    assert (first["price"], first["completes"], first["read_at"]) == ("2.735200", "40", "2026-03-05T12:00:00.000Z")
    assert (second["price"], second["name"], second["completes"]) == ("", "'=HYPERLINK()", "0")


def test_json_lines_have_one_object_per_quota_cell(history: SnapshotHistory, tmp_path: Path) -> None:
    """Each line is the row of a cell; a cell whose completes are not known has null, and no fill."""
    history.add(STATE)
    assert history.export(tmp_path / "cells.jsonl", "cells", since=NOON) == 2
    lines = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    assert [(line["name"], line["completes"], line["fill"]) for line in lines] == [
        ("women", 10, 0.25),
        ("men", None, None),
    ]
    assert list(lines[0]) == list(STATE.cell_rows()[0])


def test_parquet_has_typed_columns(history: SnapshotHistory, tmp_path: Path) -> None:
    """Times are timestamps in UTC and amounts exact decimals; a column without a value has its type, too."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    history.add(STATE)
    assert history.export(tmp_path / "groups.parquet") == 2
    read = parquet.read_table(tmp_path / "groups.parquet")
    assert read.to_pylist() == STATE.rows()
    types = {name: str(read.schema.field(name).type) for name in read.schema.names}
    assert list(types) == list(STATE.rows()[0])
    assert (types["read_at"], types["price"], types["name"]) == (
        "timestamp[ms, tz=UTC]",
        "decimal128(38, 10)",
        "string",
    )
    assert (types["average_price"], types["incidence_rate"]) == ("decimal128(38, 10)", "double")
    assert history.export(tmp_path / "cells.parquet", "cells") == 2
    assert parquet.read_table(tmp_path / "cells.parquet").to_pylist() == STATE.cell_rows()
    assert history.export(tmp_path / "none.parquet", since=NOON + timedelta(days=1)) == 0
    assert parquet.read_schema(tmp_path / "none.parquet").equals(read.schema)


def test_parquet_without_pyarrow_names_what_to_install(
    history: SnapshotHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier file stays as it was."""
    (tmp_path / "groups.parquet").write_text("earlier")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"requires pyarrow; install it with: python -m pip install pyarrow$"):
        history.export(tmp_path / "groups.parquet")
    assert (tmp_path / "groups.parquet").read_text() == "earlier"


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda history, _: history.export("groups.xlsx"), "must end with .csv, .jsonl or .parquet"),
        (lambda history, path: history.export(path / "none" / "groups.csv"), "cannot be written: No such file"),
        (lambda history, path: history.export(path / "groups.csv", "snapshots"), "table must be groups or cells"),
        (lambda history, _: history.rows(since=NOON.replace(tzinfo=None)), "must have a time zone"),
        (lambda history, _: (history.close(), history.rows()), "is closed"),
    ],
)
def test_a_wrong_use_is_refused_with_its_reason(
    history: SnapshotHistory, tmp_path: Path, use: Callable[[SnapshotHistory, Path], Any], message: str
) -> None:
    """The message names the mistake."""
    with pytest.raises(ConfigurationError, match=message):
        use(history, tmp_path)


@pytest.mark.parametrize("sql", ["CREATE TABLE others (id)", "PRAGMA application_id = 7"])
def test_another_database_is_refused_and_not_changed(tmp_path: Path, sql: str) -> None:
    """A database of another program is no history."""
    path = tmp_path / "other.sqlite"
    database = sqlite3.connect(path)
    database.execute(sql)
    database.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="is not a history of snapshots"):
        SnapshotHistory(path)
    assert path.read_bytes() == before


def test_a_history_of_another_release_is_refused(history: SnapshotHistory) -> None:
    """Its tables may have other columns."""
    database = sqlite3.connect(history.path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ConfigurationError, match="another release"):
        SnapshotHistory(history.path)


def test_a_file_that_is_no_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    """Text stays as it is; a folder that does not exist is named."""
    path = tmp_path / "notes.txt"
    path.write_text("notes of the field\n" * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        SnapshotHistory(path)
    assert path.read_text() == "notes of the field\n" * 100
    with pytest.raises(ConfigurationError, match="cannot be used as a history"):
        SnapshotHistory(tmp_path / "none" / "field.sqlite")


def test_only_the_owner_can_read_a_new_history(history: SnapshotHistory) -> None:
    """Prices and names of projects are not for other users of the machine."""
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
