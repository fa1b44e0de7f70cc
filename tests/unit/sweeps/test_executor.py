"""Sweeps under faults: retries, ambiguous jobs, outages and cancellation."""

import asyncio

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.job_status import JobStatusAnswer
from support.sweep_plans import pausing

from fieldingkit import AsyncClient, RetryPolicy
from fieldingkit.errors import ClientClosedError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import Outcome, SweepPlan, SweepProgress, SweepReport, sweep, undo_plan

CREATE, POLL = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"
LIST, RUNS = "get_list_target_groups", "get_fielding_runs_by_target_group_id"
ONCE = RetryPolicy(max_attempts=1)


def only_reason(report: SweepReport, outcome: Outcome) -> str:
    """Return the only reason of all target groups with an outcome."""
    assert report.counts.total == len(report.groups)
    (reason,) = {group.reason for group in report.of(outcome)}
    return reason or ""


async def test_rejected_target_groups_fail_with_the_code_of_the_api(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """A failure does not affect the other target groups."""
    project = sandbox.seed(paused=3)
    sandbox.seed(project_id=project.id, paused=2, goal_reached=True)

    report = await sweep(sweep_client, pausing(project, action="resume"))

    assert tuple(report.counts) == (3, 0, 2, 0, 0, 0)
    assert report.failure_codes == {"StatusTransitionNotAllowed": 2}
    assert only_reason(report, Outcome.FAILED) == "the completes goal is reached"
    assert len(sandbox.jobs) == 1
    assert not report.ok


async def test_target_groups_of_another_project_fail_by_the_api(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Target groups that cannot be read are sent, and the API decides."""
    one, other = sandbox.seed(live=1), sandbox.seed(live=1)

    report = await sweep(sweep_client, SweepPlan(action="pause", target_groups={one.id: [*one.ids(), *other.ids()]}))

    assert tuple(report.counts) == (1, 0, 1, 0, 0, 0)
    assert report.failure_codes == {"TargetGroupNotFound": 1}


async def test_retryable_failures_are_retried_with_new_keys(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock
) -> None:
    """Each retry has its own key and a longer delay, up to ``max_retries``."""
    project = sandbox.seed(paused=1)
    sandbox.seed(project_id=project.id, paused=1, goal_reached=True)
    plan = pausing(project, action="resume", retry_codes=["StatusTransitionNotAllowed"], max_retries=3)

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (1, 0, 1, 0, 0, 0)
    assert [job.size for job in report.jobs] == [2, 1, 1, 1]
    assert len({job.idempotency_key for job in report.jobs}) == 4
    assert [wait for wait in sandbox_clock.sleeps if wait >= 2.0] == [2.0, 4.0, 8.0]


async def test_a_successful_retry_counts_as_updated(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A transient failure does not appear in the outcome."""
    project = sandbox.seed(live=2)
    body = {
        "status": "Completed",
        "created_at": "2026-11-21T12:00:00.000Z",
        "created_by": "a-user",
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
    sandbox.faults.add(POLL, JobStatusAnswer(body))

    report = await sweep(sweep_client, pausing(project))

    assert tuple(report.counts) == (2, 0, 0, 0, 0, 0)
    assert [job.size for job in report.jobs] == [2, 1]


async def test_target_groups_missing_from_a_result_are_read(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A target group in neither list is verified, and not updated, if it is read with the target status."""
    project = sandbox.seed(live=4)
    sandbox.faults.add(CREATE, faults.ForgetItem(1))

    report = await sweep(sweep_client, pausing(project), verify=False)

    assert tuple(report.counts) == (3, 1, 0, 0, 0, 0)
    assert [group.verified for group in report.groups] == [False, True, False, False]
    assert len(report.jobs) == 1
    assert sandbox.requests[-1].operation_id == RUNS


async def test_missing_target_groups_that_are_not_done_are_sent_again(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """The result of the next job reports them."""
    project = sandbox.seed(live=1, draft=1)
    sandbox.faults.add(CREATE, faults.ForgetItem(project.ids().index(project.ids("draft")[0])))

    report = await sweep(sweep_client, pausing(project, check_status_first=False))

    assert tuple(report.counts) == (1, 0, 1, 0, 0, 0)
    assert report.failure_codes == {"StatusTransitionNotAllowed": 1}
    assert [job.size for job in report.jobs] == [2, 1]


async def test_a_retry_that_is_not_sent_names_the_job_that_was(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The target group was part of a job, although it moved before another one was created for it."""
    project = sandbox.seed(paused=1)
    failing = sandbox.seed(project_id=project.id, paused=1, goal_reached=True).groups[-1]
    plan = pausing(project, action="resume", retry_codes=["StatusTransitionNotAllowed"], retry_delay=40.0)

    def move(progress: SweepProgress) -> None:
        if progress.counts.updated and failing.status == "paused":
            failing.act("complete", by="colleague")

    report = await sweep(sweep_client, plan, on_progress=move, verify=False)

    (job,) = report.jobs
    row = report.by_id[failing.id]
    assert (row.outcome, row.job_id) == (Outcome.FAILED, job.job_id)
    assert row.reason == "moved meanwhile: it is not paused now"


async def test_target_groups_missing_from_all_results_are_settled_by_status(
    sweep_client: AsyncClient, sandbox: Sandbox
) -> None:
    """Without more retries they failed with another status, and are unknown if they cannot be read."""
    project = sandbox.seed(draft=2)
    plan = pausing(project, check_status_first=False, max_retries=0)

    sandbox.faults.add(CREATE, faults.ForgetItem(0))
    report = await sweep(sweep_client, plan)
    assert tuple(report.counts) == (0, 0, 2, 0, 0, 0)
    assert "does not mention it; its status is draft" in (report.groups[0].reason or "")

    sandbox.faults.add(RUNS, faults.Answer(503), times=None)
    report = await sweep(sweep_client, plan)
    assert tuple(report.counts) == (0, 0, 1, 0, 0, 1)
    assert "it could not be read" in only_reason(report, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "outcome", "seen"),
    [
        ("paused", Outcome.UNCHANGED, "its status was paused afterwards"),
        ("draft", Outcome.FAILED, "its status is draft"),
    ],
)
async def test_a_result_that_contradicts_itself_is_named(
    sweep_client: AsyncClient, sandbox: Sandbox, status: str, outcome: Outcome, seen: str
) -> None:
    """A target group that is listed both as updated and as failed is settled by its status, with that reason."""
    project = sandbox.seed(**{status: 1})
    listed = {"target_group_id": project.ids()[0]}
    failed = {**listed, "failure_reason": {"code": "StatusTransitionNotAllowed", "description": "no"}}
    body = {
        "status": "Completed",
        "created_at": "2026-11-21T12:00:00.000Z",
        "updated_target_groups": {"data": [listed]},
        "failed_target_groups": {"data": [failed]},
    }
    sandbox.faults.add(POLL, JobStatusAnswer(body))

    report = await sweep(sweep_client, pausing(project, check_status_first=False, max_retries=0))

    (job,) = report.jobs
    assert only_reason(report, outcome) == f"the result of job {job.job_id} lists it as updated and as failed; {seen}"


async def test_a_lost_response_creates_no_second_job(client_without_retries: AsyncClient, sandbox: Sandbox) -> None:
    """The same key is sent again, and the API recognizes it."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=2)

    report = await sweep(client_without_retries, pausing(project))

    assert tuple(report.counts) == (3, 0, 0, 0, 0, 0)
    assert len(sandbox.jobs) == len(report.jobs) == 1


async def test_permanently_lost_responses_are_settled_by_reading(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """The job was never seen, and others may have paused them: no change is claimed, and none is undone."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=None)

    report = await sweep(client_without_retries, pausing(project))

    assert tuple(report.counts) == (0, 3, 0, 0, 0, 0)
    assert all(group.verified for group in report.groups)
    assert only_reason(report, Outcome.UNCHANGED).endswith(
        "; its status was paused afterwards, by this sweep or by another change"
    )
    assert undo_plan(report).target_groups == {}
    assert report.ok
    assert len(sandbox.jobs) == 1
    assert report.jobs == ()


async def test_an_ambiguous_job_without_effect_is_unknown(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """A job that was never seen may still be running."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.DropBefore(), times=None)

    report = await sweep(client_without_retries, pausing(project))

    assert tuple(report.counts) == (0, 0, 0, 0, 0, 3)
    assert only_reason(report, Outcome.UNKNOWN).endswith("its status was live")


async def test_a_missing_project_does_not_affect_the_others(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The rejection of one job does not stop other jobs."""
    here, gone = sandbox.seed(live=2), "01BTGNYV6HRNK8K8VKZASZCFP0"
    plan = SweepPlan(action="pause", target_groups={gone: ["01BTGNYV6HRNK8K8VKZASZCFA0"] * 2, here.id: here.ids()})

    report = await sweep(sweep_client, plan)

    assert tuple(report.counts) == (2, 0, 1, 0, 0, 0)
    assert report.failure_codes == {"not_found_error": 1}


async def test_refused_credentials_stop_the_sweep(make_client: MakeClient, sandbox: Sandbox) -> None:
    """The remaining target groups are not sent instead of being rejected one by one."""
    projects = [sandbox.seed(live=2) for _ in range(8)]
    sandbox.faults.add(CREATE, faults.Answer(401), times=None)

    report = await sweep(make_client(), pausing(*projects, concurrency=1))

    assert tuple(report.counts) == (0, 0, 2, 0, 14, 0)
    assert report.failure_codes == {"authorization_error": 2}
    assert only_reason(report, Outcome.NOT_SENT).startswith("not sent, because nothing can be sent: ")
    assert sum(request.operation_id == CREATE for request in sandbox.requests) <= 2


async def test_an_unreachable_server_stops_the_sweep(make_client: MakeClient, clock: FakeClock) -> None:
    """The sweep stops after a minute without a response."""
    groups = {f"01BTGNYV6HRNK8K8VKZASZCF{number:02}": [f"01BTGNYV6HRNK8K8VKZASZCA{number:02}"] for number in range(20)}
    client = make_client(base_url="http://127.0.0.1:9/v1", clock=clock, retry=ONCE)

    report = await sweep(
        client, SweepPlan(action="pause", target_groups=groups, check_status_first=False, concurrency=1)
    )

    assert (report.counts.failed, report.counts.not_sent) == (1, 19)
    assert "127.0.0.1:9" in only_reason(report, Outcome.FAILED)
    assert clock.now() - 1000.0 >= 60.0


async def test_three_consecutive_forbidden_projects_stop_the_sweep(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """One forbidden project may be an exception; three in a row mean a missing permission."""
    projects = [sandbox.seed(live=1) for _ in range(8)]
    sandbox.faults.add(CREATE, faults.Answer(403))
    report = await sweep(sweep_client, pausing(*projects[:4], concurrency=1))
    assert tuple(report.counts) == (3, 0, 1, 0, 0, 0)

    sandbox.faults.add(CREATE, faults.Answer(403), times=None)
    report = await sweep(sweep_client, pausing(*projects[4:], concurrency=1))
    assert tuple(report.counts) == (0, 0, 3, 0, 1, 0)


async def test_a_short_outage_is_survived(client_without_retries: AsyncClient, sandbox: Sandbox) -> None:
    """Jobs are sent again until the API recovers: one at a time, so that the first job meets the whole outage."""
    projects = [sandbox.seed(live=2) for _ in range(5)]
    sandbox.faults.add(CREATE, faults.Answer(503), times=5)

    report = await sweep(client_without_retries, pausing(*projects, concurrency=1))

    assert tuple(report.counts) == (10, 0, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 5


async def test_503_and_429_are_retried_beyond_the_retries_of_a_call(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """A job is submitted again after the retries of one call are used up."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(CREATE, faults.Answer(503))
    sandbox.faults.add(CREATE, faults.Answer(429, headers={"Retry-After": "3"}))

    report = await sweep(client_without_retries, pausing(project))

    assert tuple(report.counts) == (3, 0, 0, 0, 0, 0)
    assert len(sandbox.jobs) == 1


async def test_the_rate_limit_of_the_server_costs_no_outcome(make_client: MakeClient) -> None:
    """A client without a rate learns it from 429 responses, and a 429 is never an outcome."""
    with Sandbox(rate=20.0) as sandbox:
        clock = FakeClock(sandbox.clock, jump=60.0)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock)
        projects = [sandbox.seed(live=2) for _ in range(60)]

        report = await sweep(client, pausing(*projects))

        assert tuple(report.counts) == (120, 0, 0, 0, 0, 0)
        refused = sum(request.status == 429 for request in sandbox.requests)
        assert 0 < refused < len(sandbox.requests) / 2
        assert len(sandbox.jobs) == 60


async def test_a_job_that_never_ends_is_unknown_without_effect(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Its target groups are read after the timeout, while other jobs continue."""
    stuck, fine = sandbox.seed(live=2), sandbox.seed(live=2)
    sandbox.faults.add(CREATE, faults.StuckJob())

    report = await sweep(sweep_client, pausing(stuck, fine, concurrency=1, job_timeout=40.0))

    assert tuple(report.counts) == (2, 0, 0, 0, 0, 2)
    assert fine.ids("paused") == fine.ids()
    assert "had not ended after 40 s; its status was live" in only_reason(report, Outcome.UNKNOWN)


async def test_a_job_that_is_gone_is_not_replaced(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """It may still be executed: its target groups are read, and those without the target status are unknown."""
    project = sandbox.seed(live=3, draft=1)
    sandbox.faults.add(CREATE, faults.JobGone(410))

    report = await sweep(sweep_client, pausing(project, check_status_first=False))

    assert tuple(report.counts) == (0, 3, 0, 0, 0, 1)
    assert all(group.verified for group in report.of(Outcome.UNCHANGED))
    assert only_reason(report, Outcome.UNKNOWN).endswith("cannot be read any more; its status was draft")
    assert len(sandbox.jobs) == 1


async def test_a_refused_retry_of_an_unread_target_group_is_unknown(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """The first job did not mention the target group and may have changed it, so that it has not failed."""
    project = sandbox.seed(live=2)
    sandbox.faults.add(CREATE, faults.ForgetItem(0))
    sandbox.faults.add(RUNS, faults.Answer(503), times=None)

    report = await sweep(
        client_without_retries,
        pausing(project, check_status_first=False),
        on_progress=lambda progress: (
            sandbox.faults.add(CREATE, faults.Answer(404), times=None) if progress.counts.updated == 1 else None
        ),
    )

    assert tuple(report.counts) == (1, 0, 0, 0, 0, 1)
    assert "an earlier job may have changed it" in only_reason(report, Outcome.UNKNOWN)


async def test_a_retry_that_is_stopped_is_not_called_not_sent(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The target group was part of a job that reported a failure, so it failed."""
    project = sandbox.seed(paused=1, goal_reached=True)

    report = await sweep(
        sweep_client,
        pausing(project, action="resume", retry_codes=["StatusTransitionNotAllowed"]),
        on_progress=lambda progress: (
            sandbox.faults.add("create_bulk_resume_target_groups_job", faults.Answer(401), times=None)
            if progress.jobs_submitted
            else None
        ),
    )

    assert tuple(report.counts) == (0, 0, 1, 0, 0, 0)


async def test_a_job_that_fails_as_a_whole_is_retried(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Its result names no target group, so all of them are read and sent again."""
    project = sandbox.seed(live=2)
    body = {"status": "Failed", "created_at": "2026-11-21T12:00:00.000Z"}
    sandbox.faults.add(POLL, JobStatusAnswer(body))
    sandbox.faults.add(CREATE, faults.StuckJob())

    report = await sweep(sweep_client, pausing(project))

    assert tuple(report.counts) == (2, 0, 0, 0, 0, 0)
    assert [job.size for job in report.jobs] == [2, 2]


async def test_an_unreadable_list_does_not_prevent_a_pause(
    client_without_retries: AsyncClient, sandbox: Sandbox
) -> None:
    """Target groups with an unknown status are sent."""
    project = sandbox.seed(live=3, paused=1)
    sandbox.faults.add(LIST, faults.Answer(500), times=None)
    sandbox.faults.add(RUNS, faults.Answer(500), times=2)

    report = await sweep(client_without_retries, pausing(project))

    assert report.counts.updated + report.counts.unchanged == 4
    assert sum(group.previous_status is None for group in report.groups) == 2


async def test_a_cancelled_sweep_leaves_no_tasks(
    sweep_client: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock
) -> None:
    """Cancelling a sweep ends all of its tasks and timers, except polls in flight, which end by themselves."""
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
    if in_flight := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(in_flight)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert sandbox_clock.pending == 0


async def test_a_closed_client_ends_the_sweep_with_an_error(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A sweep with a closed client raises instead of reporting outcomes."""
    project = sandbox.seed(live=2)
    await sweep_client.aclose()

    with pytest.raises(ClientClosedError):
        await sweep(sweep_client, pausing(project))
