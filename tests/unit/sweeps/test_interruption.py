"""The exception that ends a sweep, which says whether the action may have been applied, and how to continue."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.fixture_types import MakeClient
from support.sweep_plans import pausing

from fieldingkit import AsyncClient
from fieldingkit.errors import InvalidCommandError, JournalError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Journal, SweepProgress, SweepReport, sweep, undo
from fieldingkit.sweeps.checkpoint import Checkpoint

CHANGELOG = "get_target_group_changelog"
CREATE = "create_bulk_pause_target_groups_job"


def break_journal(journal: Journal, when: Callable[[SweepProgress], bool]) -> Callable[[SweepProgress], None]:
    """Return a callback that lets all later writes of chunks fail, once the progress is far enough."""

    def on_progress(progress: SweepProgress) -> None:
        if progress.phase == "sweeping" and when(progress):
            journal.run(lambda database: database.execute("DROP TABLE IF EXISTS chunks"))

    return on_progress


async def end(sweeping: Callable[[Callable[[SweepProgress], None]], Any], when: Callable[[SweepProgress], bool]) -> str:
    """Cancel a sweep once its progress is far enough, and return the note of the cancellation."""

    def on_progress(progress: SweepProgress) -> None:
        if when(progress):
            task.cancel()

    task = asyncio.ensure_future(sweeping(on_progress))
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    (note,) = caught.value.__notes__
    return note


async def test_a_journal_that_fails_after_a_job_says_so(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The error names the run and its jobs, and how to resume it; it may have been applied."""
    plan = pausing(sandbox.seed(live=4), run_id="tonight", chunk_size=2, concurrency=1)
    with Journal(path) as journal, pytest.raises(JournalError) as caught:
        await sweep(
            sweep_client, plan, journal=journal, on_progress=break_journal(journal, lambda at: at.jobs_submitted == 1)
        )

    error = caught.value
    assert len(sandbox.jobs) == 1
    assert (error.maybe_applied, error.run_id, error.sent) == (True, "tonight", "has created 1 job")
    assert str(error).endswith(
        "It may have been applied. Run tonight has created 1 job. Sweep the same plan with this run_id and journal "
        "again to resume it; without the journal, read the statuses first."
    )


async def test_a_journal_that_fails_before_the_first_job_says_nothing_of_jobs(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A job whose key could not be saved is not sent, so nothing may have been applied."""
    plan = pausing(sandbox.seed(live=4), run_id="tonight", chunk_size=2)
    with Journal(path) as journal, pytest.raises(JournalError) as caught:
        await sweep(sweep_client, plan, journal=journal, on_progress=break_journal(journal, lambda _: True))

    assert not sandbox.jobs
    assert (caught.value.maybe_applied, caught.value.run_id, caught.value.advice) == (False, None, "")


async def test_a_refused_run_of_another_plan_is_not_said_to_be_applied(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The jobs of the run in the journal are not those of the plan that is refused."""
    first, second = sandbox.seed(live=1), sandbox.seed(live=1)
    await sweep(sweep_client, pausing(first, run_id="tonight"), journal=path)

    with pytest.raises(JournalError, match="another plan") as caught:
        await sweep(sweep_client, pausing(second, run_id="tonight"), journal=path)

    assert not caught.value.maybe_applied


async def test_a_run_that_is_missing_to_continue_is_no_unclear_outcome(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The run that continues it is refused before it sends anything."""
    plan = pausing(sandbox.seed(live=1), run_id="tonight")

    with pytest.raises(JournalError, match="nothing was sent") as caught:
        await sweep(sweep_client, plan, journal=path, continues="yesterday")

    assert not caught.value.maybe_applied


class Kept(Checkpoint):
    """A checkpoint of its own kind."""


@pytest.mark.parametrize("place", ["journal", "checkpoint", "nothing"])
async def test_a_cancelled_sweep_says_what_it_sent(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path, place: str
) -> None:
    """The note names the run, its jobs, where they are recorded, and how to continue."""
    plan = pausing(sandbox.seed(live=4), run_id="tonight", chunk_size=2, concurrency=1)
    options: dict[str, Any] = {"journal": {"journal": path}, "checkpoint": {"checkpoint": Kept()}}.get(place, {})

    note = await end(
        lambda on_progress: sweep(sweep_client, plan, on_progress=on_progress, **options),
        lambda progress: progress.jobs_submitted == 1,
    )

    where, advice = {
        "journal": (f"journal {path}", "sweep the same plan with this run_id and journal again to resume it"),
        "checkpoint": ("a checkpoint", "sweep the same plan with this run_id and checkpoint again to resume it"),
        "nothing": ("no journal", "read the statuses first, or sweep the same plan with this run_id again soon"),
    }[place]
    assert note == f"the pause may have been applied: run tonight ({where}) has created 1 job; {advice}"


async def test_a_sweep_that_is_cancelled_before_it_sends_says_that(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The note says that nothing was sent."""
    plan = pausing(sandbox.seed(live=1), run_id="tonight")

    note = await end(
        lambda on_progress: sweep(sweep_client, plan, on_progress=on_progress),
        lambda progress: progress.phase == "finding",
    )

    assert note == "run tonight (no journal) has sent nothing; sweep the same plan with this run_id again"
    assert not sandbox.jobs


UNSENT = "run tonight-undo (no journal) has sent nothing; undo the same report again"
SENT = (
    "the resume may have been applied: run tonight-undo (no journal) has created 1 job; "
    "read the statuses first, or undo the same report again soon"
)


@pytest.mark.parametrize(("phase", "said"), [("checking", UNSENT), ("sweeping", SENT)])
async def test_a_cancelled_undo_says_what_it_sent(
    sweep_client: AsyncClient, sandbox: Sandbox, phase: str, said: str
) -> None:
    """Its run id follows from the report, so that the note asks to undo that again."""
    report = await sweep(sweep_client, pausing(sandbox.seed(live=2), run_id="tonight"))

    note = await end(
        lambda on_progress: undo(sweep_client, report, on_progress=on_progress),
        lambda progress: progress.phase == phase and progress.jobs_submitted == (phase == "sweeping"),
    )

    assert note == said


async def test_a_cancelled_check_of_a_resumed_undo_counts_its_jobs(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The jobs that an earlier process created are said, although this one has sent nothing yet."""
    report = await sweep(sweep_client, pausing(sandbox.seed(live=2), run_id="tonight"))
    sandbox.faults.add(CHANGELOG, faults.Answer(403))
    assert (await undo(sweep_client, report, journal=path)).counts.unknown == 1

    note = await end(
        lambda on_progress: undo(sweep_client, report, journal=path, on_progress=on_progress),
        lambda progress: progress.phase == "checking",
    )

    assert f"run tonight-undo (journal {path}) has created 1 job;" in note
    assert note.endswith("; undo the same report with this journal again to resume it")


async def test_a_job_without_an_answer_may_have_been_created(make_client: MakeClient, sandbox: Sandbox) -> None:
    """A send that is cancelled on its way counts as a job that may exist."""
    client = make_client()
    plan = pausing(sandbox.seed(live=2), run_id="tonight", chunk_size=1)
    sandbox.faults.add(CREATE, faults.Delay(60.0), times=None)
    task = asyncio.ensure_future(sweep(client, plan))
    while sum(request.operation_id == CREATE for request in sandbox.requests) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert "run tonight (no journal) may have created 2 jobs;" in caught.value.__notes__[0]


@pytest.mark.parametrize("kind", [ValueError, InvalidCommandError])
async def test_an_error_of_proceed_says_what_was_sent_before(
    sweep_client: AsyncClient, sandbox: Sandbox, kind: type[Exception]
) -> None:
    """The first target groups have been changed when ``proceed`` raises."""
    project = sandbox.seed(live=4)

    async def proceed(report: SweepReport) -> bool:
        del report
        raise kind("no")

    with pytest.raises(kind) as caught:
        await sweep(sweep_client, pausing(project, run_id="tonight", first=2), proceed=proceed)

    assert len(project.ids("paused")) == 2
    assert re.search("the pause may have been applied: run tonight .* has created 1 job;", caught.value.__notes__[0])
    assert getattr(caught.value, "maybe_applied", True)


async def test_the_jobs_of_all_runs_of_a_sweep_count(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """A run that continues another one has its jobs too."""
    project = sandbox.seed(live=4)
    plan = pausing(project, run_id="first", chunk_size=2, concurrency=1)
    await end(
        lambda on_progress: sweep(sweep_client, plan, journal=path, on_progress=on_progress),
        lambda progress: progress.jobs_submitted == 1,
    )

    second = pausing(project, run_id="second", chunk_size=2, concurrency=1)
    note = await end(
        lambda on_progress: sweep(sweep_client, second, journal=path, on_progress=on_progress, continues="first"),
        lambda progress: progress.jobs == 1 and progress.jobs_submitted == 1,
    )

    assert f"run second (journal {path}) has created 2 jobs;" in note
