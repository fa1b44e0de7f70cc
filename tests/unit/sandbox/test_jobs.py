"""Batch jobs, project-manager jobs and draft jobs."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one, run_of

from fieldingkit.sandbox import Project, Sandbox, SandboxClock
from fieldingkit.sandbox.formats import write_timestamp

ULID = "01BTGNYV6HRNK8K8VKZASZCFP1"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KINDS = ("complete", "launch", "pause", "relaunch", "resume")
UPDATED = {
    "complete": {"scheduled": "completed", "live": "completed", "paused": "completed", "completed": "completed"},
    "launch": {"scheduled": "live", "live": "live"},
    "pause": {"live": "paused", "paused": "paused"},
    "relaunch": {"completed": "live", "live": "live"},
    "resume": {"paused": "live", "live": "live"},
}


def updated(job: Any) -> list[str]:
    """Return the updated ids of a job."""
    return [item["target_group_id"] for item in job["updated_target_groups"]["data"]]


def failures(job: Any) -> dict[str, str]:
    """Return the failure code of each failed id of a job."""
    return {item["target_group_id"]: item["failure_reason"]["code"] for item in job["failed_target_groups"]["data"]}


def dates(clock: SandboxClock, start: float, end: float) -> dict[str, str]:
    """Return a start and an end of fielding, in seconds from now."""
    return {
        "start_fielding_at": write_timestamp(clock.now() + timedelta(seconds=start)),
        "end_fielding_at": write_timestamp(clock.now() + timedelta(seconds=end)),
    }


async def managers(call: Caller) -> list[str]:
    """Return the ids of the account's project managers."""
    answer = await call("GET", "/accounts/101/users", params={"user_type": "project_manager"})
    return [user["id"] for user in answer.json["users"]]


async def assign(call: Caller, project: Project, ids: list[str], manager: str) -> Answer:
    """Create a project-manager job."""
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/update-target-group-project-managers"
    body = {"project_manager_id": manager, "target_group_ids": ids}
    return await call("POST", path, json=body, headers={"Idempotency-Key": "key"})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_acts_where_the_status_allows_it(sandbox: Sandbox, call: Caller, kind: str) -> None:
    """A batch job changes the groups whose status allows it, counts those already there, and reports all others."""
    project = sandbox.seed()
    before = {group.id: group.status for group in project.groups}
    created = await call.create_batch(kind, project.id, project.ids())
    assert (created.status, created.body) == (201, b"")
    job = await call.finished(created)
    assert job["status"] == "Completed"
    assert updated(job) == [id_ for id_, status in before.items() if status in UPDATED[kind]]
    assert failures(job) == {
        id_: "StatusTransitionNotAllowed" for id_, status in before.items() if status not in UPDATED[kind]
    }
    for group in project.groups:
        old = before[group.id]
        assert group.status == UPDATED[kind].get(old, old)
        assert bool(group.history) == (group.status != old)


async def test_a_job_is_processing_until_it_is_due(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job of any kind is `Processing` until it is due; it has no results and has changed nothing."""
    project = sandbox.seed(live=1, draft=1)
    live, draft = project.groups
    empty: dict[str, object] = {"data": [], "has_more": False}
    for created, results in (
        (await call.create_batch("pause", project.id, [live.id]), empty),
        (await assign(call, project, [live.id], (await managers(call))[1]), None),
        (await call.create_draft_job("schedule", draft, key="2", **dates(clock, 60, 120)), None),
    ):
        job = (await call("GET", created.headers["Location"])).json
        assert job["status"] == "Processing"
        assert job.get("updated_target_groups") == job.get("failed_target_groups") == results
        assert job.get("created_fielding_run_id") is None
    assert live.history == draft.history == ()


async def test_a_job_is_executed_without_a_poll(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job takes effect when it is due, although nothing reads it."""
    project = sandbox.seed(live=1)
    await call.create_batch("pause", project.id, project.ids())
    clock.advance(0.2)
    answer = await call("GET", call.run_path(project.groups[0]))
    assert (answer.json["status"], answer.headers["ETag"]) == ("paused", 'W/"2"')


async def test_a_job_acts_on_the_state_at_its_due_date(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job acts on the state at its due date, even if nothing is read until much later."""
    project = sandbox.seed(scheduled=1, starts_in=60, ends_in=120)
    await call.create_batch("launch", project.id, project.ids())
    clock.advance(1000)
    (group,) = project.groups
    assert [change.action for change in group.history] == ["launch_now", "end_reached"]
    (job,) = sandbox.jobs.values()
    assert job.applied_at == job.due_at == group.history[0].at


async def test_jobs_are_executed_in_the_order_of_creation(sandbox: Sandbox, call: Caller) -> None:
    """Two jobs on one group take effect in the order they were created."""
    project = sandbox.seed(live=1)
    first = await call.create_batch("pause", project.id, project.ids(), key="1")
    second = await call.create_batch("resume", project.id, project.ids(), key="2")
    assert updated(await call.finished(second)) == updated(await call.finished(first)) == project.ids()
    assert [change.action for change in project.groups[0].history] == ["pause", "resume"]


async def test_results_keep_the_order_of_the_request(sandbox: Sandbox, call: Caller) -> None:
    """Both result lists keep the order of the request."""
    project = sandbox.seed(live=3, draft=3)
    asked = project.ids()[::-1]
    job = await call.finished(await call.create_batch("pause", project.id, asked))
    assert updated(job) == [id_ for id_ in asked if id_ in project.ids("paused")]
    assert list(failures(job)) == [id_ for id_ in asked if id_ in project.ids("draft")]


async def test_an_unknown_target_group_fails_alone(sandbox: Sandbox, call: Caller) -> None:
    """A group that does not exist, or is in another project, fails as not found; the others are updated."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    job = await call.finished(await call.create_batch("pause", project.id, [ULID, *other.ids(), *project.ids()]))
    assert failures(job) == {ULID: "TargetGroupNotFound", other.ids()[0]: "TargetGroupNotFound"}
    assert updated(job) == project.ids()
    assert other.ids("live") == other.ids()


@pytest.mark.parametrize("limit", ["goal_reached", "ended"])
async def test_a_batch_does_not_resume_past_a_limit(sandbox: Sandbox, call: Caller, limit: str) -> None:
    """Bulk resume and relaunch refuse a group whose completes goal or end date is reached."""
    for kind, status in (("resume", "paused"), ("relaunch", "completed")):
        group = one(sandbox, status, **{limit: True})
        job = await call.finished(await call.create_batch(kind, group.project_id, [group.id], key=kind))
        assert failures(job) == {group.id: "StatusTransitionNotAllowed"}


async def test_a_bulk_launch_keeps_the_duration(sandbox: Sandbox, call: Caller) -> None:
    """A bulk launch moves start and end like the single operation."""
    project = sandbox.seed(scheduled=1, starts_in=100, ends_in=300)
    before = run_of(project.groups[0])
    await call.finished(await call.create_batch("launch", project.id, project.ids()))
    after = run_of(project.groups[0])
    assert after.start_at < before.start_at
    assert after.end_at - after.start_at == before.end_at - before.start_at


async def test_a_repeated_key_creates_no_second_job(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The same request with the same key gets the same 201 and Location, before and after the job is executed."""
    project = sandbox.seed(live=1, draft=1)
    live, draft = project.groups
    window = dates(clock, 60, 120)
    answers = [await call.create_batch("pause", project.id, [live.id]) for _ in range(2)]
    await call.finished(answers[0])
    answers.append(await call.create_batch("pause", project.id, [live.id]))
    drafts = [await call.create_draft_job("schedule", draft, key="2", **window) for _ in range(2)]
    for same in (answers, drafts):
        assert {answer.status for answer in same} == {201}
        assert len({answer.headers["Location"] for answer in same}) == 1
    assert [job.idempotency_key for job in sandbox.jobs.values()] == ["key", "2"]


async def test_a_key_belongs_to_one_request(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The same key with another body, operation or project is a 409."""
    project, other = sandbox.seed(live=2), sandbox.seed(live=1, draft=1)
    await call.create_batch("pause", project.id, project.ids())
    for answer in (
        await call.create_batch("pause", project.id, project.ids()[:1]),
        await call.create_batch("complete", project.id, project.ids()),
        await call.create_batch("pause", other.id, project.ids()),
        await call.create_draft_job("schedule", other.groups[1], **dates(clock, 60, 121)),
    ):
        assert (answer.status, answer.json["object"]) == (409, "conflict_error")
    assert len(sandbox.jobs) == 1


async def test_accounts_do_not_share_keys(sandbox: Sandbox, call: Caller) -> None:
    """A key that one account has used is free for another."""
    for account in (101, 202):
        project = sandbox.seed(live=1, account_id=account)
        path = f"/demand/accounts/{account}/projects/{project.id}/batch-jobs/pause-fielding-runs-by-target-group-id"
        body = {"target_group_ids": project.ids()}
        assert (await call("POST", path, json=body, headers={"Idempotency-Key": "key"})).status == 201
    assert len(sandbox.jobs) == 2


async def test_a_job_is_read_only_under_its_own_path(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job that does not exist, or is of another kind, project or target group, is a 404."""
    project, other = sandbox.seed(live=1, draft=2), sandbox.seed(live=1)
    live, draft, second = project.groups
    batch = (await call.create_batch("pause", project.id, [live.id])).headers["Location"]
    launch = (await call.create_draft_job("schedule", draft, key="2", **dates(clock, 60, 120))).headers["Location"]
    for wrong in (
        batch.replace(batch.rpartition("/")[2], ULID),
        batch.replace("pause", "resume"),
        batch.replace(project.id, other.id),
        launch.replace("schedule", "launch"),
        launch.replace(draft.id, second.id),
        launch.replace(project.id, other.id),
    ):
        answer = await call("GET", wrong)
        assert (answer.status, answer.json["object"]) == (404, "not_found_error")


async def test_a_batch_can_name_any_number_of_groups(sandbox: Sandbox, call: Caller) -> None:
    """A body of several megabytes is accepted."""
    project = sandbox.seed(draft=1)
    ids = [f"01BTGNYV6HRNK8K8VK{number:08d}" for number in range(40_000)]
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/pause-fielding-runs-by-target-group-id"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "key"}
    body = io.BytesIO(json.dumps({"target_group_ids": ids}).encode())
    assert (await call("POST", path, data=body, headers=headers)).status == 201
    sandbox.requests.clear()  # validating so many ids against the contract takes seconds


async def test_every_project_manager_request_creates_a_job(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The operation ignores idempotency keys; a second job changes nothing more."""
    project = sandbox.seed(live=1)
    other = (await managers(call))[1]
    for _ in range(2):
        assert (await assign(call, project, project.ids(), other)).status == 201
    clock.advance(1)
    assert [(job.status, job.idempotency_key) for job in sandbox.jobs.values()] == [("Completed", None)] * 2
    assert len(project.groups[0].history) == 1


async def test_only_project_managers_get_target_groups(sandbox: Sandbox, call: Caller) -> None:
    """A user of the account who is no project manager is a 400."""
    project = sandbox.seed(live=1)
    users = [user["id"] for user in (await call("GET", "/accounts/101/users")).json["users"]]
    (other,) = set(users) - set(await managers(call))
    answer = await assign(call, project, project.ids(), other)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "project_manager_id")


async def test_a_scheduled_draft_goes_live_at_its_start(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A scheduled draft is `scheduled` until its start, then live."""
    group = one(sandbox, "draft")
    job = await call.finished(await call.create_draft_job("schedule", group, **dates(clock, 60, 120)))
    assert (job["status"], job["created_fielding_run_id"]) == ("Completed", run_of(group).id)
    assert group.status == "scheduled"
    clock.advance(60)
    assert group.status == "live"


@pytest.mark.parametrize("kind", ["launch", "schedule"])
@pytest.mark.parametrize("status", ["scheduled", "live", "paused", "completed", "archived"])
async def test_only_a_draft_can_be_launched(
    sandbox: Sandbox, call: Caller, clock: SandboxClock, kind: str, status: str
) -> None:
    """The job of a group that is no draft fails, and its result has the trace of the request that created it."""
    group = one(sandbox, status)
    path = f"{call.group_path(group)}/fielding-run-jobs/{kind}-from-draft"
    headers = {"Idempotency-Key": "key", "traceparent": TRACEPARENT}
    job = await call.finished(await call("POST", path, json=dates(clock, 60, 120), headers=headers))
    assert (job["status"], job["created_fielding_run_id"]) == ("Failed", None)
    assert job["failure_reason"]["code"] == "TargetGroupInvalidState"
    assert job["job_trace_id"] == TRACEPARENT.split("-")[1]
    assert group.status == status


@pytest.mark.parametrize(
    ("kind", "window"),
    [
        ("launch", (0, -60)),
        ("launch", (0, 0.1)),
        ("schedule", (-60, 60)),
        ("schedule", (60, 60)),
        ("schedule", (60, 30)),
    ],
)
async def test_invalid_dates_fail_the_draft_job(
    sandbox: Sandbox, call: Caller, clock: SandboxClock, kind: str, window: tuple[float, float]
) -> None:
    """A draft job fails if its end has passed when it is executed, or its dates are past or out of order."""
    group = one(sandbox, "draft")
    job = await call.finished(await call.create_draft_job(kind, group, **dates(clock, *window)))
    assert (job["status"], job["failure_reason"]["code"]) == ("Failed", "InvalidFieldingDates")
    assert group.status == "draft"


async def test_an_unknown_draft_fails_the_job(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A target group or project that does not exist is no 404: the draft job fails."""
    group = one(sandbox, "draft")
    path = f"{call.group_path(group)}/fielding-run-jobs/launch-from-draft"
    for key, known in enumerate((group.id, group.project_id)):
        created = await call(
            "POST", path.replace(known, ULID), json=dates(clock, 1, 60), headers={"Idempotency-Key": str(key)}
        )
        assert (await call.finished(created))["failure_reason"]["code"] == "TargetGroupNotFound"
