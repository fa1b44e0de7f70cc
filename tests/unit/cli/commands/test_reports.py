"""``fieldingkit reports``, in this process, on a sandbox."""

import csv
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.command_line import Cli

from fieldingkit import Client
from fieldingkit.resources.reports import GenerateReport
from fieldingkit.sandbox import Sandbox, faults


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll reports as quickly as other jobs."""
    monkeypatch.setattr(GenerateReport, "pace", None)


def period(sandbox: Sandbox) -> tuple[str, str, str, str]:
    """Return the options of a report of the last month."""
    today = sandbox.clock.now().date()
    days: list[date] = [today - timedelta(days=30), today + timedelta(days=1)]
    return ("--start", days[0].isoformat(), "--end", days[1].isoformat())


def test_a_report_is_saved(connected: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    """The file is where it should be; its name, its size and the report's id are printed."""
    project = sandbox.seed(live=1, goal=10, completes=4)
    ended = connected("reports", "run", "sample-bought", "bought", *period(sandbox), "--project", project.id)
    assert ended.code == 0, ended.err
    file = Path("bought.csv")
    assert f"{file.stat().st_size:,} bytes" in ended.out
    assert "reports download" in ended.err
    with file.open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == 4
    assert tmp_path == Path.cwd()


def test_a_saved_report_is_one_json_document(connected: Cli, sandbox: Sandbox) -> None:
    """With --json the result is a document with the path, the size, the type and the id."""
    ended = connected("reports", "run", "completes", "a.csv", *period(sandbox), "--json")
    document = json.loads(ended.out)
    assert (document["path"], document["size"]) == ("a.csv", Path("a.csv").stat().st_size)
    assert (document["content_type"], len(document["report_id"])) == ("text/csv", 26)


def test_a_month_is_a_period(connected: Cli, sandbox: Sandbox) -> None:
    """--month stands for its first day and that of the next month."""
    month = (sandbox.clock.now().date().replace(day=1) - timedelta(days=1)).isoformat()[:7]
    assert connected("reports", "run", "completes", "a.csv", "--month", month).code == 0
    body = next(request.json for request in sandbox.requests if request.operation_id == "generate_report")
    assert body["start_date"] == f"{month}-01"
    assert body["end_date"] == sandbox.clock.now().date().replace(day=1).isoformat()


def test_a_period_that_is_not_over_is_named(connected: Cli, sandbox: Sandbox) -> None:
    """Nothing in the file shows that rows are still to come."""
    after = sandbox.clock.now().date() + timedelta(days=5)
    start = after - timedelta(days=30)
    ended = connected("reports", "run", "completes", "a.csv", "--start", f"{start}", "--end", f"{after}")
    assert (ended.code, f"The period is not over before {after}" in ended.err) == (0, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Give --month, or --start and --end."),
        (("--start", "2036-01-01"), "Give --month, or --start and --end."),
        (("--month", "2036-01", "--end", "2036-02-01"), "Give --month, or --start and --end."),
        (("--month", "January"), "--month January is no month"),
        (("--month", "2036-01", "--group", "A", "--project", "B"), "A report has one level."),
        (("--month", "2036-01", "--business-unit", "A", "--business-unit", "../B"), "filter ids"),
        (("--start", "2036-01-01", "--end", "2036-08-01"), "--end (2036-08-01) must be at most six months after"),
        (("--start", "2020-01-01", "--end", "2020-02-01"), "--start (2020-01-01) is more than twelve months ago"),
    ],
)
def test_a_wrong_period_or_level_is_a_usage_error(
    connected: Cli, sandbox: Sandbox, options: tuple[str, ...], message: str
) -> None:
    """A period or a level that cannot be is exit code 2, and nothing is sent."""
    ended = connected("reports", "run", "completes", "a.csv", *options)
    assert (ended.code, sandbox.requests) == (2, [])
    assert message in " ".join(ended.err.split())


def test_reports_are_listed_and_saved_later(connected: Cli, sandbox: Sandbox) -> None:
    """A report of another client is in the list, and is saved by its id or by the token of its job."""
    today = sandbox.clock.now().date()
    command = GenerateReport(
        report_type="completes", start_date=today - timedelta(days=1), end_date=today + timedelta(days=1)
    )
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        job = client.submit(command)
        report_id, token = job.id, job.token()
    listed = connected("reports", "list", "--type", "completes").out
    assert listed.split("\t")[:3] == [report_id, "completes", "account"]
    assert json.loads(connected("reports", "list", "--json").out)["report_id"] == report_id
    assert connected("reports", "list", "--level", "project").err.strip() == "No matching reports."
    assert connected("reports", "download", report_id, "a").code == 0
    assert connected("reports", "download", token, "b.csv").code == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()


def test_a_failed_report_is_exit_code_one(connected: Cli, sandbox: Sandbox) -> None:
    """A report that failed saves nothing."""
    sandbox.faults.add("generate_report", faults.FailedJob())
    ended = connected("reports", "run", "completes", "a.csv", *period(sandbox))
    assert ended.code == 1
    assert "Injected by a fault" in ended.err
    assert not Path("a.csv").exists()


def test_a_report_that_takes_too_long_is_exit_code_four(connected: Cli, sandbox: Sandbox) -> None:
    """When the wait ends first, the message has the command that saves the report later."""
    sandbox.faults.add("report_status", faults.StuckJob(), times=None)
    ended = connected("reports", "run", "completes", "a.csv", *period(sandbox), "--wait-seconds", "0.3")
    assert ended.code == 4
    (job,) = sandbox.jobs
    assert f"Run: fieldingkit reports download {job} FILE" in ended.err


def test_a_lost_answer_is_reported(connected: Cli, sandbox: Sandbox) -> None:
    """A report whose answer was lost is saved, and the message says what was handled."""
    sandbox.faults.add("generate_report", faults.ApplyThenDrop())
    ended = connected("reports", "run", "completes", "a.csv", *period(sandbox))
    assert ended.code == 0
    assert "Handled: " in ended.err
    assert sum(request.operation_id == "generate_report" for request in sandbox.requests) == 1


def test_a_path_that_cannot_be_written_costs_no_report(connected: Cli, sandbox: Sandbox) -> None:
    """A folder that does not exist is exit code 2 before anything is sent."""
    ended = connected("reports", "run", "completes", "missing/a.csv", *period(sandbox))
    assert (ended.code, sandbox.requests) == (2, [])
    assert "path 'missing/a.csv' cannot be written: No such file or directory" in ended.err


def test_an_unknown_report_is_an_error(connected: Cli, sandbox: Sandbox) -> None:
    """A report that is unknown to the API, or no id at all, is an error."""
    assert connected("reports", "download", "../users", "a.csv").code == 2
    assert sandbox.requests == []
