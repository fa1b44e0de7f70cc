"""The journal: who may write to it, what is refused, and going on with what was broken off."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest

from fieldingkit import AsyncClient
from fieldingkit.errors import JournalError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.state import Project
from fieldingkit.sweeps import Action, Journal, Outcome, SweepPlan, SweepProgress, TargetGroupQuery, read_report, sweep
from fieldingkit.sweeps.checkpoint import JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk

CREATE, LIST = "create_bulk_pause_target_groups_job", "get_list_target_groups"
RUNS = "get_fielding_runs_by_target_group_id"

HOLD = """
import sys
from fieldingkit.sweeps import Journal
journal = Journal(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "sweeps.db"


def pausing(*projects: Project, **changes: Any) -> SweepPlan:
    """A plan to pause all target groups of projects."""
    return SweepPlan(
        **{
            "action": "pause",
            "target_groups": {project.id: project.ids() for project in projects},
            "run_id": "tonight",
            **changes,
        }
    )


def change(path: Path, sql: str, *values: Any) -> None:
    """Change a journal as nobody should."""
    with sqlite3.connect(path) as database:
        database.execute(sql, values)
    database.close()


async def broken_off(client: AsyncClient, plan: SweepPlan, path: Path, *, submitted: int) -> None:
    """Cancel a sweep as soon as so many jobs have been submitted."""

    def tell(progress: SweepProgress) -> None:
        if progress.jobs_submitted >= submitted:
            sweeping.cancel()

    sweeping = asyncio.ensure_future(sweep(client, plan, journal=path, on_progress=tell))
    with pytest.raises(asyncio.CancelledError):
        await sweeping


def test_the_second_process_is_refused_and_takes_over_when_the_first_is_dead(path: Path) -> None:
    """However it dies."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(JournalError, match=f"is in use by another sweep: process {holder.pid} on "):
            Journal(path)
        with Journal(path, read_only=True) as looking:
            assert looking.runs() == []

        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with Journal(path) as journal:
            assert journal.runs() == []


def test_one_process_cannot_open_a_journal_twice_at_once(path: Path) -> None:
    """But one after the other."""
    with Journal(path), pytest.raises(JournalError, match=f"process {os.getpid()}"):
        Journal(path)
    Journal(path).close()


def test_a_process_that_forks_does_not_leave_its_lock_to_the_child(path: Path) -> None:
    """A child that lives on does not keep the dead parent's journal."""
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


def test_a_journal_of_a_later_release_is_refused_and_left_as_it_is(path: Path) -> None:
    """What we do not understand we do not touch."""
    Journal(path).close()
    change(path, "PRAGMA user_version = 99")
    before = path.read_bytes()

    for read_only in (False, True):
        with pytest.raises(JournalError, match=r"later release of fieldingkit \(schema 99; this release reads 1\)"):
            Journal(path, read_only=read_only)

    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database at all, but text of a certain length" * 20, "another"])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(path: Path, content: bytes | str) -> None:
    """Whoever gives the wrong file does not lose it."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        change(path, "CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(JournalError):
        Journal(path)

    assert path.read_bytes() == before


def test_looking_at_a_journal_that_is_not_there_makes_none(path: Path) -> None:
    """A typing error in the name is told."""
    with pytest.raises(JournalError, match="cannot be used as a journal"):
        Journal(path, read_only=True)

    assert not path.exists()


async def test_a_run_that_has_finished_gives_its_report_again_without_a_request(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Everything is in the journal."""
    project = sandbox.seed(live=3, paused=1, draft=1)
    plan = pausing(project, chunk_size=2)
    report = await sweep(sweep_client, plan, journal=path)
    sandbox.requests.clear()

    again = await sweep(sweep_client, plan, journal=path)

    assert attrs.evolve(again, started_at=report.started_at, finished_at=None) == attrs.evolve(report, finished_at=None)
    assert not sandbox.requests


async def test_a_journal_tells_of_its_runs(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """Which there were, what they were for, and what became of them, also while another process is sweeping."""
    project = sandbox.seed(live=3, draft=1)
    plan = pausing(project)
    report = await sweep(sweep_client, plan, journal=path)

    with Journal(path), Journal(path, read_only=True) as journal:
        (run,) = journal.runs()
        assert (run.run_id, run.action, run.total, tuple(run.counts)) == ("tonight", Action.PAUSE, 4, (3, 0, 0, 1, 0))
        assert run.finished_at is not None
        assert journal.plan("tonight") == plan
        assert read_report(journal, "tonight") == attrs.evolve(
            report, started_at=run.started_at, finished_at=run.finished_at
        )
        with pytest.raises(JournalError, match="does not contain the run 'other'"):
            read_report(journal, "other")


async def test_a_run_that_was_broken_off_follows_its_jobs_and_sends_the_rest(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """What was submitted is followed by its token, what was not is sent, and nothing is sent twice."""
    project = sandbox.seed(live=10)
    plan = pausing(project, chunk_size=2, concurrency=2)
    await broken_off(sweep_client, plan, path, submitted=2)
    with Journal(path, read_only=True) as journal:
        (run,) = journal.runs()
        assert run.finished_at is None
        assert read_report(journal, "tonight").counts.unknown >= 6

    report = await sweep(sweep_client, plan, journal=path)

    assert tuple(report.counts) == (10, 0, 0, 0, 0)
    assert {group.previous_status for group in report.groups} == {"live"}
    assert Counter(job.target_group_ids for job in sandbox.jobs.values()).most_common(1)[0][1] == 1
    assert len(sandbox.jobs) == 5
    created = [request for request in sandbox.requests if request.operation_id == CREATE]
    assert len(created) <= 7


async def test_a_run_of_a_query_keeps_the_target_groups_that_it_found_first(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Those that are paused by now no longer match, but belong to the run."""
    project = sandbox.seed(live=6)
    query = TargetGroupQuery(status=["live"])
    plan = SweepPlan(action="pause", query=query, run_id="tonight", chunk_size=2, concurrency=1)
    await broken_off(sweep_client, plan, path, submitted=2)

    report = await sweep(sweep_client, plan, journal=path)

    assert report.counts.total == 6
    assert report.counts.updated == 6
    assert project.ids("paused") == project.ids()


async def test_a_job_that_had_not_ended_is_followed_again_later(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Unknown is not the last word: the journal knows where to look."""
    project = sandbox.seed(live=2)
    sandbox.faults.add(CREATE, faults.StuckJob())
    plan = pausing(project, job_timeout=5.0)
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


async def test_another_plan_under_the_same_name_is_refused(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A run is what it was begun as."""
    one, other = sandbox.seed(live=2), sandbox.seed(live=2)
    await sweep(sweep_client, pausing(one), journal=path)

    with pytest.raises(JournalError, match=r"the run tonight in .* belongs to another plan"):
        await sweep(sweep_client, pausing(other), journal=path)

    assert other.ids("live") == other.ids()


async def test_one_journal_holds_several_sweeps_at_once_but_no_run_twice(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Within one process an open journal can be shared."""
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


async def test_a_journal_that_cannot_be_written_ends_the_sweep_before_it_sends(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Nothing is sent that is not written down."""
    project = sandbox.seed(live=4)
    with Journal(path) as journal:
        journal.run(lambda database: database.execute("DROP TABLE chunks")).result()

        with pytest.raises(JournalError, match=r"sweeps\.db failed"):
            await sweep(sweep_client, pausing(project), journal=journal)

    assert not sandbox.jobs


async def sent_in_vain(client: AsyncClient, sandbox: Sandbox, plan: SweepPlan, path: Path, *, applied: bool) -> None:
    """Carry a plan out so that no answer to a creation comes back, and no status can be read."""
    sandbox.faults.add(CREATE, faults.ApplyThenDrop() if applied else faults.DropBefore(), times=None)
    sandbox.faults.add(RUNS, faults.Answer(503), times=None)
    sandbox.faults.add(LIST, faults.Answer(503), times=None)
    report = await sweep(client, plan, journal=path)
    assert report.counts.unknown == report.counts.total


@pytest.mark.parametrize("applied", [True, False])
async def test_a_key_that_is_young_is_used_again(
    hasty: AsyncClient, sandbox: Sandbox, path: Path, *, applied: bool
) -> None:
    """Whether the first request arrived or not: with its key there is one job in the end."""
    project = sandbox.seed(live=2)
    plan = pausing(project)
    await sent_in_vain(hasty, sandbox, plan, path, applied=applied)
    sandbox.faults.clear()

    report = await sweep(hasty, plan, journal=path)

    assert tuple(report.counts) == (2, 0, 0, 0, 0)
    keys = {request.headers["Idempotency-Key"] for request in sandbox.requests if request.operation_id == CREATE}
    assert len(keys) == len(sandbox.jobs) == 1


@pytest.mark.parametrize("age", [7200.0, -7200.0])
@pytest.mark.parametrize("applied", [True, False])
async def test_a_key_that_is_old_is_not_used_again_before_reading(
    hasty: AsyncClient, sandbox: Sandbox, path: Path, *, applied: bool, age: float
) -> None:
    """What is done is not sent again; what is not done is sent with a new key. A clock set back makes a key old too."""
    project = sandbox.seed(live=2)
    plan = pausing(project)
    await sent_in_vain(hasty, sandbox, plan, path, applied=applied)
    change(path, "UPDATE chunks SET first_sent_at = ?", time.time() - age)
    sandbox.faults.clear()
    sandbox.requests.clear()

    report = await sweep(hasty, plan, journal=path)

    assert tuple(report.counts) == (2, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 1
    operations = [request.operation_id for request in sandbox.requests]
    assert operations[:2] == [RUNS, RUNS]
    assert operations.count(CREATE) == (0 if applied else 1)


async def test_an_old_key_is_left_alone_as_long_as_nothing_can_be_read(
    hasty: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Neither sent nor given up: the next run may be able to read."""
    project = sandbox.seed(live=2)
    plan = pausing(project)
    await sent_in_vain(hasty, sandbox, plan, path, applied=False)
    change(path, "UPDATE chunks SET first_sent_at = ?", time.time() - 7200.0)

    report = await sweep(hasty, plan, journal=path)

    assert report.counts.unknown == 2
    assert {group.reason for group in report.of(Outcome.UNKNOWN)} == {
        "it may have been sent by an earlier process; it could not be read"
    }
    sandbox.faults.clear()
    assert (await sweep(hasty, plan, journal=path)).counts.updated == 2


async def test_one_that_does_not_exist_does_not_hold_up_the_others_of_an_old_chunk(
    hasty: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """What cannot be read is sent with the rest, once something can be read."""
    project = sandbox.seed(live=4)
    stranger = "01BTGNYV6HRNK8K8VKZASZCFA0"
    plan = pausing(project, target_groups={project.id: [*project.ids(), stranger]})
    await sent_in_vain(hasty, sandbox, plan, path, applied=False)
    change(path, "UPDATE chunks SET first_sent_at = ?", time.time() - 7200.0)
    sandbox.faults.clear()

    report = await sweep(hasty, plan, journal=path)

    assert tuple(report.counts) == (4, 0, 1, 0, 0)
    assert report.failure_codes == {"TargetGroupNotFound": 1}


async def test_what_was_refused_is_tried_again_by_the_next_process(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A refusal is no doubt: it stays a failure as long as it is refused, and goes on once it is not."""
    project = sandbox.seed(live=2)
    plan = pausing(project)
    sandbox.faults.add(CREATE, faults.Answer(404), times=2)

    for _ in range(2):
        report = await sweep(sweep_client, plan, journal=path)
        assert report.failure_codes == {"not_found_error": 2}

    assert (await sweep(sweep_client, plan, journal=path)).counts.updated == 2


async def test_a_journal_can_be_moved(sweep_client: AsyncClient, sandbox: Sandbox, path: Path, tmp_path: Path) -> None:
    """Closed, it is one file."""
    project = sandbox.seed(live=2)
    await sweep(sweep_client, pausing(project), journal=path)
    assert not path.with_name("sweeps.db-wal").exists()

    moved = shutil.move(path, tmp_path / "elsewhere.db")

    with Journal(moved, read_only=True) as journal:
        assert [run.run_id for run in journal.runs()] == ["tonight"]


async def test_a_slow_disk_does_not_stop_the_event_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing is done beside the loop, and what gathers meanwhile is written together."""
    chunks = [Chunk(number=number, project_id="P", ids=("A",), key="K", first_sent_at=1.0) for number in range(10)]
    disk, write, writes = threading.Event(), Journal._commit, 0

    def when_the_disk_is_ready(journal: Journal, *arguments: Any) -> None:
        nonlocal writes
        writes += 1
        assert disk.wait(20.0)
        write(journal, *arguments)

    with Journal(path) as journal:
        monkeypatch.setattr(Journal, "_commit", when_the_disk_is_ready)
        checkpoint = JournalCheckpoint(journal, "tonight")
        writing = [asyncio.ensure_future(checkpoint.sending(chunk)) for chunk in chunks]
        await asyncio.wait(writing, timeout=0.02)
        assert not any(task.done() for task in writing)
        disk.set()
        await asyncio.gather(*writing)

    assert writes == 2


async def test_after_a_write_that_failed_nothing_passes_for_written(path: Path) -> None:
    """Those that waited to be written together with it hear of it too."""
    chunks = [Chunk(number=number, project_id="P", ids=("A",), key="K", first_sent_at=1.0) for number in range(3)]
    with Journal(path) as journal:
        journal.run(lambda database: database.execute("DROP TABLE chunks")).result()
        checkpoint = JournalCheckpoint(journal, "tonight")

        results = await asyncio.gather(*(checkpoint.sending(chunk) for chunk in chunks), return_exceptions=True)

    assert [type(result) for result in results] == [JournalError] * 3
