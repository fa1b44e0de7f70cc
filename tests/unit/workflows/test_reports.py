"""run_report and save_report: one report for each run, even if answers are lost, and its whole file."""

import asyncio
import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client, PollPolicy
from fieldingkit.errors import (
    BadRequestError,
    ConfigurationError,
    DecodeError,
    InvalidCommandError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    WorkflowError,
)
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.resources.reports import GenerateReport, ReportOptions, ReportState
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import SavedReport, run_report, save_report

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def client(sandbox: Sandbox, make_client: MakeClient) -> AsyncClient:
    """Return a client whose waits take no time, those between the polls of a report included."""
    return make_client(clock=FakeClock(sandbox.clock, jump=600.0), deadline=None)


def report(sandbox: Sandbox, **changes: Any) -> GenerateReport:
    """Return a command for the bought sample of the last month."""
    today = sandbox.clock.now().date()
    period = {"start_date": today - timedelta(days=30), "end_date": today + timedelta(days=1)}
    fields: dict[str, Any] = {"report_type": "sample-bought", **period, **changes}
    return GenerateReport(**fields)


def requested(sandbox: Sandbox) -> int:
    """Return the number of requests for a new report."""
    return sum(request.operation_id == "generate_report" for request in sandbox.requests)


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder, hidden ones included."""
    return list(folder.iterdir())


def prices(path: Path) -> list[Decimal]:
    """Return the prices in a file."""
    with path.open(newline="") as file:
        return [Decimal(row["price"]) for row in csv.DictReader(file)]


async def test_a_report_is_saved_as_a_file(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """The file has what the ledger says, the suffix of its content type, and nothing is left beside it."""
    project = sandbox.seed(live=2, goal=50, completes=30)
    saved = await run_report(client, report(sandbox), tmp_path / "bought")
    assert saved.path == tmp_path / "bought.csv"
    assert (saved.size, saved.content_type) == (saved.path.stat().st_size, "text/csv")
    assert saved.filename == f"{saved.report_id}_sample-bought.csv"
    assert saved.conflicts == ()
    assert sum(prices(saved.path)) == sum(group.ledger.cost.value for group in project.groups)
    assert files_in(tmp_path) == [saved.path]
    assert saved.to_dict()["path"] == str(saved.path)


def test_a_blocking_client_saves_it_too(sandbox: Sandbox, blocking_client: Client, tmp_path: Path) -> None:
    """The workflow runs with ``client.call``."""
    sandbox.seed(live=1)
    saved: SavedReport = blocking_client.with_options(poll=PollPolicy(first_delay=0.01, min_interval=0.01)).call(
        run_report, report(sandbox), tmp_path / "bought.csv"
    )
    assert saved.path.read_bytes().startswith(b"rid,")


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "a.csv"), ("a.dat", "a.dat"), ("a", "a.csv"), ("", "report-{}.csv")]
)
async def test_the_path_may_lack_a_suffix_or_a_name(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, name: str, expected: str
) -> None:
    """A given suffix stays; without one, that of the content type is added; a directory gets a file."""
    saved = await run_report(client, report(sandbox), tmp_path / name)
    assert saved.path == tmp_path / expected.format(saved.report_id)
    assert files_in(tmp_path) == [saved.path]


@pytest.mark.parametrize(
    ("headers", "suffix"),
    [
        ({"Content-Type": XLSX}, ".xlsx"),
        ({"Content-Type": "application/vnd.ms-excel; charset=binary"}, ".xls"),
        ({"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="../a.zip"'}, ".zip"),
        ({"Content-Type": "application/unheard-of"}, ""),
    ],
)
async def test_the_suffix_is_that_of_the_content(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, headers: dict[str, str], suffix: str
) -> None:
    """Excel files have their suffix; for other types, the name that the API gave the file decides."""
    sandbox.faults.add("download_report_v2", faults.Answer(200, body=b"PK\x03\x04", headers=headers))
    saved = await run_report(client, report(sandbox), tmp_path / "file")
    assert saved.path == tmp_path / f"file{suffix}"
    assert saved.path.read_bytes() == b"PK\x03\x04"


async def test_an_earlier_file_is_replaced_and_no_other(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """Only the file with the final name is replaced; one without the suffix stays."""
    (tmp_path / "a").write_text("mine")
    (tmp_path / "a.csv").write_text("old")
    saved = await run_report(client, report(sandbox), tmp_path / "a")
    assert (tmp_path / "a").read_text() == "mine"
    assert saved.path.read_bytes().startswith(b"rid,")


@pytest.mark.parametrize("name", ["missing/a.csv", "", "missing/a"])
async def test_a_path_is_checked_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, name: str
) -> None:
    """A path that cannot be written costs no report."""
    path = str(tmp_path / name) if name else ""
    for run in (run_report(client, report(sandbox), path), save_report(client, "01HY3NF37B6J2ABPA3H49C92YZ", path)):
        with pytest.raises(InvalidCommandError, match="path"):
            await run
    assert sandbox.requests == []


async def test_a_period_without_data_is_refused(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A period that begins more than twelve months ago is refused before anything is sent."""
    today = sandbox.clock.now().date()
    old = report(sandbox, start_date=today - timedelta(days=370), end_date=today - timedelta(days=300))
    with pytest.raises(InvalidCommandError, match="twelve months") as caught:
        await run_report(client, old, tmp_path / "a.csv")
    assert caught.value.field == "start_date"
    assert sandbox.requests == []
    within = report(sandbox, start_date=today - timedelta(days=360), end_date=today - timedelta(days=300))
    assert prices((await run_report(client, within, tmp_path / "a.csv")).path) == []


@pytest.mark.parametrize(
    "fault", [faults.ApplyThenDrop(), faults.ResetMidBody(), faults.TruncatedJson(), faults.ApplyThenAnswer(503)]
)
async def test_an_unclear_start_is_found_in_the_list(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, fault: faults.Fault
) -> None:
    """A report that was requested, and whose answer is lost, is followed; none is requested again."""
    sandbox.seed(live=1)
    earlier = await run_report(client, report(sandbox), tmp_path / "earlier.csv")
    sandbox.clock.advance(60)
    sandbox.faults.add("generate_report", fault)
    saved = await run_report(client, report(sandbox), tmp_path / "a.csv")
    assert requested(sandbox) == 2
    assert [conflict.maybe_applied for conflict in saved.conflicts] == [True]
    assert saved.report_id not in {earlier.report_id, ""}


async def test_a_lost_start_is_reported(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """If no report appears, the error says that it may still; an earlier one with the same request is not taken."""
    await run_report(client, report(sandbox), tmp_path / "earlier.csv")
    sandbox.clock.advance(60)
    sandbox.faults.add("generate_report", faults.DropBefore())
    with pytest.raises(WorkflowError, match="no report with this request is listed") as caught:
        await run_report(client, report(sandbox), tmp_path / "a.csv")
    assert (caught.value.maybe_applied, requested(sandbox)) == (True, 2)
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    "other",
    [
        {"report_type": "completes"},
        {"report_options": ReportOptions(include_respondent_answers=True)},
        {"end_date": date.min},
        {"level": "project"},
    ],
)
async def test_a_report_with_another_request_is_not_taken(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, other: dict[str, Any]
) -> None:
    """After an unclear outcome, the report of a colleague with another request is not taken for the own one."""
    project = sandbox.seed(live=1)
    if "level" in other:
        other = {**other, "filter_ids": [project.id]}
    if "end_date" in other:
        other = {"end_date": sandbox.clock.now().date()}

    class Colleague(faults.Fault):
        """Another user requests a report while the connection breaks."""

        async def inject(self, exchange: faults.Exchange) -> Any:
            await client.send(report(sandbox, **other))
            return await faults.DropBefore().inject(exchange)

    sandbox.faults.add("generate_report", Colleague())
    with pytest.raises(WorkflowError, match="no report with this request"):
        await run_report(client, report(sandbox), tmp_path / "a.csv")


async def test_a_refused_request_is_not_searched_for(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A request that the API refuses was certainly not applied."""
    with pytest.raises(BadRequestError):
        await run_report(client, report(sandbox, report_type="novel"), tmp_path / "a.csv")
    assert [request.operation_id for request in sandbox.requests] == ["generate_report"]


async def test_a_failed_report_saves_nothing(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """The failure of a report is an error with the API's message; it has changed nothing."""
    sandbox.faults.add("generate_report", faults.FailedJob())
    with pytest.raises(JobFailedError, match="Injected by a fault") as caught:
        await run_report(client, report(sandbox), tmp_path / "a.csv")
    assert caught.value.maybe_applied is False
    assert files_in(tmp_path) == []


async def test_a_report_may_have_failed_at_once(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A report that is accepted as failed has ended: it is not polled."""
    body = {"message": "no", "report_id": "R1", "report_url": None, "status": "Failed"}
    sandbox.faults.add("generate_report", faults.Answer(202, body=body))
    with pytest.raises(JobFailedError):
        await run_report(client, report(sandbox), tmp_path / "a.csv")
    assert [request.operation_id for request in sandbox.requests] == ["generate_report"]


async def test_an_emailed_report_is_followed_to_its_end(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """The word ``emailed`` does not end a report."""
    saved = await run_report(client, report(sandbox, email_recipients=["U1"]), tmp_path / "a.csv")
    assert saved.path.exists()


@pytest.mark.parametrize("word", ["in_progress", "under-review"])
async def test_a_report_that_never_ends_can_be_saved_later(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, word: str
) -> None:
    """A wait ends after an hour, with the last word and a token; the report is saved once it has ended."""
    body = {"report_id": "", "status": word, "message": "..."}

    class Word(faults.Fault):
        """Answer with a word that ends no report."""

        async def inject(self, exchange: faults.Exchange) -> Any:
            body["report_id"] = exchange.parameters["report_id"]
            return await faults.Answer(200, body=body).inject(exchange)

    sandbox.faults.add("report_status", Word(), times=None)
    jobs: list[Any] = []
    with pytest.raises(JobTimeoutError, match=word) as caught:
        await run_report(client, report(sandbox), tmp_path / "a.csv", on_start=jobs.append)
    assert caught.value.token == jobs[0].token()
    sandbox.faults.clear()
    by_token = await save_report(client, jobs[0].token(), tmp_path / "token.csv")
    by_id = await save_report(client, str(caught.value.job_id), tmp_path / "id.csv")
    assert by_token.report_id == by_id.report_id == caught.value.job_id
    assert by_token.path.read_bytes() == by_id.path.read_bytes()
    assert requested(sandbox) == 1


async def test_an_error_of_the_callback_names_the_job(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """The report is written although the callback failed, so the error has the token of its job."""
    with pytest.raises(ZeroDivisionError) as caught:
        await run_report(client, report(sandbox), tmp_path / "a.csv", on_start=lambda _: 1 // 0)
    assert "client.job(" in caught.value.__notes__[0]


async def test_a_download_that_was_cut_is_repeated(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A file that was cut off, or is not there yet, is downloaded again, and the errors are kept."""
    sandbox.faults.add("download_report_v2", faults.ResetMidBody())
    sandbox.faults.add("download_report_v2", faults.Answer(404))
    sandbox.faults.add("download_report_v2", faults.Answer(202, body={"status": "processing"}))
    saved = await run_report(client, report(sandbox), tmp_path / "a.csv")
    assert saved.size == saved.path.stat().st_size
    assert [type(conflict) for conflict in saved.conflicts] == [NotFoundError, DecodeError]


async def test_a_file_that_cannot_be_had_leaves_nothing(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """If every download is cut off, the error says that the report is completed, and names it."""
    sandbox.faults.add("download_report_v2", faults.ResetMidBody(), times=None)
    with pytest.raises(WorkflowError, match=r"completed.*by its id") as caught:
        await run_report(client, report(sandbox), tmp_path / "a")
    assert files_in(tmp_path) == []
    sandbox.faults.clear()
    report_id = caught.value.message.split()[2]
    assert (await save_report(client, report_id, tmp_path / "a")).path == tmp_path / "a.csv"


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json"])
async def test_the_page_of_a_proxy_is_no_report(
    sandbox: Sandbox, client: AsyncClient, tmp_path: Path, content_type: str
) -> None:
    """A page that answers 200 is not saved, and an earlier file stays."""
    (tmp_path / "a.csv").write_text("old")
    page = faults.Answer(200, body=b"<html>Log in</html>", headers={"Content-Type": content_type})
    sandbox.faults.add("download_report_v2", page)
    with pytest.raises(WorkflowError, match="and not the file"):
        await run_report(client, report(sandbox), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "old"
    assert len(files_in(tmp_path)) == 1


async def test_a_symbolic_link_is_followed(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """The file behind a link is replaced, and the link stays."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "inner" / "real.csv")
    saved = await run_report(client, report(sandbox), tmp_path / "link.csv")
    assert saved.path == tmp_path / "link.csv"
    assert saved.path.is_symlink()
    assert (tmp_path / "inner" / "real.csv").read_bytes().startswith(b"rid,")
    assert len(files_in(tmp_path / "inner")) == 1


async def test_two_runs_into_one_file_leave_a_whole_one(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """Two reports for one path: the last one stays, whole, and nothing is left beside it."""
    sandbox.seed(live=1, goal=100, completes=40)
    both = await asyncio.gather(
        run_report(client, report(sandbox), tmp_path / "a.csv"),
        run_report(client, report(sandbox, report_type="completes"), tmp_path / "a.csv"),
    )
    assert (tmp_path / "a.csv").stat().st_size in {saved.size for saved in both}
    assert len(files_in(tmp_path)) == 1


async def test_a_cancelled_wait_names_the_token(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A cancellation during the download leaves no file, and its note names the report."""

    class Cancel(faults.Fault):
        """Cancel the workflow when its download arrives."""

        async def inject(self, exchange: faults.Exchange) -> Any:
            loop.call_soon_threadsafe(running.cancel)
            return await faults.Hang().inject(exchange)

    loop = asyncio.get_running_loop()
    sandbox.faults.add("download_report_v2", Cancel())
    running = asyncio.create_task(run_report(client, report(sandbox), tmp_path / "a"))
    with pytest.raises(asyncio.CancelledError) as caught:
        await running
    assert any("report" in note for note in caught.value.__notes__)
    assert files_in(tmp_path) == []


async def test_a_token_of_another_job_is_refused(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """The token of a batch is not that of a report; text that is neither id nor token is refused."""
    project = sandbox.seed(live=1)
    job = await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    with pytest.raises(InvalidCommandError, match="not of a report"):
        await save_report(client, job.token(), tmp_path / "a.csv")
    with pytest.raises(InvalidCommandError, match="report_id"):
        await save_report(client, "../status", tmp_path / "a.csv")


async def test_an_unknown_report_is_gone(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A report that does not exist is an error, not an endless wait; nothing was requested, so nothing is unclear."""
    with pytest.raises(NotFoundError, match="404") as caught:
        await save_report(client, "01HY3NF37B6J2ABPA3H49C92YZ", tmp_path / "a.csv")
    assert not caught.value.maybe_applied


async def test_the_words_of_the_examples_end_a_report(make_client: MakeClient, tmp_path: Path) -> None:
    """``IN PROGRESS`` and ``COMPLETED`` are understood, and ids may be UUIDs."""
    with Sandbox(job_seconds=0.02, report_words="examples", job_ids="uuid") as sandbox:
        client = make_client(
            base_url=sandbox.url, auth=sandbox.token, clock=FakeClock(sandbox.clock, jump=600.0), deadline=None
        )
        sandbox.faults.add("generate_report", faults.ApplyThenDrop())
        saved = await run_report(client, report(sandbox), tmp_path / "a.csv")
        assert ReportState("COMPLETED") is ReportState.COMPLETED
        assert (len(saved.report_id), len(saved.conflicts)) == (36, 1)


@pytest.mark.parametrize("command", [None, "completes", GenerateReport])
async def test_a_report_is_a_command(client: AsyncClient, sandbox: Sandbox, tmp_path: Path, command: Any) -> None:
    """Anything but a command of this kind, or a client of another kind, is refused before anything is sent."""
    wrong: Any = "client"
    with pytest.raises(InvalidCommandError, match="GenerateReport"):
        await run_report(client, command, tmp_path / "a.csv")
    with pytest.raises(ConfigurationError, match="AsyncClient"):
        await run_report(wrong, report(sandbox), tmp_path / "a.csv")
    with pytest.raises(ConfigurationError, match="AsyncClient"):
        await save_report(wrong, "R1", tmp_path / "a.csv")
    assert sandbox.requests == []


@pytest.mark.parametrize("timeout", ["soon", float("nan")])
async def test_a_timeout_is_a_number(client: AsyncClient, sandbox: Sandbox, tmp_path: Path, timeout: Any) -> None:
    """A timeout that is no number is refused before anything is sent."""
    for run in (
        run_report(client, report(sandbox), tmp_path / "a.csv", timeout=timeout),
        save_report(client, "R1", tmp_path / "a.csv", timeout=timeout),
    ):
        with pytest.raises(ConfigurationError, match="timeout"):
            await run
    assert sandbox.requests == []
