"""The journal: its lock, refused files, and resumed runs."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.fake_clock import FakeClock
from support.sweep_plans import change_journal, interrupt, pausing

from fieldingkit import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Action, Counts, Journal, SweepPlan, TargetGroupQuery, read_report, sweep
from fieldingkit.sweeps.checkpoint import JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk, ChunkState, split_into_chunks
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Statement
from fieldingkit.sweeps.report import Outcome, SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

CREATE, LIST = "create_bulk_pause_target_groups_job", "get_list_target_groups"
POLL = "get_bulk_pause_target_groups_job"
RUNS = "get_fielding_runs_by_target_group_id"

HOLD = """
import sys
from fieldingkit.sweeps import Journal
journal = Journal(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_dead(path: Path) -> None:
    """The lock is released by the kernel, however the process dies."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(JournalError, match=f"is in use by another sweep: process {holder.pid} on "):
            Journal(path)
        with Journal(path, read_only=True) as reader:
            assert reader.runs() == []
            assert reader.writer is not None
            assert reader.writer.startswith(f"process {holder.pid} on ")

            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
            assert reader.writer is None
        with Journal(path) as journal:
            assert journal.runs() == []


def test_a_process_cannot_open_a_journal_twice(path: Path) -> None:
    """The journal can be opened again after it was closed."""
    with Journal(path), pytest.raises(JournalError, match=f"process {os.getpid()}"):
        Journal(path)
    Journal(path).close()


def test_a_given_executor_runs_all_access_and_is_left_running(path: Path) -> None:
    """Closing the journal waits for its writes, and does not shut down an executor that it did not create."""

    class CountingExecutor(ThreadPoolExecutor):
        submitted = 0

        def submit(self, *args: Any, **kwargs: Any) -> Any:
            self.submitted += 1
            return super().submit(*args, **kwargs)

    with CountingExecutor(max_workers=1) as executor:
        with Journal(path, executor=executor) as journal:
            assert journal.runs() == []
            holder = journal.write([Statement("UPDATE holder SET host = ?", [("here",)])])
        assert holder.done()
        assert executor.submitted == 3
        with pytest.raises(JournalError, match="closed"):
            journal.runs().clear()
        Journal(path, executor=executor).close()


def test_a_forked_child_does_not_inherit_the_lock(path: Path) -> None:
    """A child that outlives its parent does not hold the parent's journal."""
    program = f"""
import os, sys, time
from fieldingkit.sweeps import Journal
journal = Journal(sys.argv[1])
if os.fork() == 0:
    os.close(1)
    time.sleep(30)
os.write(1, b"forked\\n")
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    done = subprocess.run([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, check=False)
    assert done.stdout == b"forked\n"

    Journal(path).close()


def test_a_journal_of_a_later_release_is_refused_unchanged(path: Path) -> None:
    """A newer schema is refused without a change to the file."""
    Journal(path).close()
    change_journal(path, "PRAGMA user_version = 99")
    before = path.read_bytes()

    for read_only in (False, True):
        with pytest.raises(JournalError, match=r"later release of fieldingkit \(schema 99; this release reads 6\)"):
            Journal(path, read_only=read_only)

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunks SET reached = 'no JSON'",
        "UPDATE chunks SET reached = '[]', sent_at = 'yesterday', state = 'lost'",
        "UPDATE runs SET projects = '[[]]'",
        "UPDATE runs SET unlisted = '[]'",
        "UPDATE runs SET started_at = 'yesterday'",
        "UPDATE runs SET discovered_at = 1e300",
        "UPDATE runs SET plan = x'00ff'",
        "UPDATE groups SET outcome = 'perhaps'",
        "UPDATE verifications SET stragglers = '[[1]]'",
        "UPDATE verifications SET verified_at = 'now'",
        "ALTER TABLE chunks DROP COLUMN created_by",
    ],
)
async def test_a_run_that_cannot_be_decoded_is_named(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path, damage: str
) -> None:
    """A damaged row is an error of the journal, with the file and the run, and nothing is sent."""
    plan = pausing(sandbox.seed(live=2), run_id="tonight")
    await sweep(sweep_client, plan, journal=path)
    change_journal(path, damage)
    sandbox.requests.clear()
    unreadable = rf"{path}.* run tonight.* cannot be read"

    with Journal(path) as journal, pytest.raises(JournalError, match=unreadable):
        read_report(journal, "tonight")
    if "plan" not in damage:
        with pytest.raises(JournalError, match=unreadable):
            await sweep(sweep_client, plan, journal=path)
        assert not sandbox.requests


@pytest.mark.parametrize("damage", ["started_at = 'yesterday'", "action = 'stop'", "finished_at = 1e300"])
def test_a_list_of_runs_that_cannot_be_decoded_is_refused(path: Path, damage: str) -> None:
    """The error names the file and the run."""
    with Journal(path) as journal:
        row = ("tonight", "f", "{}", "pause", "https://api.example", "101", "1", None, None, "{}", "[]", 1.0)
        sql = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, 0)"
        journal.write([Statement(sql, [row])]).result()
    change_journal(path, f"UPDATE runs SET {damage}")

    with Journal(path) as journal, pytest.raises(JournalError, match=rf"{path}.* run tonight.* cannot be read"):
        journal.runs()


@pytest.mark.parametrize("content", [b"this is no database at all, but text of a certain length" * 20, "another"])
def test_another_file_is_refused_unchanged(path: Path, content: bytes | str) -> None:
    """A file with other content is refused without a change to it."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        change_journal(path, "CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(JournalError):
        Journal(path)

    assert path.read_bytes() == before


def test_reading_a_missing_journal_creates_no_file(path: Path) -> None:
    """A mistyped path is reported."""
    with pytest.raises(JournalError, match="cannot be used as a journal"):
        Journal(path, read_only=True)

    assert not path.exists()


async def test_a_finished_run_returns_its_report_without_a_request(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The journal contains the whole report."""
    project = sandbox.seed(live=3, paused=1, draft=1)
    plan = pausing(project, chunk_size=2, run_id="tonight")
    report = await sweep(sweep_client, plan, journal=path)
    sandbox.requests.clear()

    again = await sweep(sweep_client, plan, journal=path)

    assert again == attrs.evolve(report, as_of=again.finished_at)
    assert not sandbox.requests


async def test_a_journal_lists_its_runs(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """Runs, plans and reports are readable while another process sweeps."""
    project = sandbox.seed(live=3, draft=1)
    plan = pausing(project, run_id="tonight")
    report = await sweep(sweep_client, plan, journal=path)

    with Journal(path), Journal(path, read_only=True) as journal:
        (run,) = journal.runs()
        assert (run.run_id, run.action, run.total, tuple(run.counts)) == (
            "tonight",
            Action.PAUSE,
            4,
            (3, 0, 0, 1, 0, 0),
        )
        assert run.finished_at is not None
        assert journal.plan("tonight") == plan
        assert read_report(journal, "tonight") == attrs.evolve(
            report, started_at=run.started_at, finished_at=run.finished_at, as_of=run.finished_at
        )
        with pytest.raises(JournalError, match="does not contain the run 'other'"):
            read_report(journal, "other")


async def test_an_interrupted_run_resumes_without_repeating_jobs(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """Submitted jobs are polled by their tokens, the others are sent, and nothing is sent twice."""
    project = sandbox.seed(live=10)
    plan = pausing(project, chunk_size=2, concurrency=2, run_id="tonight")
    sandbox.faults.add(POLL, faults.Hang(), times=None)  # neither job ends before the other is submitted
    await interrupt(sweep_client, plan, path, submitted=2)
    sandbox.faults.clear()
    with Journal(path, read_only=True) as journal:
        (run,) = journal.runs()
        assert run.finished_at is None
        assert read_report(journal, "tonight").counts == Counts(not_sent=6, unknown=4)
    sandbox_clock.advance(5.0)  # so that the second process reads later than the first one sent, by the API's time

    report = await sweep(sweep_client, plan, journal=path)

    assert tuple(report.counts) == (10, 0, 0, 0, 0, 0)
    assert {group.previous_status for group in report.groups} == {"live"}
    assert Counter(job.target_group_ids for job in sandbox.jobs.values()).most_common(1)[0][1] == 1
    assert len(sandbox.jobs) == 5
    created = [request for request in sandbox.requests if request.operation_id == CREATE]
    assert len(created) <= 7


async def test_a_resumed_query_keeps_its_target_groups(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """Target groups that no longer match still belong to the run."""
    project = sandbox.seed(live=6)
    query = TargetGroupQuery(status=["live"])
    plan = SweepPlan(action="pause", query=query, run_id="tonight", chunk_size=2, concurrency=1)
    await interrupt(sweep_client, plan, path, submitted=2)

    report = await sweep(sweep_client, plan, journal=path)

    assert report.counts.total == 6
    assert report.counts.updated == 6
    assert project.ids("paused") == project.ids()


async def test_an_unknown_outcome_is_resolved_by_a_later_run(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A job that had not ended is polled again by the next process."""
    project = sandbox.seed(live=2)
    sandbox.faults.add(CREATE, faults.StuckJob())
    plan = pausing(project, job_timeout=5.0, run_id="tonight")
    report = await sweep(sweep_client, plan, journal=path)
    assert report.counts.unknown == 2
    (job,) = sandbox.jobs.values()

    body = {
        "job_id": job.id,
        "status": "Completed",
        "created_at": "2026-11-21T12:00:00.000Z",
        "updated_target_groups": {"data": [{"target_group_id": id_} for id_ in project.ids()]},
    }
    sandbox.faults.add("get_bulk_pause_target_groups_job", faults.Answer(200, body))
    again = await sweep(sweep_client, plan, journal=path)

    assert again.counts.updated == 2
    assert len(sandbox.jobs) == 1


async def test_another_plan_with_the_same_run_id_is_refused(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A run keeps the plan that it was started with."""
    one, other = sandbox.seed(live=2), sandbox.seed(live=2)
    await sweep(sweep_client, pausing(one, run_id="tonight"), journal=path)

    with pytest.raises(JournalError, match=r"the run tonight in .* belongs to another plan"):
        await sweep(sweep_client, pausing(other, run_id="tonight"), journal=path)

    assert other.ids("live") == other.ids()


async def test_concurrent_sweeps_share_a_journal_but_not_a_run(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """An open journal can be shared within a process."""
    one, other = sandbox.seed(live=4), sandbox.seed(live=4)
    with Journal(path) as journal:
        reports = await asyncio.gather(
            sweep(sweep_client, pausing(one, run_id="one", chunk_size=1), journal=journal),
            sweep(sweep_client, pausing(other, run_id="other", chunk_size=1), journal=journal),
            sweep(sweep_client, pausing(one, run_id="one", chunk_size=1), journal=journal),
            return_exceptions=True,
        )
        assert {run.run_id: run.counts.updated for run in journal.runs()} == {"one": 4, "other": 4}

    assert isinstance(reports[2], JournalError)
    assert "is already in progress" in str(reports[2])


async def test_nothing_is_sent_if_the_journal_cannot_be_written(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A failing write ends the sweep before its first job."""
    project = sandbox.seed(live=4)
    with Journal(path) as journal:
        journal.run(lambda database: database.execute("DROP TABLE chunks")).result()

        with pytest.raises(JournalError, match=r"sweeps\.db failed"):
            await sweep(sweep_client, pausing(project, run_id="tonight"), journal=journal)

    assert not sandbox.jobs


async def test_a_rejected_job_is_sent_again_by_the_next_run(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A rejection is not ambiguous: it is a failure until a later run succeeds."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    sandbox.faults.add(CREATE, faults.Answer(404), times=2)

    for _ in range(2):
        report = await sweep(sweep_client, plan, journal=path)
        assert report.failure_codes == {"not_found_error": 2}

    assert (await sweep(sweep_client, plan, journal=path)).counts.updated == 2


async def test_a_closed_journal_is_one_file(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path, tmp_path: Path
) -> None:
    """A closed journal can be moved."""
    project = sandbox.seed(live=2)
    await sweep(sweep_client, pausing(project, run_id="tonight"), journal=path)
    assert not path.with_name("sweeps.db-wal").exists()

    moved = shutil.move(path, tmp_path / "elsewhere.db")

    with Journal(moved, read_only=True) as journal:
        assert [run.run_id for run in journal.runs()] == ["tonight"]


async def test_a_slow_disk_does_not_block_the_event_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes run beside the event loop, and pending ones are written together."""
    chunks = [Chunk(number=number, project_id="P", ids=("A",), key="K") for number in range(10)]
    disk, write, writes = threading.Event(), Journal._commit, 0

    def slow_write(journal: Journal, *arguments: Any) -> None:
        nonlocal writes
        writes += 1
        assert disk.wait(20.0)
        write(journal, *arguments)

    with Journal(path) as journal:
        monkeypatch.setattr(Journal, "_commit", slow_write)
        checkpoint = JournalCheckpoint(journal, "tonight")
        writing = [asyncio.ensure_future(checkpoint.save(chunk)) for chunk in chunks]
        await asyncio.wait(writing, timeout=0.02)
        assert not any(task.done() for task in writing)
        disk.set()
        await asyncio.gather(*writing)

    assert writes == 2


async def test_a_failed_write_fails_all_pending_writes(path: Path) -> None:
    """Steps that wait to be written together all raise the error."""
    chunks = [Chunk(number=number, project_id="P", ids=("A",), key="K") for number in range(3)]
    with Journal(path) as journal:
        journal.run(lambda database: database.execute("DROP TABLE chunks")).result()
        checkpoint = JournalCheckpoint(journal, "tonight")

        results = await asyncio.gather(*(checkpoint.save(chunk) for chunk in chunks), return_exceptions=True)

    assert [type(result) for result in results] == [JournalError] * 3


def test_a_symbolic_link_leads_to_the_same_lock(tmp_path: Path) -> None:
    """A journal in use is refused under another name too, and the link stays a link."""
    (tmp_path / "link").symlink_to(tmp_path / "j")
    with Journal(tmp_path / "link") as journal:
        assert journal.path == tmp_path / "j"
        with pytest.raises(JournalError, match="in use by another sweep"):
            Journal(tmp_path / "j")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "j").is_file()


def test_a_journal_may_have_the_name_of_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that starts with "file:" is a path."""
    monkeypatch.chdir(tmp_path)
    with Journal("file:x?mode=memory") as journal:
        assert journal.runs() == []
    assert (tmp_path / "file:x?mode=memory").is_file()
    with Journal("file:x?mode=memory", read_only=True) as journal:
        assert journal.runs() == []


def test_only_the_user_can_read_a_journal(tmp_path: Path) -> None:
    """A journal and its lock are created with mode 0600."""
    with Journal(tmp_path / "j"):
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_lock_of_another_program_is_waited_for(tmp_path: Path) -> None:
    """Another program that holds the journal for a moment does not end the sweep."""
    with Journal(tmp_path / "j") as journal:
        other = sqlite3.connect(tmp_path / "j", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        written = journal.write([Statement("DELETE FROM runs", [()])])
        with pytest.raises(TimeoutError):
            written.result(0.3)
        other.execute("COMMIT")
        other.close()
        written.result(10)


async def test_the_outcomes_of_a_chunk_of_any_size_are_saved(path: Path) -> None:
    """SQLite limits the number of values in a statement, the plan does not limit the size of a chunk."""
    pairs = [("P" * 26, f"{number:026}") for number in range(1201)]
    plan = SweepPlan(action="pause", target_groups={"P" * 26: [id_ for _, id_ in pairs]}, run_id="tonight")
    identity = RunIdentity(base_url="http://api.test", account_id="101", api_version="v", run_id="tonight")
    ledger = Ledger(FoundGroup(id_, project_id) for project_id, id_ in pairs)
    (chunk,) = split_into_chunks(identity, plan.action, pairs, size=len(pairs))
    state = SweepState(
        identity=identity,
        fingerprint=plan.fingerprint,
        ledger=ledger,
        chunks=[chunk],
        started_at=0.0,
        discovered_at=0.0,
    )
    outcomes = [
        ledger.settle(id_, Outcome.FAILED, f"reason {number % 3}")
        if number % 3
        else ledger.settle(id_, Outcome.UPDATED)
        for number, (_, id_) in enumerate(pairs)
    ]

    with Journal(path) as journal:
        checkpoint = JournalCheckpoint(journal, "tonight")
        await checkpoint.discovering(plan, identity, started_at=0.0)
        await checkpoint.discovered(state)
        await checkpoint.save(chunk, outcomes)
        loaded = await checkpoint.load(plan, identity)

    assert loaded is not None
    assert [loaded.ledger.outcome_of(id_) for _, id_ in pairs] == outcomes


async def test_any_text_of_the_api_comes_back_equal(path: Path) -> None:
    """The reason and the code of a failure, the job id, the user and the names, in all tables."""
    odd = "half \ud83d"
    plan = SweepPlan(action="pause", query=TargetGroupQuery(), run_id="tonight")
    identity = RunIdentity(base_url="https://api.example.com", account_id="1", api_version="1", run_id="tonight")
    ledger = Ledger([FoundGroup("A", "P", name=odd, short_id=odd)])
    chunk = Chunk(number=0, project_id="P", ids=("A",), key="K", job_id=odd, created_by=odd, state=ChunkState.SENDING)
    state = SweepState(
        identity=identity,
        fingerprint=plan.fingerprint,
        ledger=ledger,
        chunks=[chunk],
        started_at=1.0,
        discovered_at=1.0,
        unlisted=[UnlistedProject("Q", odd)],
        projects=[SweepProject("P", odd)],
    )
    outcome = ledger.settle("A", Outcome.FAILED, odd, code=odd, job_id=odd)
    with Journal(path) as journal:
        checkpoint = JournalCheckpoint(journal, "tonight")
        await checkpoint.discovering(plan, identity, started_at=1.0)
        await checkpoint.discovered(state)
        await checkpoint.save(chunk, [outcome])
        loaded = await checkpoint.load(plan, identity)

    assert loaded is not None
    assert loaded.ledger.outcome_of("A") == outcome
    assert (loaded.chunks, loaded.unlisted, loaded.projects) == ([chunk], state.unlisted, state.projects)
