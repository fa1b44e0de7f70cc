"""The verification pass: what changed between discovery and the end of a sweep is read and reported."""

from pathlib import Path

import pytest
from support.sweep_plans import pausing

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.state import Project
from fieldingkit.sweeps import Journal, SweepPlan, SweepProgress, SweepReport, TargetGroupQuery, read_report, sweep
from fieldingkit.sweeps.checkpoint import Checkpoint, JournalCheckpoint
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.steps import discover, report, settle
from fieldingkit.sweeps.verification import verify

LIST, RUNS = "get_list_target_groups", "get_fielding_runs_by_target_group_id"

LIVE = TargetGroupQuery(status=["live"])


async def settled(client: AsyncClient, plan: SweepPlan, checkpoint: Checkpoint | None = None) -> SweepContext:
    """Return a sweep whose jobs have ended, before it is verified."""
    context = await discover(client, plan, checkpoint or Checkpoint())
    await settle(context)
    return context


def lists(sandbox: Sandbox) -> list[dict[str, str]]:
    """Return the parameters of every list of target groups."""
    return [dict(request.query) for request in sandbox.requests if request.operation_id == LIST]


def found(report: SweepReport) -> dict[str, str]:
    """Return the reasons of the stragglers."""
    return {straggler.target_group_id: straggler.reason for straggler in report.stragglers}


async def test_verification_adds_one_filtered_list_a_project(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The list contains only statuses that the action starts from, so that it is empty if all went well."""
    for _ in range(3):
        sandbox.seed(live=2, paused=2, completed=2)
    plan = SweepPlan(action="pause", query=TargetGroupQuery())

    result = await sweep(sweep_client, plan)
    before = len(sandbox.requests)
    unverified = await sweep(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery()), verify=False)

    assert result.ok
    assert result.verified_at is not None
    assert result.stragglers == result.unverified == ()
    assert [query.get("status") for query in lists(sandbox)[:6]] == [None] * 3 + ["live"] * 3
    assert len(sandbox.requests) - before == 4  # the projects, and the target groups of each
    assert unverified.verified_at is None


async def test_a_target_group_that_went_live_since_is_a_straggler(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """It matches the query and was not part of the sweep, or was skipped for its status then."""
    project = sandbox.seed(live=2, scheduled=1)
    context = await settled(sweep_client, SweepPlan(action="pause", query=TargetGroupQuery()))
    new = sandbox.seed(project_id=project.id, live=1)
    (scheduled,) = project.ids("scheduled")
    next(group for group in project.groups if group.id == scheduled).act("launch", by="colleague")

    await verify(context)

    result = report(context)
    late = set(new.ids("live"))
    assert found(result) == dict.fromkeys(late, "went live since")
    assert scheduled in late
    assert not result.ok
    assert result.counts.updated == 2


@pytest.mark.parametrize("count", [1, 4])
async def test_a_target_group_that_moved_since_is_a_straggler(
    sweep_client: AsyncClient, sandbox: Sandbox, count: int
) -> None:
    """It was paused by the sweep, or found paused, and is live again."""
    project = sandbox.seed(live=count, paused=count)
    context = await settled(sweep_client, pausing(project))
    moved = [project.groups[0], project.groups[-1]]
    for group in moved:
        group.act("resume", by="colleague")

    await verify(context)

    result = report(context)
    assert found(result) == {group.id: "moved since" for group in moved}
    assert {(item.project_id, item.status) for item in result.stragglers} == {(project.id, "live")}
    assert not result.ok
    assert result.counts.total == 2 * count


async def test_named_target_groups_have_no_new_stragglers(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Other target groups of the project are not part of the plan."""
    project = sandbox.seed(live=6)
    plan = SweepPlan(action="pause", target_groups={project.id: project.ids()[:3]})

    result = await sweep(sweep_client, plan)

    assert result.ok
    assert lists(sandbox)[-1]["status"] == "live"


async def test_a_status_outside_of_the_query_is_no_straggler(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A query for live target groups does not concern those that were scheduled since, though they can be completed."""
    sandbox.seed(live=2, paused=1)

    result = await sweep(sweep_client, SweepPlan(action="complete", query=LIVE))

    assert result.ok


async def test_failed_target_groups_are_no_stragglers(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """They are reported as failed already."""
    project = sandbox.seed(completed=2, goal_reached=True)

    result = await sweep(sweep_client, SweepPlan(action="relaunch", query=TargetGroupQuery()))

    assert result.counts.failed == len(project.groups)
    assert result.stragglers == ()


@pytest.mark.parametrize(
    ("fault", "fault_times"), [(faults.Answer(403), 1), (faults.TruncatedJson(), 7), (faults.Answer(503), 1)]
)
async def test_a_project_that_cannot_be_verified_is_named(
    client_without_retries: AsyncClient, sandbox: Sandbox, fault: faults.Fault, fault_times: int
) -> None:
    """The report remains, and says so; the other projects are verified."""
    projects = [sandbox.seed(live=3) for _ in range(3)]
    context = await settled(client_without_retries, SweepPlan(action="pause", query=LIVE))
    for project in projects:
        project.groups[0].act("resume", by="colleague")
    sandbox.faults.add(LIST, fault, times=fault_times)

    await verify(context)

    result = report(context)
    (unverified,) = result.unverified
    assert unverified.reason
    assert set(found(result)) == {project.ids()[0] for project in projects if project.id != unverified.project_id}
    assert result.verified_at is not None
    assert result.counts.updated == 9
    assert not result.ok


async def test_a_rejected_token_ends_the_verification(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """No further request is sent, and every project is named."""
    projects = [sandbox.seed(live=1) for _ in range(40)]
    context = await settled(sweep_client, SweepPlan(action="pause", query=LIVE))
    sandbox.faults.add(LIST, faults.Answer(401), times=1000)
    before = len(sandbox.requests)

    await verify(context)

    result = report(context)
    assert {item.project_id for item in result.unverified} == {project.id for project in projects}
    assert result.verified_at is None
    assert len(sandbox.requests) - before <= 34
    assert not result.ok


async def test_the_journal_keeps_what_verification_found(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The report of another process has the same stragglers, as of the end of the run."""
    project = sandbox.seed(live=2)
    sandbox.seed(live=1)
    plan = SweepPlan(action="pause", query=LIVE)
    with Journal(path) as journal:
        context = await settled(sweep_client, plan, JournalCheckpoint(journal, plan.run_id))
        for group in project.groups:
            group.act("resume", by="colleague")
        sandbox.faults.add(LIST, faults.Answer(403))
        await verify(context)
        result, stored = report(context), read_report(journal, plan.run_id)

    assert stored.stragglers == result.stragglers
    assert len(result.unverified) == 1
    assert stored.unverified == result.unverified
    assert stored.verified_at == result.verified_at
    assert result.as_of is None
    assert stored.as_of == stored.finished_at


async def moved_in_between(client: AsyncClient, sandbox: Sandbox, path: Path, project: Project) -> SweepPlan:
    """Settle all but one job of a sweep, then have a colleague resume a target group."""
    plan = pausing(project, chunk_size=2)
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.Answer(400))
    await sweep(client, plan, journal=path)
    next(group for group in project.groups if group.status == "paused").act("resume", by="colleague")
    return plan


async def test_outcomes_of_an_earlier_process_are_read(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """A resumed run claims nothing that only an earlier process has seen."""
    project = sandbox.seed(live=4)
    plan = await moved_in_between(sweep_client, sandbox, path, project)

    result = await sweep(sweep_client, plan, journal=path)

    assert list(found(result)) == project.ids("live")
    assert result.counts.updated == 4
    assert not result.ok
    assert sum(group.verified for group in result.groups) == 1


async def test_a_finished_run_is_reported_without_requests_as_of_its_end(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Its report is history: nothing is read, and its time is named."""
    plan = pausing(sandbox.seed(live=2))
    first = await sweep(sweep_client, plan, journal=path)
    before = len(sandbox.requests)

    again = await sweep(sweep_client, plan, journal=path)

    assert len(sandbox.requests) == before
    assert first.as_of is None
    assert again.as_of == again.finished_at == first.finished_at


async def test_a_repetition_verifies_a_run_that_was_interrupted_during_its_verification(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """All jobs had ended and nothing was read since, so that the run called by its id is not history yet."""
    project = sandbox.seed(live=2)
    plan = pausing(project)
    with Journal(path) as journal:
        await settled(sweep_client, plan, JournalCheckpoint(journal, plan.run_id))
    project.groups[0].act("resume", by="colleague")

    result = await sweep(sweep_client, plan, journal=path)

    assert list(found(result)) == project.ids("live")
    assert result.as_of is None
    assert result.verified_at is not None
    assert (await sweep(sweep_client, plan, journal=path)).as_of is not None


async def test_a_repetition_reads_the_projects_that_could_not_be_verified(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """Afterwards the run is history."""
    project = sandbox.seed(live=3)
    plan = pausing(project, check_status_first=False)
    sandbox.faults.add(LIST, faults.Answer(403))
    assert len((await sweep(client_without_retries, plan, journal=path)).unverified) == 1

    result = await sweep(client_without_retries, plan, journal=path)

    assert result.ok
    assert result.as_of is None
    assert (await sweep(client_without_retries, plan, journal=path)).as_of is not None


async def test_a_repetition_sweeps_the_stragglers_of_a_finished_run_if_it_is_asked_to(
    sweep_client: AsyncClient, sandbox: Sandbox, path: Path
) -> None:
    """The process that found them may have ended before it swept them."""
    project = sandbox.seed(live=2)
    plan = pausing(project)
    with Journal(path) as journal:
        context = await settled(sweep_client, plan, JournalCheckpoint(journal, plan.run_id))
        project.groups[0].act("resume", by="colleague")
        await verify(context)

    result = await sweep(sweep_client, plan, journal=path, until_none_left=True)

    assert not project.ids("live")
    assert result.ok
    assert result.as_of is None


async def test_progress_shows_the_verification(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The phase after the jobs is ``verifying``, and the last one is ``done``."""
    phases: list[str] = []

    def note(progress: SweepProgress) -> None:
        if progress.phase not in phases[-1:]:
            phases.append(progress.phase)

    await sweep(sweep_client, pausing(sandbox.seed(live=2)), on_progress=note)

    assert phases == ["finding", "sweeping", "verifying", "done"]
