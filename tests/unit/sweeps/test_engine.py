"""Sweeps without faults: requests, reports, previews, progress and undo."""

from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import (
    Journal,
    Outcome,
    SweepPlan,
    SweepProgress,
    TargetGroupQuery,
    preview,
    sweep,
    undo,
    undo_plan,
)
from fieldingkit.sweeps.checkpoint import Checkpoint, JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.steps import discover, report, settle, submit


def count_operations(sandbox: Sandbox) -> Counter[str | None]:
    """Return the number of requests of each operation."""
    return Counter(request.operation_id for request in sandbox.requests)


async def test_a_sweep_applies_its_plan_and_reports_it(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The report has an outcome and the previous status of each target group, and one job for each chunk."""
    projects = [sandbox.seed(live=5, paused=2, draft=1) for _ in range(3)]
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids() for project in projects}, chunk_size=3)

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (15, 6, 0, 3, 0, 0)
    assert report.counts.total == len(report.groups) == 24
    assert all(
        project.ids("paused") == [id_ for id_ in project.ids() if id_ not in project.ids("draft")]
        for project in projects
    )
    assert report.ok
    assert {group.previous_status for group in report.of(Outcome.UPDATED)} == {"live"}
    assert {group.reason for group in report.of(Outcome.SKIPPED)} == {"it is draft; pause is for live target groups"}
    assert [group.target_group_id for group in report.groups] == [id_ for p in projects for id_ in p.ids()]
    assert sorted(job.size for job in report.jobs) == [2, 2, 2, 3, 3, 3]
    assert {job.idempotency_key for job in report.jobs} == {job.idempotency_key for job in sandbox.jobs.values()}
    assert report.finished_at is not None
    assert report.finished_at >= report.started_at


async def test_only_target_groups_that_can_change_are_sent(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Target groups whose status does not allow the action are not part of a job."""
    project = sandbox.seed(live=2, paused=2, draft=2, scheduled=2, completed=2, archived=2)

    await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: project.ids()}))

    (job,) = sandbox.jobs.values()
    assert len(job.target_group_ids) == 2


async def test_every_step_is_saved_in_a_given_checkpoint(
    sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A sweep saves its steps in the checkpoint that it is given, and takes no journal beside it."""
    steps: list[str] = []

    class RecordingCheckpoint(Checkpoint):
        async def discovering(self, *_: object, **__: object) -> None:
            steps.append("discovering")

        async def discovered(self, *_: object) -> None:
            steps.append("discovered")

        async def save(self, chunk: Chunk, *_: object, **__: object) -> None:
            steps.append(chunk.state)

        async def finished(self, *_: object) -> None:
            steps.append("finished")

    checkpoint = RecordingCheckpoint()
    project = sandbox.seed(live=1)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})

    await sweep(sweep_client, plan, checkpoint=checkpoint)

    assert steps == ["discovering", "discovered", "sending", "submitted", "settled", "finished"]
    with pytest.raises(InvalidCommandError, match="a journal or a checkpoint, not both"):
        await sweep(sweep_client, plan, checkpoint=checkpoint, journal=tmp_path / "sweeps.db")


async def test_recorded_times_are_those_of_the_clients_clock(sandbox: Sandbox, make_client: MakeClient) -> None:
    """The times of a report and of its jobs come from the wall clock of the client's clock."""
    clock = FakeClock(sandbox.clock, jump=2)
    clock.wall_offset = 86_400.0
    project = sandbox.seed(live=1)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})

    report = await sweep(make_client(clock=clock), plan)

    (job,) = report.jobs
    assert {moment.year for moment in (report.started_at, report.finished_at, job.created_at, job.ended_at)} == {1970}


@pytest.mark.parametrize(
    ("action", "status", "then"),
    [
        ("pause", "live", "paused"),
        ("resume", "paused", "live"),
        ("complete", "live", "completed"),
        ("relaunch", "completed", "live"),
        ("launch", "scheduled", "live"),
    ],
)
async def test_every_action_creates_its_kind_of_job(
    sweep_client: AsyncClient, sandbox: Sandbox, action: str, status: Any, then: Any
) -> None:
    """Each action leads to its target status."""
    project = sandbox.seed(**{status: 3})

    report = await sweep(sweep_client, SweepPlan(action=action, target_groups={project.id: project.ids()}))

    assert tuple(report.counts) == (3, 0, 0, 0, 0, 0)
    assert project.ids(then) == project.ids()


async def test_a_query_finds_target_groups_in_all_projects(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Projects and their lists are read page by page, and only matching target groups are in the plan."""
    projects = [sandbox.seed(live=2, paused=1, draft=1) for _ in range(11)]
    big = sandbox.seed(live=120)

    plan = SweepPlan(action="pause", query=TargetGroupQuery(status=["live", "paused"]))

    report = await sweep(sweep_client, plan, verify=False)

    assert tuple(report.counts) == (142, 11, 0, 0, 0, 0)
    assert not any(project.ids("live") for project in [*projects, big])
    assert count_operations(sandbox)["get_list_target_groups"] == 13
    assert count_operations(sandbox)["create_bulk_pause_target_groups_job"] == 13


async def test_projects_without_target_groups_are_not_listed(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The list of projects contains the number of their target groups."""
    sandbox.seed(live=1)
    empty = {
        "id": "01BTGNYV6HRNK8K8VKZASZCFP0",
        "account_id": sandbox.account_id,
        "name": "Empty",
        "status": "active",
        "target_group_count": 0,
        "last_activity_at": "2026-11-21T12:00:00.000Z",
        "statistics": dict.fromkeys(
            (
                "filling_goal",
                "current_completes",
                "current_prescreens",
                "incidence_rate_median",
                "length_of_interview_median_seconds",
                "conversion_rate_average",
                "drop_off_rate_average",
            ),
            0,
        ),
    }
    sandbox.faults.add("list_account_projects", faults.Answer(200, {"projects": [empty]}))

    report = await sweep(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery()))

    assert report.counts.total == 0
    assert count_operations(sandbox)["get_list_target_groups"] == 0


async def test_a_query_for_given_projects_does_not_list_projects(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Projects that the query names are not listed."""
    one, other = sandbox.seed(live=2), sandbox.seed(live=2)

    report = await sweep(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery(project_ids=[one.id])))

    assert report.counts.updated == 2
    assert other.ids("live") == other.ids()
    assert count_operations(sandbox)["list_account_projects"] == 0


async def test_a_preview_shows_outcomes_and_cost_without_changes(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A preview has the target groups that would be sent, the others, and the number of requests."""
    project = sandbox.seed(live=5, paused=3, draft=2)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, chunk_size=2)

    shown = await preview(sweep_client, plan)

    assert (len(shown.to_send), len(shown.unchanged), len(shown.skipped)) == (5, 3, 2)
    assert (shown.jobs, shown.requests, shown.seconds(rate=10.0)) == (3, 6, 0.5)
    assert not sandbox.jobs
    assert len(sandbox.requests) == 1


async def test_a_sweep_uses_the_statuses_of_its_preview(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A sweep with a preview does not read the statuses again."""
    project = sandbox.seed(live=5, paused=3)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})
    shown = await preview(sweep_client, plan)

    report = await sweep(sweep_client, plan, preview=shown, verify=False)

    assert tuple(report.counts) == (5, 3, 0, 0, 0, 0)
    assert count_operations(sandbox)["get_list_target_groups"] == 1


@pytest.mark.parametrize("check", [True, False])
async def test_an_undo_skips_what_was_changed_again(
    sweep_client: AsyncClient, sandbox: Sandbox, *, check: bool
) -> None:
    """What another person resumed and paused after the sweep stays paused, unless the history is not checked."""
    project = sandbox.seed(live=3)
    moved = project.ids()[0]
    report = await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: project.ids()}))
    for action in ("resume", "pause"):
        await sweep(sweep_client, SweepPlan(action=action, target_groups={project.id: [moved]}))

    undone = await undo(sweep_client, report, check_history=check)

    assert project.ids("paused") == ([moved] if check else [])
    assert tuple(undone.counts)[:1] == ((2,) if check else (3,))
    if check:
        assert undone.by_id[moved].outcome is Outcome.SKIPPED
        assert "its status was changed again at " in (undone.by_id[moved].reason or "")


async def test_an_undo_without_a_readable_history_is_unknown(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A target group whose changelog cannot be read, or whose job has no time, is not touched."""
    project = sandbox.seed(live=2)
    report = await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: project.ids()}))
    sandbox.faults.add("get_target_group_changelog", faults.Answer(403))

    undone = await undo(sweep_client, report)
    assert (undone.counts.updated, undone.counts.unknown) == (1, 1)

    jobs = tuple(attrs.evolve(job, api_created_at=None) for job in report.jobs)
    assert (await undo(sweep_client, attrs.evolve(report, jobs=jobs))).counts.unknown == 1


@pytest.mark.parametrize("named", [True, False])
async def test_an_old_preview_is_read_again(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, *, named: bool
) -> None:
    """What another person paused while the preview was considered is neither sent nor undone later."""
    project, other = sandbox.seed(live=3), sandbox.seed(live=3)
    plan = SweepPlan(action="pause", query=TargetGroupQuery(status=["live"]))
    if named:
        plan = SweepPlan(action="pause", target_groups={item.id: item.ids() for item in (project, other)})
    shown = await preview(sweep_client, plan)
    moved = project.ids()[0]
    await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: [moved]}))
    sandbox.seed(project_id=project.id, live=1)
    sandbox_clock.advance(31.0)

    report = await sweep(sweep_client, plan, preview=shown)

    assert (report.counts.updated, report.counts.unchanged, report.counts.total) == (5, 1, 6)
    assert report.by_id[moved].previous_status == "paused"
    assert moved not in (undo_plan(report).target_groups or {})[project.id]
    assert len(project.ids("live")) == 1, "what was not shown is not sent"


async def test_a_preview_of_another_plan_is_refused(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Statuses that were read for another plan cannot be used."""
    project = sandbox.seed(live=2, paused=2)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids("live")})
    other = SweepPlan(action="pause", target_groups={project.id: project.ids()})

    with pytest.raises(InvalidCommandError, match="the preview belongs to another plan"):
        await sweep(sweep_client, plan, preview=await preview(sweep_client, other))


async def test_repeating_a_sweep_creates_no_second_job(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The second sweep finds the target groups unchanged."""
    project = sandbox.seed(live=5, paused=1, draft=1)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, run_id="tonight", chunk_size=2)
    await sweep(sweep_client, plan)
    jobs = set(sandbox.jobs)

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (0, 6, 0, 1, 0, 0)
    assert set(sandbox.jobs) == jobs


async def test_the_same_run_id_results_in_the_same_jobs(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Keys are derived from the plan, so the API returns the same jobs; another run id creates new ones."""
    project = sandbox.seed(live=5, paused=1)
    groups = {project.id: project.ids()}
    plan = SweepPlan(action="pause", target_groups=groups, run_id="tonight", chunk_size=2, check_status_first=False)
    first = await sweep(sweep_client, plan)

    second = await sweep(sweep_client, plan)
    assert len(sandbox.jobs) == 3
    assert [job.job_id for job in first.jobs] == [job.job_id for job in second.jobs]
    assert tuple(second.counts) == (6, 0, 0, 0, 0, 0)

    await sweep(sweep_client, SweepPlan(action="pause", target_groups=groups, chunk_size=2, check_status_first=False))
    assert len(sandbox.jobs) == 6


async def test_undo_restores_exactly_what_the_sweep_changed(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Target groups that were paused before stay paused, and undoing twice is undoing once."""
    project = sandbox.seed(live=4, paused=3, draft=1, completed=1)
    live, paused = project.ids("live"), project.ids("paused")
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})
    report = await sweep(sweep_client, plan)
    assert not project.ids("live")

    undone = await undo(sweep_client, report)

    assert tuple(undone.counts) == (4, 0, 0, 0, 0, 0)
    assert (project.ids("live"), project.ids("paused")) == (live, paused)
    assert all(not sandbox.group(id_).history for id_ in paused)
    assert (await undo(sweep_client, report)).counts.updated == 0


async def test_progress_adds_up_at_the_end(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The phases follow each other, and a failing callback does not affect the sweep."""
    projects = [sandbox.seed(live=3) for _ in range(3)]
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids() for project in projects}, chunk_size=2)
    events: list[SweepProgress] = []

    def on_progress(progress: SweepProgress) -> None:
        events.append(progress)
        raise RuntimeError("a bug of the application")

    await sweep(sweep_client, plan, on_progress=on_progress)

    assert list(dict.fromkeys(progress.phase for progress in events)) == ["finding", "sweeping", "verifying", "done"]
    done = [progress.counts.total for progress in events if progress.phase != "finding"]
    assert done == sorted(done)
    last = events[-1]
    assert (last.total, last.counts.total, last.jobs, last.jobs_submitted, last.jobs_settled) == (9, 9, 6, 6, 6)


@pytest.mark.parametrize("concurrency", [1, 2, 50])
async def test_concurrency_limits_the_jobs_in_progress(
    sweep_client: AsyncClient, sandbox: Sandbox, concurrency: int
) -> None:
    """At most ``concurrency`` jobs are submitted and not settled."""
    project = sandbox.seed(live=8)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, chunk_size=1, concurrency=concurrency)
    most = 0

    def on_progress(progress: SweepProgress) -> None:
        nonlocal most
        most = max(most, progress.jobs_submitted - progress.jobs_settled)

    report = await sweep(sweep_client, plan, on_progress=on_progress)

    assert report.counts.updated == 8
    assert 1 <= most <= concurrency


async def test_an_empty_plan_sends_nothing(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A plan without target groups is not an error."""
    report = await sweep(sweep_client, SweepPlan(action="pause", target_groups={}))

    assert report.counts.total == 0
    assert not sandbox.requests


def test_a_blocking_client_sweeps_by_call(blocking_client: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """``client.call`` runs previews and sweeps."""
    project = sandbox.seed(live=3)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})

    shown = blocking_client.call(preview, plan)
    report = blocking_client.call(sweep, plan, journal=tmp_path / "sweeps.db")

    assert len(shown.to_send) == report.counts.updated == 3


async def test_the_steps_can_run_in_different_processes(
    sweep_client: AsyncClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    """``submit`` returns the tokens of the jobs without a poll, and ``settle`` continues from the checkpoint."""
    project = sandbox.seed(live=5, paused=1)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, chunk_size=2)
    with Journal(tmp_path / "sweeps.db") as journal:
        tokens = await submit(await discover(sweep_client, plan, JournalCheckpoint(journal, plan.run_id)))
        assert len(tokens) == len(sandbox.jobs) == 3
        assert count_operations(sandbox)["get_bulk_pause_target_groups_job"] == 0

        context = await discover(sweep_client, plan, JournalCheckpoint(journal, plan.run_id))
        assert await settle(context, leave_new_jobs=True) == ()

    assert tuple(report(context).counts) == (5, 1, 0, 0, 0, 0)
    assert report(context).finished_at is not None
    assert len(sandbox.jobs) == 3


async def test_settle_can_leave_new_jobs_to_a_later_step(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The job of a retry is submitted, and its token is returned instead of its result."""
    project = sandbox.seed(paused=1)
    sandbox.seed(project_id=project.id, paused=1, goal_reached=True)
    plan = SweepPlan(
        action="resume", target_groups={project.id: project.ids()}, retry_codes=["StatusTransitionNotAllowed"]
    )
    context = await discover(sweep_client, plan, Checkpoint())
    await submit(context)

    (token,) = await settle(context, leave_new_jobs=True)

    assert token == context.state.chunks[-1].token
    assert tuple(report(context).counts) == (1, 0, 0, 0, 0, 1)
    assert report(context).finished_at is None
    assert await settle(context) == ()
    assert report(context).failure_codes == {"StatusTransitionNotAllowed": 1}
