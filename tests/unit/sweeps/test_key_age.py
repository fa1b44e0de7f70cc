"""The age of keys: the API's time decides whether a key is sent again, whatever the local clock shows."""

from pathlib import Path

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.sweep_plans import change_journal, pausing

from fieldingkit import AsyncClient, RetryPolicy
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, SweepProgress, sweep

CREATE, LIST = "create_bulk_pause_target_groups_job", "get_list_target_groups"
RUNS = "get_fielding_runs_by_target_group_id"


@pytest.fixture
async def plan(client_without_retries: AsyncClient, sandbox: Sandbox, path: Path) -> SweepPlan:
    """Return a plan whose job was created in a process that did not see the answer."""
    plan = pausing(sandbox.seed(live=2), run_id="tonight", job_timeout=30.0)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=None)
    for operation in (RUNS, LIST):
        sandbox.faults.add(operation, faults.Answer(503), times=None)
    assert (await sweep(client_without_retries, plan, journal=path)).counts.unknown == 2
    sandbox.faults.clear()
    sandbox.requests.clear()
    return plan


def restart(make_client: MakeClient, clock: FakeClock) -> AsyncClient:
    """Return the client of another process, which has seen no response yet."""
    return make_client(clock=clock, retry=RetryPolicy(max_attempts=1))


@pytest.mark.parametrize("jump", [-7200.0, -5.0, 7200.0])
async def test_a_clock_that_jumps_makes_no_key_old(
    plan: SweepPlan, make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path, jump: float
) -> None:
    """The same key is sent again, so that there is one job."""
    sandbox_clock.wall_offset += jump

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path)

    assert report.counts.updated == 2
    assert len(sandbox.jobs) == 1
    operations = [request.operation_id for request in sandbox.requests]
    assert operations.count(CREATE) == 1
    assert operations[:2] == [RUNS, CREATE]


async def test_a_clock_that_is_set_back_makes_no_key_young(
    plan: SweepPlan, make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """After two hours the API may have forgotten the key: the target groups are read."""
    sandbox_clock.advance(7200.0)
    sandbox_clock.wall_offset -= 7200.0

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path)

    assert report.counts.unchanged == 2
    assert all(group.verified for group in report.groups)
    assert CREATE not in {request.operation_id for request in sandbox.requests}


async def test_a_key_of_unknown_age_is_not_sent_again(
    plan: SweepPlan, make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """It may be too old to be sent, and too young to be replaced."""
    change_journal(path, "UPDATE chunks SET sent_date = NULL")

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path)

    assert len(sandbox.jobs) == 1
    assert report.counts.unknown + report.counts.unchanged == 2
    assert {group.reason for group in report.groups if group.reason} <= {
        f"it may have been sent, and the age of its key is not known; its status was {status}{moved}"
        for status, moved in (("live", ""), ("paused", " afterwards"))
    }


async def test_a_key_is_not_sent_again_while_the_age_cannot_be_read(
    plan: SweepPlan, make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """Without a response nothing shows how old the key is."""
    sandbox.faults.add(RUNS, faults.DropBefore(), times=None)

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path)

    assert report.counts.unknown == 2
    assert CREATE not in {request.operation_id for request in sandbox.requests}


async def test_an_error_shows_the_time_as_well(
    plan: SweepPlan, make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """The first response of a process may have any status."""
    sandbox.faults.add(RUNS, faults.Answer(403), times=None)

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path)

    assert report.counts.updated == 2
    assert len(sandbox.jobs) == 1


async def test_the_time_is_read_before_the_first_key_is_used(
    make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """A sweep that reads no statuses makes one read for all of its jobs."""
    plan = pausing(sandbox.seed(live=4), check_status_first=False, chunk_size=1)

    report = await sweep(make_client(clock=sandbox_clock), plan, journal=path)

    assert report.counts.updated == 4
    operations = [request.operation_id for request in sandbox.requests]
    assert operations.count(RUNS) == 1
    assert operations[0] == RUNS


async def test_a_key_that_expires_during_an_outage_is_not_sent_again(
    make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """An hour of failed sends ends with reading, not with a key that the API has forgotten."""
    plan = pausing(sandbox.seed(live=2), run_id="tonight", retry_delay=1300.0, idempotency_key_ttl=20.0)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=None)

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path)

    assert [request.operation_id for request in sandbox.requests].count(CREATE) == 2
    assert len(sandbox.jobs) == 1
    assert report.of(Outcome.UNCHANGED) == report.groups


@pytest.mark.parametrize("applied", [True, False])
async def test_a_change_before_a_late_job_is_not_claimed(
    make_client: MakeClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path, *, applied: bool
) -> None:
    """If no send of an earlier process had arrived, what a colleague changed meanwhile is unchanged, not updated."""
    project = sandbox.seed(live=4)
    plan = pausing(project, run_id="tonight", job_timeout=30.0)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop() if applied else faults.DropBefore(), times=None)

    def stop_reading(progress: SweepProgress) -> None:
        if progress.phase == "sweeping":
            for operation in (RUNS, LIST):
                sandbox.faults.add(operation, faults.Answer(503), times=None)

    await sweep(restart(make_client, sandbox_clock), plan, journal=path, on_progress=stop_reading, verify=False)
    sandbox.faults.clear()
    sandbox_clock.advance(600.0)
    if not applied:
        project.groups[0].act("pause", by="colleague")

    report = await sweep(restart(make_client, sandbox_clock), plan, journal=path, verify=False)

    (job,) = sandbox.jobs.values()
    assert report.counts.updated == (4 if applied else 3)
    if not applied:
        assert report.groups[0].outcome is Outcome.UNCHANGED
        assert report.groups[0].reason == f"it was paused before job {job.id} was created"
