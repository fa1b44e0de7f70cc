"""run_report under random faults: one request, and a whole file or none."""

import asyncio
import csv
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fake_clock import FakeClock

from fieldingkit import AsyncClient
from fieldingkit.errors import FieldingKitError
from fieldingkit.resources.reports import GenerateReport
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import run_report, save_report

ROWS = 40
FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "applied, and the connection breaks": faults.ApplyThenDrop,
    "applied, and the response is cut off": faults.ResetMidBody,
    "applied, and a gateway answers": lambda: faults.ApplyThenAnswer(503),
    "lost": faults.DropBefore,
    "refused by a gateway": lambda: faults.Answer(503),
    "the page of a proxy": lambda: faults.HtmlPage(200),
    "not there": lambda: faults.Answer(404),
}
OPERATIONS = ("generate_report", "report_status", "report_requests", "download_report_v2")


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Return one sandbox for all examples."""
    with Sandbox(job_seconds=1) as sandbox:
        sandbox.seed(live=1, goal=100, completes=ROWS)
        yield sandbox


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder, hidden ones included."""
    return list(folder.iterdir())


def check(folder: Path) -> None:
    """Check that a folder has one file, which is whole."""
    (file,) = files_in(folder)
    with file.open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == ROWS


async def run(sandbox: Sandbox, plan: list[tuple[str, str]], folder: Path) -> None:
    """Run the workflow under a plan of faults; after an error, save the report without any."""
    today = sandbox.clock.now().date()
    command = GenerateReport(
        report_type="completes", start_date=today - timedelta(days=30), end_date=today + timedelta(days=2)
    )
    known = set(sandbox.jobs)
    sandbox.requests.clear()
    sandbox.faults.clear()
    for operation, fault in plan:
        sandbox.faults.add(operation, FAULTS[fault]())
    async with AsyncClient(
        auth=sandbox.token,
        account_id=sandbox.account_id,
        base_url=sandbox.url,
        clock=FakeClock(sandbox.clock, jump=600.0),
        deadline=None,
    ) as client:
        try:
            saved = await run_report(client, command, folder)
        except FieldingKitError as exc:
            created = set(sandbox.jobs) - known
            assert files_in(folder) == []
            assert exc.maybe_applied or not created or created.pop() in exc.message
            sandbox.faults.clear()
            for report_id in set(sandbox.jobs) - known:
                await save_report(client, report_id, folder)
                check(folder)
        else:
            assert {saved.report_id} == set(sandbox.jobs) - known
            check(folder)
    assert sum(request.operation_id == "generate_report" for request in sandbox.requests) == 1
    sandbox.clock.advance(60)  # the next example starts later than this one


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(sorted(FAULTS))), max_size=6))
def test_a_report_is_requested_once_and_saved_whole(shared: Sandbox, plan: list[tuple[str, str]]) -> None:
    """A report is requested once, and named or followed; its file is whole or not there, under any faults."""
    shared.clock.freeze()
    with TemporaryDirectory() as folder:
        asyncio.run(run(shared, plan, Path(folder)))
