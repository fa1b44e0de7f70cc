"""A sweep's report as JSON and CSV, and reading it again."""

import csv
import io
import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sweep_records import NASTY, TRACE, swept, ulid

from fieldingkit.cli.errors import UsageError
from fieldingkit.rendering.csv import as_csv
from fieldingkit.rendering.files import check_report_path, read_report, write_report
from fieldingkit.rendering.model import SweepRecord
from fieldingkit.sweeps.report import Outcome


@pytest.mark.parametrize("ending", [".json", ".html", ".HTML"])
def test_a_report_is_read_as_it_was_written(tmp_path: Path, ending: str) -> None:
    """JSON and HTML reports give the very record that was written, whatever is in it."""
    record = swept(outcomes=tuple(Outcome), each=5, reason=NASTY)
    write_report(record, tmp_path / f"report{ending}")
    assert read_report(tmp_path / f"report{ending}") == record


def test_a_report_is_enough_to_undo(tmp_path: Path) -> None:
    """The plan that takes a pause back follows from its report file alone: exactly what was updated."""
    write_report(swept(outcomes=tuple(Outcome), each=5), tmp_path / "report.json")
    record = read_report(tmp_path / "report.json")
    inverse = record.plan.inverse(record.report)
    assert inverse.action == "resume"
    assert inverse.target_groups == {ulid("PPPP", 0): (ulid("GGGG", 0),), ulid("PPPP", 1): (ulid("GGGG", 5),)}


def test_json_tells_the_outcome_at_its_top() -> None:
    """A program needs to look no further than the top for the counts."""
    content = json.loads(swept(outcomes=(Outcome.UPDATED, Outcome.FAILED)).encode())
    assert content["counts"] == {"updated": 4, "unchanged": 0, "failed": 4, "skipped": 0, "unknown": 0}
    assert content["ok"] is False


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"kind": "another", "version": 1}', "<html></html>", '{"kind":1,"version":2}']
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    """A file that holds something else is refused in words."""
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="report"):
        read_report(path)


def test_a_damaged_report_is_refused() -> None:
    """A report that lacks something is refused in words, not by a traceback."""
    content = json.loads(swept().encode())
    del content["report"]["groups"][0]["outcome"]
    with pytest.raises(UsageError, match="damaged"):
        SweepRecord.decode(json.dumps(content))


def test_csv_has_a_line_for_each_target_group() -> None:
    """The CSV names each target group with its outcome, reason, job and trace id, under headings."""
    rows = list(csv.DictReader(io.StringIO(as_csv(swept(outcomes=(Outcome.UPDATED, Outcome.FAILED))))))
    assert len(rows) == 8
    assert rows[1] == {
        "project_id": ulid("PPPP", 0),
        "target_group_id": ulid("GGGG", 1),
        "outcome": "failed",
        "before": "live",
        "code": "StatusTransitionNotAllowed",
        "reason": "it is failed for a reason",
        "job_id": ulid("JJJJ", 0),
        "trace_id": TRACE,
    }


@given(st.text())
def test_no_cell_is_a_formula(reason: str) -> None:
    """Whatever a reason says, no cell of the CSV begins as a formula does."""
    text = as_csv(swept(projects=1, each=1, outcomes=(Outcome.FAILED,), reason=reason))
    for row in csv.reader(io.StringIO(text, newline="")):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_csv_is_marked_as_unicode(tmp_path: Path) -> None:
    """Spreadsheets take the file for UTF-8."""
    write_report(swept(), tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_bytes().startswith(b"\xef\xbb\xbfproject_id,")
    with pytest.raises(UsageError, match="spreadsheets"):
        read_report(tmp_path / "report.csv")


def test_a_report_replaces_what_was_there_or_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that cannot be written whole leaves the earlier file as it was, and no other behind."""
    path = tmp_path / "report.json"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdopen", full)
        with pytest.raises(OSError, match="No space"):
            write_report(swept(), path)
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "before"
    write_report(swept(), path)
    assert read_report(path) == swept()


def test_where_a_report_cannot_go_is_said_beforehand(tmp_path: Path) -> None:
    """An ending that says nothing, a folder that is not there, and a folder itself are refused."""
    for name in ("report.pdf", "report", "nowhere/report.json"):
        with pytest.raises(UsageError, match="Nothing was sent"):
            check_report_path(tmp_path / name)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        check_report_path(tmp_path / "folder.json")


def test_a_record_without_times_has_a_report() -> None:
    """A sweep whose jobs' times are not known is reported all the same, without a timeline."""
    record = attrs.evolve(swept(), spans=())
    assert SweepRecord.decode(record.encode()) == record
