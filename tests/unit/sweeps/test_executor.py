"""Sweeps when things go wrong: what is tried again, what is read, and what is told."""

import asyncio
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, RetryPolicy
from fieldingkit.errors import ClientClosedError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.state import Project
from fieldingkit.sweeps import Outcome, SweepPlan, SweepReport, sweep

CREATE, LOOK = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"
LIST, RUNS = "get_list_target_groups", "get_fielding_runs_by_target_group_id"
ONCE = RetryPolicy(max_attempts=1)


def pausing(*projects: Project, **changes: Any) -> SweepPlan:
    """A plan to pause all target groups of projects, in one job each."""
    return SweepPlan(
        **{"action": "pause", "target_groups": {project.id: project.ids() for project in projects}, **changes}
    )


def only(report: SweepReport, outcome: Outcome) -> str:
    """The one reason that all target groups with an outcome have."""
    assert report.counts.total == len(report.groups)
    (reason,) = {group.reason for group in report.of(outcome)}
    return reason or ""


async def test_target_groups_that_the_api_refuses_fail_with_its_code(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """One that fails does not stop the others."""
    project = sandbox.seed(paused=3)
    sandbox.seed(project_id=project.id, paused=2, goal_reached=True)

    report = await sweep(sweep_client, pausing(project, action="resume"))

    assert tuple(report.counts) == (3, 0, 2, 0, 0)
    assert report.failure_codes == {"StatusTransitionNotAllowed": 2}
    assert only(report, Outcome.FAILED) == "the completes goal is reached"
    assert len(sandbox.jobs) == 1
    assert not report.ok


async def test_target_groups_of_another_project_are_told_as_the_api_tells_them(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """What cannot be read is sent, and the API knows best."""
    one, other = sandbox.seed(live=1), sandbox.seed(live=1)

    report = await sweep(sweep_client, SweepPlan(action="pause", target_groups={one.id: [*one.ids(), *other.ids()]}))

    assert tuple(report.counts) == (1, 0, 1, 0, 0)
    assert report.failure_codes == {"TargetGroupNotFound": 1}


async def test_failures_that_are_worth_it_are_tried_again_a_few_times(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock
) -> None:
    """With a key of its own for each try, and no more than so often."""
    project = sandbox.seed(paused=1)
    sandbox.seed(project_id=project.id, paused=1, goal_reached=True)
    plan = pausing(project, action="resume", retry_codes=["StatusTransitionNotAllowed"], max_retries=3)

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (1, 0, 1, 0, 0)
    assert [job.size for job in report.jobs] == [2, 1, 1, 1]
    assert len({job.idempotency_key for job in report.jobs}) == 4
    assert [wait for wait in sandbox_clock.sleeps if wait >= 2.0] == [2.0, 4.0, 8.0]


async def test_a_retry_that_succeeds_counts_as_updated(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Trouble that passes leaves no trace in the outcome."""
    project = sandbox.seed(live=2)
    body = {
        "job_id": "J",
        "status": "Completed",
        "created_at": "2026-11-21T12:00:00.000Z",
        "created_by": "somebody",
        "updated_target_groups": {"data": [{"target_group_id": project.ids()[0]}]},
        "failed_target_groups": {
            "data": [
                {
                    "target_group_id": project.ids()[1],
                    "failure_reason": {"code": "JobExecutionStartMessageFailed", "description": "try again"},
                }
            ]
        },
    }
    sandbox.faults.add(LOOK, faults.Answer(200, body))

    report = await sweep(sweep_client, pausing(project))

    assert tuple(report.counts) == (2, 0, 0, 0, 0)
    assert [job.size for job in report.jobs] == [2, 1]


async def test_what_a_result_leaves_out_is_read(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A target group in neither list was updated if it is where it should be."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(CREATE, faults.ForgetItem(1))

    report = await sweep(sweep_client, pausing(project))

    assert tuple(report.counts) == (4, 0, 0, 0, 0)
    assert len(report.jobs) == 1
    assert sandbox.requests[-1].operation_id == RUNS


async def test_what_a_result_leaves_out_and_is_not_done_is_sent_again(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """The next result tells what the first one did not."""
    project = sandbox.seed(live=1, draft=1)
    sandbox.faults.add(CREATE, faults.ForgetItem(project.ids().index(project.ids("draft")[0])))

    report = await sweep(sweep_client, pausing(project, check_status_first=False))

    assert tuple(report.counts) == (1, 0, 1, 0, 0)
    assert report.failure_codes == {"StatusTransitionNotAllowed": 1}
    assert [job.size for job in report.jobs] == [2, 1]


async def test_what_every_result_leaves_out_is_told_as_it_was_read(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Without more tries it failed if it is somewhere else, and is unknown if it cannot be read."""
    project = sandbox.seed(draft=2)
    plan = pausing(project, check_status_first=False, max_retries=0)

    sandbox.faults.add(CREATE, faults.ForgetItem(0))
    report = await sweep(sweep_client, plan)
    assert tuple(report.counts) == (0, 0, 2, 0, 0)
    assert "does not mention it; its status is draft" in (report.groups[0].reason or "")

    sandbox.faults.add(RUNS, faults.Answer(503), times=None)
    report = await sweep(sweep_client, plan)
    assert tuple(report.counts) == (0, 0, 1, 0, 1)
    assert "it could not be read" in only(report, Outcome.UNKNOWN)


async def test_an_answer_that_is_lost_makes_no_second_job(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """The same key is sent again, and the API knows it."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=2)

    report = await sweep(hasty, pausing(project))

    assert tuple(report.counts) == (3, 0, 0, 0, 0)
    assert len(sandbox.jobs) == len(report.jobs) == 1


async def test_answers_that_are_always_lost_are_settled_by_reading(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """Nobody ever said that there is a job, but its work is there."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=None)

    report = await sweep(hasty, pausing(project))

    assert tuple(report.counts) == (3, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 1
    assert report.jobs == ()


async def test_what_may_have_been_sent_and_is_not_done_is_unknown(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """A job that nobody has seen may still be at work."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.DropBefore(), times=None)

    report = await sweep(hasty, pausing(project))

    assert tuple(report.counts) == (0, 0, 0, 0, 3)
    assert only(report, Outcome.UNKNOWN).endswith("its status was live")


async def test_a_project_that_does_not_exist_fails_alone(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A refusal of one job says nothing of the others."""
    here, gone = sandbox.seed(live=2), "01BTGNYV6HRNK8K8VKZASZCFP0"
    plan = SweepPlan(action="pause", target_groups={gone: ["01BTGNYV6HRNK8K8VKZASZCFA0"] * 2, here.id: here.ids()})

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (2, 0, 1, 0, 0)
    assert report.failure_codes == {"not_found_error": 1}


async def test_credentials_that_are_refused_stop_the_sweep(make_client: MakeClient, sandbox: Sandbox) -> None:
    """There is no sense in having a thousand jobs refused; what was never sent is skipped."""
    projects = [sandbox.seed(live=2) for _ in range(8)]
    sandbox.faults.add(CREATE, faults.Answer(401), times=None)

    report = await sweep(make_client(), pausing(*projects, concurrency=1))

    assert tuple(report.counts) == (0, 0, 2, 14, 0)
    assert report.failure_codes == {"authorization_error": 2}
    assert only(report, Outcome.SKIPPED).startswith("not sent, because nothing can be sent: ")
    assert sum(request.operation_id == CREATE for request in sandbox.requests) <= 2


async def test_a_dead_server_stops_the_sweep(make_client: MakeClient, clock: FakeClock) -> None:
    """After a minute without a sign of life; it is not asked a thousand times."""
    groups = {f"01BTGNYV6HRNK8K8VKZASZCF{number:02}": [f"01BTGNYV6HRNK8K8VKZASZCA{number:02}"] for number in range(20)}
    client = make_client(base_url="http://127.0.0.1:9/v1", clock=clock, retry=ONCE)

    report = await sweep(
        client, SweepPlan(action="pause", target_groups=groups, check_status_first=False, concurrency=1)
    )

    assert (report.counts.failed, report.counts.skipped) == (1, 19)
    assert "127.0.0.1:9" in only(report, Outcome.FAILED)
    assert clock.now() - 1000.0 >= 60.0


async def test_projects_that_we_may_not_touch_stop_the_sweep_when_there_are_many(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """One may be an exception; three in a row mean that we may not do it at all."""
    projects = [sandbox.seed(live=1) for _ in range(8)]
    sandbox.faults.add(CREATE, faults.Answer(403))
    report = await sweep(sweep_client, pausing(*projects[:4], concurrency=1))
    assert tuple(report.counts) == (3, 0, 1, 0, 0)

    sandbox.faults.add(CREATE, faults.Answer(403), times=None)
    report = await sweep(sweep_client, pausing(*projects[4:], concurrency=1))
    assert tuple(report.counts) == (0, 0, 3, 1, 0)


async def test_an_outage_of_a_minute_costs_nothing_but_time(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """Jobs are sent again until the API is back."""
    projects = [sandbox.seed(live=2) for _ in range(5)]
    sandbox.faults.add(CREATE, faults.Answer(503), times=25)

    report = await sweep(hasty, pausing(*projects))

    assert tuple(report.counts) == (10, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 5


async def test_an_api_in_trouble_is_asked_again(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """A 503 and a 429 pass; the client's own retries are used up here."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.Answer(503))
    sandbox.faults.add(CREATE, faults.Answer(429, headers={"Retry-After": "3"}))

    report = await sweep(hasty, pausing(project))

    assert tuple(report.counts) == (3, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 1


async def test_a_server_that_limits_us_is_obeyed_and_loses_us_nobody(make_client: MakeClient) -> None:
    """A client that was told no rate learns one; a 429 is never an outcome."""
    with Sandbox(rate=20.0) as sandbox:
        clock = FakeClock(sandbox.clock, jump=60.0)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock)
        projects = [sandbox.seed(live=2) for _ in range(60)]

        report = await sweep(client, pausing(*projects))

        assert tuple(report.counts) == (120, 0, 0, 0, 0)
        refused = sum(request.status == 429 for request in sandbox.requests)
        assert 0 < refused < 50
        assert len(sandbox.jobs) == 60


async def test_a_job_that_never_ends_is_unknown_where_its_work_is_not_seen(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """Its target groups are read when patience has run out; the other jobs go on meanwhile."""
    stuck, fine = sandbox.seed(live=2), sandbox.seed(live=2)
    sandbox.faults.add(CREATE, faults.StuckJob())

    report = await sweep(sweep_client, pausing(stuck, fine, concurrency=1, job_timeout=40.0))

    assert tuple(report.counts) == (2, 0, 0, 0, 2)
    assert "had not ended after 40 s; its status was live" in only(report, Outcome.UNKNOWN)


async def test_a_job_that_cannot_be_read_any_more_is_made_up_for(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """What it did is seen on its target groups; the rest is sent again, since nobody will ever say more."""
    project = sandbox.seed(live=3, draft=1)
    sandbox.faults.add(CREATE, faults.JobGone(410))

    report = await sweep(sweep_client, pausing(project, check_status_first=False))

    assert tuple(report.counts) == (3, 0, 1, 0, 0)
    assert report.failure_codes == {"StatusTransitionNotAllowed": 1}
    assert report.jobs[0].size == 4


async def test_a_job_that_fails_as_a_whole_is_read_and_tried_again(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Its result names nobody, so everybody was left out."""
    project = sandbox.seed(live=2)
    body = {"job_id": "J", "status": "Failed", "created_at": "2026-11-21T12:00:00.000Z"}
    sandbox.faults.add(LOOK, faults.Answer(200, body))
    sandbox.faults.add(CREATE, faults.StuckJob())

    report = await sweep(sweep_client, pausing(project))

    assert tuple(report.counts) == (2, 0, 0, 0, 0)
    assert [job.size for job in report.jobs] == [2, 2]


async def test_a_list_that_cannot_be_read_keeps_nobody_from_being_paused(hasty: AsyncClient, sandbox: Sandbox) -> None:
    """In an emergency it is better to act on what is not known than not to act; each one is read by itself then."""
    project = sandbox.seed(live=3, paused=1)
    sandbox.faults.add(LIST, faults.Answer(500), times=None)
    sandbox.faults.add(RUNS, faults.Answer(500), times=2)

    report = await sweep(hasty, pausing(project))

    assert report.counts.updated + report.counts.unchanged == 4
    assert sum(group.previous_status is None for group in report.groups) == 2


async def test_a_sweep_that_is_cancelled_stops_at_once(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock
) -> None:
    """Nothing goes on behind the caller's back."""
    projects = [sandbox.seed(live=1) for _ in range(5)]
    sandbox.faults.add(CREATE, faults.StuckJob(), times=None)
    submitted = asyncio.Event()
    sweeping = asyncio.ensure_future(
        sweep(
            sweep_client,
            pausing(*projects),
            on_progress=lambda progress: submitted.set() if progress.jobs_submitted == 5 else None,
        )
    )
    await submitted.wait()

    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert sandbox_clock.pending == 0


async def test_a_client_that_is_closed_meanwhile_ends_the_sweep(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A sweep cannot go on without its client; that is an error and not an outcome."""
    project = sandbox.seed(live=2)
    await sweep_client.aclose()

    with pytest.raises(ClientClosedError):
        await sweep(sweep_client, pausing(project))
