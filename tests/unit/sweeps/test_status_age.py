"""Statuses that are read again, because they are over 30 seconds old when their target groups are sent."""

from pathlib import Path
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.sweep_plans import interrupt, pausing

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, TargetGroupQuery, sweep
from fieldingkit.sweeps.checkpoint import JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk, ChunkState
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.steps import discover
from fieldingkit.sweeps.submitter import Submitter

LIST = "get_list_target_groups"
CREATE, RUNS = "create_bulk_pause_target_groups_job", "get_fielding_runs_by_target_group_id"


def operations(sandbox: Sandbox) -> list[str | None]:
    """Return the operations of all requests so far."""
    return [request.operation_id for request in sandbox.requests]


async def discover_only(client: AsyncClient, plan: SweepPlan, path: Path) -> None:
    """Leave a run that has found its target groups and has sent nothing."""
    with Journal(path) as journal:
        await discover(client, plan, JournalCheckpoint(journal, plan.run_id))


async def test_a_resumed_run_reads_again_what_it_never_sent(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Target groups that others moved meanwhile are not sent, and the others are."""
    project = sandbox.seed(live=4)
    plan = pausing(project, run_id="tonight")
    await discover_only(sweep_client, plan, path)
    project.groups[0].act("pause", by="a colleague")
    project.groups[1].act("complete", by="a colleague")

    report = await sweep(sweep_client, plan, journal=path, verify=False)

    outcomes = [row.outcome for row in report.groups]
    assert outcomes == [Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.UPDATED, Outcome.UPDATED]
    assert [row.reason for row in report.groups[:2]] == [
        "it became paused before it was sent",
        "moved meanwhile: it is not live now",
    ]
    (job,) = sandbox.jobs.values()
    assert job.target_group_ids == tuple(project.ids()[2:])


async def test_a_resumed_run_sends_the_same_chunk_if_nothing_moved(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """One list for each project is read before its first job is created."""
    project = sandbox.seed(live=6)
    plan = pausing(project, run_id="tonight", chunk_size=2)
    await discover_only(sweep_client, plan, path)
    sandbox.requests.clear()

    report = await sweep(sweep_client, plan, journal=path, verify=False)

    assert report.counts.updated == 6
    assert operations(sandbox).count(LIST) == 1
    assert len(sandbox.jobs) == 3


async def test_the_last_chunks_of_a_slow_sweep_are_read_again(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock
) -> None:
    """A sweep that sends one job at a time does not pause what others changed while it waited."""
    project = sandbox.seed(live=6)
    sandbox.faults.add("get_bulk_*", faults.StuckJob(), times=1)
    plan = pausing(project, chunk_size=3, concurrency=1, job_timeout=50.0)

    def change(_: object) -> None:
        if len(sandbox.jobs) == 1 and project.groups[5].status == "live":
            project.groups[5].act("complete", by="a colleague")

    report = await sweep(sweep_client, plan, on_progress=change, verify=False)

    assert report.by_id[project.groups[5].id].outcome is Outcome.SKIPPED
    assert [len(job.target_group_ids) for job in sandbox.jobs.values()] == [3, 2]


async def test_a_target_group_is_sent_only_with_the_status_that_it_was_found_with(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """A live one that is paused before it is completed is skipped, and reported at the end."""
    project = sandbox.seed(live=3)
    plan = SweepPlan(action="complete", query=TargetGroupQuery(status=["live"]), run_id="tonight")
    await discover_only(sweep_client, plan, path)
    paused = project.groups[0]
    paused.act("pause", by="a colleague")

    report = await sweep(sweep_client, plan, journal=path)

    assert report.by_id[paused.id].outcome is Outcome.SKIPPED
    assert report.by_id[paused.id].reason == "moved meanwhile: it was live, and is paused now"
    assert paused.status == "paused"
    assert [straggler.target_group_id for straggler in report.stragglers] == [paused.id]


async def test_a_fast_sweep_reads_its_statuses_once(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Statuses of the last 30 seconds are not read again."""
    project = sandbox.seed(live=6)
    report = await sweep(sweep_client, pausing(project, chunk_size=2), verify=False)
    assert report.counts.updated == 6
    assert operations(sandbox).count(LIST) == 1


async def test_what_cannot_be_read_again_is_not_sent(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The outcome is not sent, with the reason; the next run reads and sends it."""
    project = sandbox.seed(live=3)
    plan = pausing(project, run_id="tonight")
    await discover_only(client_without_retries, plan, path)
    for name in (LIST, RUNS):
        sandbox.faults.add(name, faults.Answer(503), times=None)

    report = await sweep(client_without_retries, plan, journal=path, verify=False)

    assert report.counts.not_sent == 3
    assert (report.groups[0].reason or "").startswith("not sent, because its status could not be read again: ")
    assert CREATE not in operations(sandbox)
    sandbox.faults.clear()
    assert (await sweep(client_without_retries, plan, journal=path)).counts.updated == 3


async def test_a_project_that_cannot_be_read_again_is_read_once_for_all_its_chunks(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Its failures do not keep the other projects waiting, which share its places in a sweep of few jobs at once."""
    dead, other = sandbox.seed(live=4), sandbox.seed(live=1)
    plan = SweepPlan(
        action="pause",
        target_groups={dead.id: dead.ids(), other.id: other.ids()},
        run_id="tonight",
        chunk_size=1,
        concurrency=1,
    )
    await discover_only(client_without_retries, plan, path)
    sandbox.requests.clear()
    sandbox.faults.add(LIST, faults.Answer(403), times=4)

    report = await sweep(client_without_retries, plan, journal=path, verify=False)

    assert (report.counts.not_sent, report.counts.updated) == (4, 1)
    assert operations(sandbox).count(LIST) == 1


async def test_unread_target_groups_are_sent_as_the_plan_says(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Without ``check_status_first`` nothing is read before it is sent, after an interruption either."""
    project = sandbox.seed(live=3)
    plan = pausing(project, run_id="tonight", check_status_first=False)
    await discover_only(sweep_client, plan, path)
    sandbox.requests.clear()
    assert (await sweep(sweep_client, plan, journal=path, verify=False)).counts.updated == 3
    assert LIST not in operations(sandbox)


async def test_a_headline_needs_a_read_of_what_an_earlier_process_submitted(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """A job that ended before this process began does not show the present status: it is read."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await interrupt(sweep_client, plan, path, submitted=1)
    sandbox_clock.advance(60.0)
    project.groups[0].act("complete", by="a colleague")

    report = await sweep(sweep_client, plan, journal=path)

    assert report.counts.updated == 2
    assert [(row.target_group_id, row.status) for row in report.stragglers] == [(project.groups[0].id, "completed")]


class DyingCheckpoint(JournalCheckpoint):
    """A checkpoint of a process that dies when the API has accepted a job, before the job is saved."""

    async def save(self, chunk: Chunk, *args: Any, **options: Any) -> None:
        """Save the transition, unless it is the last one."""
        if chunk.state is ChunkState.SUBMITTED:
            raise KeyboardInterrupt
        await super().save(chunk, *args, **options)


async def test_a_headline_needs_a_read_of_what_an_earlier_process_sent_before_it_died(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """The same key leads to the job of that process, whose end does not show the present status either."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    with Journal(path) as journal:
        context = await discover(sweep_client, plan, DyingCheckpoint(journal, plan.run_id))
        with pytest.raises(KeyboardInterrupt):
            await Submitter(context).submit(context.state.chunks[0])
    sandbox_clock.advance(60.0)
    project.groups[0].act("complete", by="a colleague")

    report = await sweep(sweep_client, plan, journal=path)

    assert report.counts.updated == 2
    assert len(sandbox.jobs) == 1
    assert [(row.target_group_id, row.status) for row in report.stragglers] == [(project.groups[0].id, "completed")]
