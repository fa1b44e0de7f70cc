"""Report files: formats, atomic replacement, and reading the data again."""

import csv
import io
import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sweep_reports import NASTY, STARTED, TRACE, make_document, ulid

from fieldingkit.cli.id_list import parse_ids
from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.csv import iter_csv
from fieldingkit.rendering.files import check_report_path, read_data, write_document
from fieldingkit.rendering.json import iter_json
from fieldingkit.rendering.model import OUTCOMES, StragglerRow, SweepDocument
from fieldingkit.sweeps.report import Outcome


def test_outcomes_are_those_of_a_sweep() -> None:
    """The document model lists the outcomes of the sweep engine in the same order."""
    assert tuple(Outcome) == OUTCOMES


def test_json_has_the_counts_at_the_top_level() -> None:
    """A program finds the counts without reading the lists."""
    content = json.loads("".join(iter_json(make_document(outcomes=(Outcome.UPDATED, Outcome.FAILED)))))
    assert content["counts"] == {"updated": 4, "unchanged": 0, "failed": 4, "skipped": 0, "not_sent": 0, "unknown": 0}
    assert content["ok"] is False


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"kind": "another", "version": 1}', "<html></html>", '{"kind":1,"version":2}']
)
def test_another_file_is_refused_as_a_report(tmp_path: Path, text: str) -> None:
    """A file with other content is refused with a message."""
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="is not a sweep report"):
        read_data(path)


def test_a_report_of_a_later_release_is_refused(tmp_path: Path) -> None:
    """A report with a newer version of the format is refused with both versions."""
    path = tmp_path / "report.json"
    path.write_text('{"kind": "fieldingkit sweep report", "version": 2}')
    with pytest.raises(ConfigurationError, match="has version 2; this release reads version 1"):
        read_data(path)


@pytest.mark.parametrize("projects", [0, 1, 501])
def test_json_is_valid_whatever_the_number_of_rows(projects: int) -> None:
    """Rows are encoded some at a time; the parts are one JSON document, with every row on a line of its own."""
    document = make_document(projects=projects, each=1, name=NASTY)
    text = "".join(iter_json(document))
    assert [group["target_group_id"] for group in json.loads(text)["groups"]] == [
        ulid("GGGG", number) for number in range(projects)
    ]
    assert json.loads(text)["projects"] == [
        {"project_id": ulid("PPPP", number), "name": NASTY, "short_id": NASTY} for number in range(projects)
    ]


def to_csv(document: SweepDocument) -> str:
    """Return the table of a document."""
    return "".join(iter_csv(document))


def test_csv_has_one_row_for_each_target_group() -> None:
    """Each row names a target group and its project with outcome, reason, job, trace id and run."""
    document = make_document(outcomes=(Outcome.UPDATED, Outcome.FAILED), name="Wave 3")
    rows = list(csv.DictReader(io.StringIO(to_csv(document))))
    assert len(rows) == 8
    assert rows[1] == {
        "project_id": ulid("PPPP", 0),
        "target_group_id": ulid("GGGG", 1),
        "project_short_id": "Wave 3",
        "project_name": "Wave 3",
        "short_id": "Wave 3",
        "name": "Wave 3",
        "outcome": "failed",
        "verified": "",
        "previous_status": "live",
        "code": "StatusTransitionNotAllowed",
        "reason": "it is failed for a reason",
        "job_id": ulid("JJJJ", 0),
        "trace_id": TRACE,
        "run_id": "a-run",
    }


def test_stragglers_are_the_last_rows_of_the_csv() -> None:
    """Target groups that verification found without the status are in the table, with their status and reason."""
    straggler = StragglerRow(
        project_id=ulid("PPPP", 0), target_group_id=ulid("GGGG", 99), status="live", reason="went live since"
    )
    document = attrs.evolve(make_document(), stragglers=(straggler,))
    *_, row = csv.DictReader(io.StringIO(to_csv(document)))
    assert [row[name] for name in ("target_group_id", "outcome", "previous_status", "reason", "run_id")] == [
        ulid("GGGG", 99),
        "straggler",
        "live",
        "went live since",
        "a-run",
    ]


def test_the_csv_marks_the_rows_that_were_verified() -> None:
    """A row is verified if it has the status, and its project was read after the last job without finding otherwise."""
    moved = StragglerRow(project_id=ulid("PPPP", 0), target_group_id=ulid("GGGG", 0), reason="moved since")
    document = make_document(
        projects=2,
        each=3,
        outcomes=(Outcome.UPDATED, Outcome.UNCHANGED, Outcome.FAILED),
        verified_at=STARTED,
        stragglers=(moved,),
        unverified={ulid("PPPP", 1): "403"},
    )
    rows = list(csv.DictReader(io.StringIO(to_csv(document))))
    assert [row["verified"] for row in rows[:6]] == ["", "yes", "", "", "", ""]


@given(st.text(), st.text(alphabet="=+-@;,\t\n\"' a"))
def test_no_csv_cell_is_a_formula_whatever_the_separator(reason: str, name: str) -> None:
    """No text of the API starts a cell like a formula, also where a spreadsheet splits cells at semicolons."""
    text = to_csv(make_document(projects=1, each=1, outcomes=(Outcome.FAILED,), reason=reason, name=name))
    for separator in (",", ";"):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                assert not cell.lstrip(' "').startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.text(), st.text(alphabet=";,\t\n\r\x0b\x1c\u2028\"' a"))
def test_a_csv_report_is_a_list_of_target_groups(reason: str, name: str) -> None:
    """With any names, each row is one line that begins with its two ids, as --ids reads it."""
    text = to_csv(make_document(projects=2, each=2, outcomes=(Outcome.FAILED,), reason=reason, name=name))
    for lines in (text.splitlines(keepends=True), io.StringIO(text)):
        assert parse_ids(lines, "report.csv", None) == {
            ulid("PPPP", 0): (ulid("GGGG", 0), ulid("GGGG", 1)),
            ulid("PPPP", 1): (ulid("GGGG", 2), ulid("GGGG", 3)),
        }


def test_csv_starts_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Spreadsheets recognize UTF-8 by the mark; the file cannot be read as a report."""
    write_document(make_document(), tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_bytes().startswith(b"\xef\xbb\xbfproject_id,")
    with pytest.raises(ConfigurationError, match=r"use the \.json or \.html report"):
        read_data(tmp_path / "report.csv")


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is replaced as a whole; a failed write leaves the earlier file and no temporary one."""
    path = tmp_path / "report.json"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdopen", full)
        with pytest.raises(OSError, match="No space"):
            write_document(make_document(), path)
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "before"
    write_document(make_document(), path)
    assert read_data(path)["run_id"] == "a-run"


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    """A page whose data was cut off or changed is refused with a message."""
    path = tmp_path / "report.html"
    write_document(make_document(), path)
    page = path.read_bytes()
    start = page.index(b'id="fieldingkit-sweep">') + 24
    for damaged in (page[: start + 200], page[:start] + b"AAAA" + page[start + 4 :]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigurationError, match="is not a sweep report"):
            read_data(path)


def test_an_impossible_report_path_is_refused_beforehand(tmp_path: Path) -> None:
    """An unknown extension, a missing folder, and a path that is a folder are refused before a sweep starts."""
    for name in ("report.pdf", "report"):
        with pytest.raises(ConfigurationError, match=r"must end with \.json, \.csv, \.html"):
            check_report_path(tmp_path / name)
    (tmp_path / "folder.json").mkdir()
    for name in ("folder.json", "nowhere/report.json"):
        with pytest.raises(ConfigurationError, match="cannot be written"):
            check_report_path(tmp_path / name)
