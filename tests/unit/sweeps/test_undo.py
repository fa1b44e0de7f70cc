"""Undo: only what the sweep changed and nobody changed since, and what is not known is named."""

from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from support.sweep_plans import pausing

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, SweepProgress, TargetGroupQuery, preview_undo, sweep, undo

CHANGELOG = "get_target_group_changelog"


def changelogs(sandbox: Sandbox) -> int:
    """Return the number of changelogs that were read."""
    return sum(request.operation_id == CHANGELOG for request in sandbox.requests)


async def test_a_single_change_of_another_user_is_not_undone(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The job reports a target group as updated that somebody paused just before it: the changelog names the user."""
    project = sandbox.seed(live=4)
    report = await sweep(sweep_client, pausing(project))
    created = report.jobs[0].api_created_at
    assert created is not None
    other = sandbox.seed(project_id=project.id, live=1)
    colleagues = other.groups[-1]
    colleagues.act("pause", by="colleague")
    row = attrs.evolve(report.groups[0], target_group_id=colleagues.id)
    report = attrs.evolve(report, groups=(*report.groups, row))

    undone = await undo(sweep_client, report)

    assert undone.by_id[colleagues.id].outcome is Outcome.SKIPPED
    assert "by another user" in (undone.by_id[colleagues.id].reason or "")
    assert undone.counts.updated == 4


async def test_changes_of_which_none_names_the_user_of_the_job_are_unknown(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """Where the changelog names another user for every change, nothing is undone."""
    project = sandbox.seed(live=2)
    report = await sweep(sweep_client, pausing(project))
    jobs = tuple(attrs.evolve(job, created_by="0" * 8) for job in report.jobs)

    undone = await undo(sweep_client, attrs.evolve(report, jobs=jobs))

    assert undone.counts.unknown == 2
    assert "names another user" in (undone.groups[0].reason or "")
    assert len(project.ids("paused")) == 2


@pytest.mark.parametrize(("duration", "undone"), [(1.0, False), (30.0, True)])
async def test_a_change_after_the_end_of_the_job_is_not_undone(
    sweep_client: AsyncClient, sandbox: Sandbox, duration: float, *, undone: bool
) -> None:
    """Without users in the changelog, the time of the change decides: here 20 s after the creation of the job."""
    project = sandbox.seed(live=1)
    report = await sweep(sweep_client, pausing(project))
    (change,) = project.groups[0].history
    created = change.at - timedelta(seconds=20)
    times = {"api_created_at": created, "created_at": created, "ended_at": created + timedelta(seconds=duration)}
    jobs = tuple(attrs.evolve(job, created_by=None, **times) for job in report.jobs)

    shown = await preview_undo(sweep_client, attrs.evolve(report, jobs=jobs))

    assert bool(shown.to_send) == undone
    if not undone:
        assert "after the end of its job" in (shown.skipped[0].reason or "")


async def test_what_is_unknown_is_named_and_not_touched(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """An undo is not complete if the outcome of the sweep is unknown for some target groups."""
    project = sandbox.seed(live=4)
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    report = await sweep(sweep_client, pausing(project, chunk_size=2, job_timeout=60.0))
    unknown = [row.target_group_id for row in report.of("unknown")]
    assert len(unknown) == 2

    for check_history in (True, False):
        undone = await undo(sweep_client, report, check_history=check_history)

        assert [row.target_group_id for row in undone.of("unknown")] == unknown
        assert {row.reason for row in undone.of("unknown")} == {"not undone: the outcome of the pause is unknown"}
        assert not undone.ok


async def test_what_no_job_reported_is_named_and_not_touched(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """Target groups that were sent and read as paused may have been paused by others, so they are not resumed."""
    project = sandbox.seed(live=4)
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.ApplyThenDrop(), times=None)
    report = await sweep(client_without_retries, pausing(project))
    sandbox.faults.clear()
    assert len(report.unclaimed) == report.counts.unchanged == 4

    for check_history in (True, False):
        undone = await undo(client_without_retries, report, check_history=check_history)

        assert {row.outcome for row in undone.groups} == {Outcome.UNKNOWN}
        assert {row.reason for row in undone.groups} == {
            "not undone: it was read as paused, and it is not known which change was this sweep's"
        }
    assert len(project.ids("paused")) == 4


async def test_an_undo_lists_only_the_projects_that_it_changes(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The sweep may have listed more projects, which the report names."""
    project, other = sandbox.seed(live=3), sandbox.seed(paused=3)
    report = await sweep(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery(status=["live"])))
    assert {item.project_id for item in report.projects} == {project.id, other.id}

    undone = await undo(sweep_client, report)

    assert undone.ok
    assert undone.counts.updated == 3


async def test_a_repeated_undo_reads_no_changelog_again(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """With a journal, only target groups that could not be checked are checked again."""
    project = sandbox.seed(live=4)
    report = await sweep(sweep_client, pausing(project))
    sandbox.faults.add(CHANGELOG, faults.Answer(403))

    first = await undo(sweep_client, report, journal=path)
    reads = changelogs(sandbox)
    second = await undo(sweep_client, report, journal=path)
    third = await undo(sweep_client, report, journal=path)

    assert (first.counts.updated, first.counts.unknown) == (3, 1)
    assert reads == 4
    assert second.counts.updated == 4
    assert changelogs(sandbox) == 5
    assert third.counts.updated == 4
    assert third.as_of is not None
    assert not project.ids("paused")


async def test_the_cost_of_the_check_is_reported_first(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The number of changelogs, and the seconds that they take at the client's rate."""
    project = sandbox.seed(live=5)
    report = await sweep(sweep_client, pausing(project))
    events: list[tuple[SweepProgress, int]] = []

    await undo(sweep_client, report, on_progress=lambda progress: events.append((progress, changelogs(sandbox))))

    first, reads = events[0]
    assert (first.phase, first.total, first.seconds, reads) == ("checking", 5, None, 0)
