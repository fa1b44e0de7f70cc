"""Sweeps when nothing goes wrong: what is sent, what is not, and what is told."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fieldingkit import AsyncClient, Client
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, SweepProgress, TargetGroupQuery, preview, sweep, undo_plan


def operations(sandbox: Sandbox) -> Counter[str | None]:
    """How often each operation was asked for."""
    return Counter(request.operation_id for request in sandbox.requests)


async def test_a_sweep_does_what_it_is_told_and_tells_what_it_did(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Five outcomes, one job for each chunk, and the status beforehand."""
    projects = [sandbox.seed(live=5, paused=2, draft=1) for _ in range(3)]
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids() for project in projects}, chunk_size=3)

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (15, 6, 0, 3, 0)
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


async def test_what_is_there_already_or_does_not_allow_it_is_not_sent(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """The batch holds nothing that cannot be changed."""
    project = sandbox.seed(live=2, paused=2, draft=2, scheduled=2, completed=2, archived=2)

    await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: project.ids()}))

    (job,) = sandbox.jobs.values()
    assert len(job.target_group_ids) == 2


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
async def test_every_action_has_its_batch(
    sweep_client: AsyncClient, sandbox: Sandbox, action: str, status: Any, then: Any
) -> None:
    """Each action goes to its own kind of job."""
    project = sandbox.seed(**{status: 3})

    report = await sweep(sweep_client, SweepPlan(action=action, target_groups={project.id: project.ids()}))

    assert tuple(report.counts) == (3, 0, 0, 0, 0)
    assert project.ids(then) == project.ids()


async def test_a_query_finds_its_target_groups_in_all_projects(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Projects and their lists are read page by page; only what passes the filters is in the plan."""
    projects = [sandbox.seed(live=2, paused=1, draft=1) for _ in range(11)]
    big = sandbox.seed(live=120)

    report = await sweep(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery(status=["live", "paused"])))

    assert tuple(report.counts) == (142, 11, 0, 0, 0)
    assert not any(project.ids("live") for project in [*projects, big])
    assert operations(sandbox)["get_list_target_groups"] == 13
    assert operations(sandbox)["create_bulk_pause_target_groups_job"] == 13


async def test_projects_without_target_groups_are_not_asked_for_them(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """Their list says how many they have."""
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
    assert operations(sandbox)["get_list_target_groups"] == 0


async def test_a_query_can_be_for_some_projects(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Projects that are named are not looked for."""
    one, other = sandbox.seed(live=2), sandbox.seed(live=2)

    report = await sweep(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery(project_ids=[one.id])))

    assert report.counts.updated == 2
    assert other.ids("live") == other.ids()
    assert operations(sandbox)["list_account_projects"] == 0


async def test_a_preview_shows_what_would_happen_and_changes_nothing(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """What would be sent, what would not, and what it would cost."""
    project = sandbox.seed(live=5, paused=3, draft=2)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, chunk_size=2)

    shown = await preview(sweep_client, plan)

    assert (len(shown.to_send), len(shown.unchanged), len(shown.skipped)) == (5, 3, 2)
    assert (shown.jobs, shown.requests, shown.seconds(rate=10.0)) == (3, 6, 0.5)
    assert not sandbox.jobs
    assert len(sandbox.requests) == 1


async def test_a_fresh_preview_is_not_read_again(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Whoever has just been shown what would happen can have just that."""
    project = sandbox.seed(live=5, paused=3)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})
    shown = await preview(sweep_client, plan)

    report = await sweep(sweep_client, plan, preview=shown)

    assert tuple(report.counts) == (5, 3, 0, 0, 0)
    assert operations(sandbox)["get_list_target_groups"] == 1


async def test_a_preview_of_another_plan_is_refused(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Statuses that were read for something else are no help."""
    project = sandbox.seed(live=2, paused=2)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids("live")})
    other = SweepPlan(action="pause", target_groups={project.id: project.ids()})

    with pytest.raises(InvalidCommandError, match="the preview belongs to another plan"):
        await sweep(sweep_client, plan, preview=await preview(sweep_client, other))


async def test_doing_the_same_again_creates_no_second_job(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """What the first run did is found done by the second."""
    project = sandbox.seed(live=5, paused=1, draft=1)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, run_id="tonight", chunk_size=2)
    await sweep(sweep_client, plan)
    jobs = set(sandbox.jobs)

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (0, 6, 0, 1, 0)
    assert set(sandbox.jobs) == jobs


async def test_the_same_target_groups_under_the_same_name_are_the_same_jobs(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """The keys follow from the plan, so that the API knows the jobs again; under another name they are new."""
    project = sandbox.seed(live=5, paused=1)
    groups = {project.id: project.ids()}
    plan = SweepPlan(action="pause", target_groups=groups, run_id="tonight", chunk_size=2, check_status_first=False)
    first = await sweep(sweep_client, plan)

    second = await sweep(sweep_client, plan)
    assert len(sandbox.jobs) == 3
    assert [job.job_id for job in first.jobs] == [job.job_id for job in second.jobs]
    assert tuple(second.counts) == (6, 0, 0, 0, 0)

    await sweep(sweep_client, SweepPlan(action="pause", target_groups=groups, chunk_size=2, check_status_first=False))
    assert len(sandbox.jobs) == 6


async def test_undoing_brings_back_exactly_what_the_sweep_changed(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """What was paused before stays paused."""
    project = sandbox.seed(live=4, paused=3, draft=1, completed=1)
    live, paused = project.ids("live"), project.ids("paused")
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})
    report = await sweep(sweep_client, plan)
    assert not project.ids("live")

    undone = await sweep(sweep_client, undo_plan(report))

    assert tuple(undone.counts) == (4, 0, 0, 0, 0)
    assert (project.ids("live"), project.ids("paused")) == (live, paused)
    assert all(not sandbox.group(id_).history for id_ in paused)


async def test_progress_is_told_and_adds_up_in_the_end(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Finding, sweeping, done; a callback that fails is the application's own affair."""
    projects = [sandbox.seed(live=3) for _ in range(3)]
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids() for project in projects}, chunk_size=2)
    told: list[SweepProgress] = []

    def tell(progress: SweepProgress) -> None:
        told.append(progress)
        raise RuntimeError("the application's own mistake")

    await sweep(sweep_client, plan, on_progress=tell)

    assert list(dict.fromkeys(progress.phase for progress in told)) == ["finding", "sweeping", "done"]
    done = [progress.counts.total for progress in told if progress.phase != "finding"]
    assert done == sorted(done)
    last = told[-1]
    assert (last.total, last.counts.total, last.jobs, last.jobs_submitted, last.jobs_settled) == (9, 9, 6, 6, 6)


@pytest.mark.parametrize("concurrency", [1, 2, 50])
async def test_no_more_jobs_are_under_way_than_allowed(
    sweep_client: AsyncClient, sandbox: Sandbox, concurrency: int
) -> None:
    """Considerate sweeps are possible."""
    project = sandbox.seed(live=8)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()}, chunk_size=1, concurrency=concurrency)
    most = 0

    def tell(progress: SweepProgress) -> None:
        nonlocal most
        most = max(most, progress.jobs_submitted - progress.jobs_settled)

    report = await sweep(sweep_client, plan, on_progress=tell)

    assert report.counts.updated == 8
    assert 1 <= most <= concurrency


async def test_a_plan_for_nothing_does_nothing(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """An empty plan is not an error."""
    report = await sweep(sweep_client, SweepPlan(action="pause", target_groups={}))

    assert report.counts.total == 0
    assert not sandbox.requests


def test_a_blocking_client_sweeps_as_well(blocking_client: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    """With ``client.call``."""
    project = sandbox.seed(live=3)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()})

    shown = blocking_client.call(preview, plan)
    report = blocking_client.call(sweep, plan, journal=tmp_path / "sweeps.db")

    assert len(shown.to_send) == report.counts.updated == 3
