"""The operator that generates a report and saves its file."""

import asyncio
import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, ObjectStoragePath
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from support.fake_task import FakeTask

from fieldingkit.airflow import FieldingReportOperator
from fieldingkit.airflow.reports import _REQUESTED_KEY, _TOKEN_KEY
from fieldingkit.errors import WorkflowError
from fieldingkit.resources.reports import GenerateReport
from fieldingkit.sandbox import Sandbox, faults


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll reports as quickly as other jobs."""
    monkeypatch.setattr(GenerateReport, "pace", None)


def operator(sandbox: Sandbox, path: Any, **fields: Any) -> FieldingReportOperator:
    """Return an operator for the bought sample of the last month."""
    today = sandbox.clock.now().date()
    period = {"period_start": str(today - timedelta(days=30)), "period_end": today + timedelta(days=1)}
    return FieldingReportOperator(task_id="x", path=path, **{"report_type": "sample-bought", **period, **fields})


def run(task: FakeTask, report: FieldingReportOperator) -> Any:
    """Run a try; its trigger reports the end of the job at once."""
    outcome = task.start(report)
    assert isinstance(outcome, TaskDeferred)
    return task.come_back(report, outcome, {"job_id": "x"})


def requested(sandbox: Sandbox) -> int:
    """Return the number of requests for a new report."""
    return sum(request.operation_id == "generate_report" for request in sandbox.requests)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_report_is_left_where_the_path_says(connected: Sandbox, tmp_path: Path, prefix: str) -> None:
    """The task defers, and a worker saves the file; the result has the id, the path, the size and the type."""
    project = connected.seed(live=1, goal=10, completes=4)
    report = operator(connected, f"{prefix}{tmp_path}/bought", level="project", filter_ids=f"{project.id}, ")
    result = run(FakeTask(), report)
    file = tmp_path / "bought.csv"
    assert result == {
        "report_id": result["report_id"],
        "path": str(file),
        "size": file.stat().st_size,
        "content_type": "text/csv",
    }
    with file.open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == 4
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def _memory() -> None:
    """Let Airflow know the object store in memory."""
    attach("memory", fs=MemoryFileSystem())


@pytest.mark.usefixtures("_memory")
@pytest.mark.parametrize(("name", "expected"), [("a", "a.csv"), ("a.dat", "a.dat")])
def test_an_object_store_gets_a_whole_object(connected: Sandbox, name: str, expected: str) -> None:
    """A file for an object store is put there as one object, with the suffix of its content."""
    result = run(FakeTask(), operator(connected, ObjectStoragePath(f"memory://bucket/{name}")))
    target = ObjectStoragePath(f"memory://bucket/{expected}")
    assert target.read_bytes().startswith(b"rid,")
    assert (result["path"], result["size"]) == (str(target), len(target.read_bytes()))


def test_a_worker_may_wait_itself(connected: Sandbox, tmp_path: Path) -> None:
    """Without deferral the worker waits for the report and saves it."""
    result = FakeTask().start(operator(connected, str(tmp_path / "a.csv"), deferrable=False))
    assert Path(result["path"]).exists()


def test_a_retry_follows_the_same_report(connected: Sandbox, tmp_path: Path) -> None:
    """A try that was killed after its request: the next one saves the same report."""
    task, report = FakeTask(), operator(connected, str(tmp_path / "a.csv"))
    assert isinstance(task.start(report), TaskDeferred)
    run(task, report)
    assert requested(connected) == 1


def test_a_retry_finds_the_report_of_a_killed_try(connected: Sandbox, tmp_path: Path) -> None:
    """A try that was killed before it saved the token: the next one finds its report in the list."""
    task, report = FakeTask(), operator(connected, str(tmp_path / "a.csv"))
    task.start(report)
    task.store[_TOKEN_KEY] = ""
    run(task, report)
    assert requested(connected) == 1


def test_a_killed_try_without_a_report_requests_one(connected: Sandbox, tmp_path: Path) -> None:
    """A try that was killed before its request: the next one finds no report and requests it."""
    task, report = FakeTask(), operator(connected, str(tmp_path / "a.csv"))
    task.store[_REQUESTED_KEY] = connected.clock.now().isoformat()
    run(task, report)
    assert requested(connected) == 1


def test_a_failed_report_is_requested_again_by_a_retry(connected: Sandbox, tmp_path: Path) -> None:
    """A report that failed fails the task, and a retry requests another one."""
    task, report = FakeTask(), operator(connected, str(tmp_path / "a.csv"))
    connected.faults.add("generate_report", faults.FailedJob())
    with pytest.raises(AirflowException, match="a retry requests another report"):
        run(task, report)
    assert run(task, report)["path"] == str(tmp_path / "a.csv")
    assert requested(connected) == 2


def test_a_file_that_cannot_be_saved_is_saved_by_a_retry(connected: Sandbox, tmp_path: Path) -> None:
    """A download that the API refuses fails the task, which leaves no file; a retry saves the same report."""
    task, report = FakeTask(), operator(connected, str(tmp_path / "a.csv"))
    connected.faults.add("download_report_v2", faults.Answer(403))
    with pytest.raises(WorkflowError, match="cannot be saved"):
        run(task, report)
    assert list(tmp_path.iterdir()) == []
    run(task, report)
    assert requested(connected) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"period_start": "yesterday"}, "period_start must be a date"),
        ({"report_type": "term-details"}, "no level account"),
        ({"period_end": date(2099, 1, 1)}, "six months"),
        ({"level": "project", "filter_ids": "short"}, "filter_ids"),
    ],
)
def test_a_wrong_argument_fails_without_a_retry(
    connected: Sandbox, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    """An argument that can never be right fails the task for good, and nothing is sent."""
    with pytest.raises(AirflowFailException, match=message):
        FakeTask().start(operator(connected, str(tmp_path / "a.csv"), **fields))
    assert requested(connected) == 0


async def test_the_trigger_waits_for_a_report(connected: Sandbox, tmp_path: Path) -> None:
    """The trigger of jobs takes the token of a report, whose words are its own."""
    deferred = await asyncio.to_thread(FakeTask().start, operator(connected, str(tmp_path / "a.csv")))
    payload = await deferred.trigger.wait()
    assert (payload["status"], payload["error"]) == ("completed", None)


def test_all_arguments_of_a_run_may_be_templates(tmp_path: Path) -> None:
    """The period and the path of a run are those of its data interval."""
    with DAG("d", schedule=None):
        task = FieldingReportOperator(
            task_id="x",
            report_type="completes",
            period_start="{{ day }}",
            period_end="2026-02-01",
            path=f"{tmp_path}/{{{{ day }}}}.csv",
            fielding_conn_id="cint_{{ day }}",
        )
    task.render_template_fields({"day": "2026-01-01"})
    assert (task.period_start, task.path) == ("2026-01-01", f"{tmp_path}/2026-01-01.csv")
    assert task.fielding_conn_id == "cint_2026-01-01"


def test_an_unknown_store_costs_no_report(connected: Sandbox) -> None:
    """A path whose protocol no package knows fails before a report is requested."""
    with pytest.raises(ValueError, match="novel"):
        FakeTask().start(operator(connected, "novel://bucket/a.csv"))
    assert requested(connected) == 0
