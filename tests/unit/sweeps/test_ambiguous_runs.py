"""Resumed runs whose jobs may have been sent: recent keys, expired keys, and ambiguous target groups."""

from pathlib import Path

import attrs
import pytest
from support.fake_clock import FakeClock
from support.job_status import JobStatusAnswer
from support.sweep_plans import change_journal, interrupt, pausing

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, sweep

CREATE, LIST = "create_bulk_pause_target_groups_job", "get_list_target_groups"
RUNS, POLL = "get_fielding_runs_by_target_group_id", "get_bulk_pause_target_groups_job"


async def send_ambiguously(
    client: AsyncClient, sandbox: Sandbox, plan: SweepPlan, path: Path, *, applied: bool
) -> None:
    """Run a sweep whose submissions are never answered and whose statuses cannot be read."""
    sandbox.faults.add(CREATE, faults.ApplyThenDrop() if applied else faults.DropBefore(), times=None)
    sandbox.faults.add(RUNS, faults.Answer(503), times=None)
    sandbox.faults.add(LIST, faults.Answer(503), times=None)
    report = await sweep(client, plan, journal=path)
    assert report.counts.unknown == report.counts.total


@pytest.mark.parametrize("applied", [True, False])
async def test_a_recent_key_is_sent_again(
    client_without_retries: AsyncClient, sandbox: Sandbox, path: Path, *, applied: bool
) -> None:
    """The key results in one job, applied before or not."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=applied)
    sandbox.faults.clear()

    report = await sweep(client_without_retries, plan, journal=path)

    assert tuple(report.counts) == (2, 0, 0, 0, 0, 0)
    keys = {request.headers["Idempotency-Key"] for request in sandbox.requests if request.operation_id == CREATE}
    assert len(keys) == len(sandbox.jobs) == 1


@pytest.mark.parametrize("applied", [True, False])
async def test_an_expired_key_is_reconciled_by_reading(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path, *, applied: bool
) -> None:
    """Only target groups without the target status are sent, with a new key."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=applied)
    sandbox_clock.advance(7200.0)
    sandbox.faults.clear()
    sandbox.requests.clear()

    report = await sweep(client_without_retries, plan, journal=path)

    assert tuple(report.counts) == ((0, 2, 0, 0, 0, 0) if applied else (2, 0, 0, 0, 0, 0))
    assert all(group.verified for group in report.groups)  # an earlier process may have created a job, so all were read
    assert len(sandbox.jobs) == 1
    operations = [request.operation_id for request in sandbox.requests]
    assert operations[:2] == [RUNS, RUNS]
    assert operations.count(CREATE) == (0 if applied else 1)


async def test_an_expired_key_waits_until_statuses_can_be_read(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """The chunk is neither sent nor given up; the next run settles it."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=False)
    sandbox_clock.advance(7200.0)

    report = await sweep(client_without_retries, plan, journal=path)

    assert report.counts.unknown == 2
    assert {group.reason for group in report.of(Outcome.UNKNOWN)} == {
        "it may have been sent by an earlier process; it could not be read"
    }
    sandbox.faults.clear()
    assert (await sweep(client_without_retries, plan, journal=path)).counts.updated == 2


async def test_a_missing_target_group_does_not_block_an_expired_chunk(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """A target group that cannot be read is unknown, and the rest is sent."""
    project = sandbox.seed(live=4)
    stranger = "01BTGNYV6HRNK8K8VKZASZCFA0"
    plan = pausing(project, target_groups={project.id: [*project.ids(), stranger]}, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=False)
    sandbox_clock.advance(7200.0)
    sandbox.faults.clear()

    report = await sweep(client_without_retries, plan, journal=path)

    assert tuple(report.counts) == (4, 0, 0, 0, 0, 1)
    assert report.by_id[stranger].reason == "it may have been sent by an earlier process; it could not be read"


async def test_a_refused_replacement_of_an_expired_key_is_unknown(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """The job of the earlier process may still be executed, so that its target groups have not failed."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=False)
    sandbox_clock.advance(7200.0)
    sandbox.faults.clear()
    sandbox.faults.add(CREATE, faults.Answer(404), times=None)

    for _ in range(2):
        report = await sweep(client_without_retries, plan, journal=path)
        assert tuple(report.counts) == (0, 0, 0, 0, 0, 2)

    sandbox.faults.clear()
    assert (await sweep(client_without_retries, plan, journal=path)).counts.updated == 2
    assert len(sandbox.jobs) == 1


async def test_a_failure_after_an_expired_key_is_unknown_unless_read(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """The API may reject a target group because the job of the earlier process has changed it, or is about to."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=False)
    sandbox_clock.advance(7200.0)
    sandbox.faults.clear()
    reason = {"code": "StatusTransitionNotAllowed", "description": "it is changing"}
    body = {
        "status": "Completed",
        "created_at": "2026-11-21T12:00:00.000Z",
        "failed_target_groups": {"data": [{"target_group_id": id_, "failure_reason": reason} for id_ in project.ids()]},
    }
    sandbox.faults.add(CREATE, faults.StuckJob())
    sandbox.faults.add(POLL, JobStatusAnswer(body))

    report = await sweep(client_without_retries, plan, journal=path)

    assert tuple(report.counts) == (0, 0, 0, 0, 0, 2)
    assert {group.code for group in report.groups} == {"StatusTransitionNotAllowed"}


async def test_an_expired_key_is_not_replaced_for_a_moved_target_group(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """Its status was changed after the first send, so it is not sent again."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=False)
    sandbox_clock.advance(7200.0)
    change_journal(path, "UPDATE groups SET previous_status = 'scheduled' WHERE target_group_id = ?", project.ids()[0])
    sandbox.faults.clear()

    report = await sweep(client_without_retries, plan, journal=path)

    assert tuple(report.counts) == (1, 0, 0, 0, 0, 1)
    assert (report.groups[0].reason or "").endswith("its status was live, and scheduled before")
    assert project.ids("live") == project.ids()[:1]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("age", [0.0, 7200.0])
async def test_what_an_earlier_process_sent_is_never_called_not_sent(
    client_without_retries: AsyncClient,
    sandbox: Sandbox,
    sandbox_clock: FakeClock,
    path: Path,
    *,
    applied: bool,
    age: float,
) -> None:
    """If nothing can be sent any more, the target groups are read instead."""
    projects = [sandbox.seed(live=2) for _ in range(3)]
    plan = pausing(*projects, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=applied)
    sandbox_clock.advance(age)
    sandbox_clock.advance(60.0)  # every job that was created has been carried out
    sandbox.faults.clear()
    sandbox.faults.add(CREATE, faults.Answer(401), times=None)

    report = await sweep(client_without_retries, attrs.evolve(plan, concurrency=1), journal=path)

    assert report.of(Outcome.NOT_SENT) == ()
    assert report.counts.unknown == (0 if applied else 6), {group.reason for group in report.groups}
    assert not applied or not report.of(Outcome.FAILED, Outcome.SKIPPED, Outcome.NOT_SENT)


async def test_an_expired_key_is_not_replaced_for_what_was_moved_back(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """A target group that has its former status again, because others moved it back, is not sent a second time."""
    project = sandbox.seed(live=3)
    plan = pausing(project, run_id="tonight")
    await send_ambiguously(client_without_retries, sandbox, plan, path, applied=True)
    sandbox_clock.advance(600.0)
    for group in project.groups[:2]:
        group.act("resume", by="a colleague")
    sandbox_clock.advance(7200.0)
    sandbox.faults.clear()

    report = await sweep(client_without_retries, plan, journal=path, verify=False)

    assert [row.outcome for row in report.groups] == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.UNCHANGED]
    assert report.groups[0].reason == (
        "it may have been sent by an earlier process, and its changelog does not show that it was not changed since; "
        "its status was live"
    )
    assert len(sandbox.jobs) == 1


async def test_what_a_result_forgets_is_not_sent_again_once_it_was_moved_back(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """A job that ended long ago may have changed it before others moved it back: its changelog decides."""
    project = sandbox.seed(live=3)
    plan = pausing(project, run_id="tonight")
    sandbox.faults.add(CREATE, faults.ForgetItem(0))
    await interrupt(client_without_retries, plan, path, submitted=1)
    sandbox_clock.advance(60.0)
    project.groups[0].act("resume", by="colleague")
    sandbox_clock.advance(2400.0)

    report = await sweep(client_without_retries, plan, journal=path, verify=False)

    assert [row.outcome for row in report.groups] == [Outcome.UNKNOWN, Outcome.UPDATED, Outcome.UPDATED]
    (job,) = sandbox.jobs.values()
    assert report.groups[0].reason == (
        f"the result of job {job.id} does not mention it, and its changelog does not show that it was not changed "
        "since; its status was live"
    )


async def test_what_a_result_forgets_and_others_moved_on_is_unknown(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """Its status is neither the former nor the target status: the job may have changed it before the others did."""
    project = sandbox.seed(live=2)
    plan = pausing(project, run_id="tonight", max_retries=0)
    sandbox.faults.add(CREATE, faults.ForgetItem(0))
    await interrupt(client_without_retries, plan, path, submitted=1)
    sandbox_clock.advance(10.0)
    project.groups[0].act("complete", by="a colleague")

    report = await sweep(client_without_retries, plan, journal=path, verify=False)

    assert [row.outcome for row in report.groups] == [Outcome.UNKNOWN, Outcome.UPDATED]
    assert (report.groups[0].reason or "").endswith("its status was completed, and live before")


async def test_what_a_result_forgets_and_nobody_changed_is_sent_again(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """Its changelog shows no change since the job was created."""
    project = sandbox.seed(draft=2)
    plan = pausing(project, run_id="tonight", check_status_first=False, max_retries=1)
    sandbox.faults.add(CREATE, faults.ForgetItem(0))
    await interrupt(client_without_retries, plan, path, submitted=1)
    sandbox_clock.advance(2400.0)

    report = await sweep(client_without_retries, plan, journal=path, verify=False)

    assert report.counts.failed == 2
    assert [job.size for job in report.jobs] == [2, 1]
