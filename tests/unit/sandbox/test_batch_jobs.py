"""The five batch jobs."""

import io
import json
from typing import Any

import pytest
from support.sandbox_caller import Caller, one, run_of

from fieldingkit.sandbox import Sandbox, SandboxClock

KINDS = ("complete", "launch", "pause", "relaunch", "resume")
UPDATED = {
    "complete": {"scheduled": "completed", "live": "completed", "paused": "completed", "completed": "completed"},
    "launch": {"scheduled": "live", "live": "live"},
    "pause": {"live": "paused", "paused": "paused"},
    "relaunch": {"completed": "live", "live": "live"},
    "resume": {"paused": "live", "live": "live"},
}


def updated(job: Any) -> list[str]:
    """The ids that a job names as updated."""
    return [item["target_group_id"] for item in job["updated_target_groups"]["data"]]


def failures(job: Any) -> dict[str, str]:
    """The failure code of each id that a job names as failed."""
    return {item["target_group_id"]: item["failure_reason"]["code"] for item in job["failed_target_groups"]["data"]}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_in_every_state(sandbox: Sandbox, call: Caller, kind: str) -> None:
    """A batch changes the groups whose state allows it, counts those already there, and names all others."""
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
        assert group.status == UPDATED[kind].get(before[group.id], before[group.id])


@pytest.mark.parametrize("kind", KINDS)
async def test_already_there_changes_nothing(sandbox: Sandbox, call: Caller, kind: str) -> None:
    """A group that already is in the wanted state is counted as updated and keeps its version."""
    there = {"pause": "paused", "complete": "completed"}.get(kind, "live")
    group = one(sandbox, there)
    job = await call.finished(await call.create_batch(kind, group.project_id, [group.id]))
    assert updated(job) == [group.id]
    assert group.history == ()


async def test_a_job_is_processing_at_first(sandbox: Sandbox, call: Caller) -> None:
    """Until its time has passed a job is `Processing`, has empty lists, and has changed nothing."""
    project = sandbox.seed(live=2)
    created = await call.create_batch("pause", project.id, project.ids())
    answer = await call("GET", created.headers["Location"])
    assert answer.json["status"] == "Processing"
    assert updated(answer.json) == [] == list(failures(answer.json))
    assert project.ids("live") == project.ids()


async def test_a_job_that_nobody_polls_is_done(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job takes effect when its time has come, whoever looks at what."""
    project = sandbox.seed(live=1)
    await call.create_batch("pause", project.id, project.ids())
    clock.advance(0.2)
    answer = await call("GET", call.run_path(project.groups[0]))
    assert (answer.json["status"], answer.headers["ETag"]) == ("paused", 'W/"2"')


async def test_a_job_is_done_at_its_own_time(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job acts on the state at the moment it was due, even if it is looked at much later."""
    project = sandbox.seed(scheduled=1, starts_in=60, ends_in=120)
    await call.create_batch("launch", project.id, project.ids())
    clock.advance(1000)
    (group,) = project.groups
    assert [change.action for change in group.history] == ["launch_now", "end_reached"]
    (job,) = sandbox.jobs.values()
    assert job.applied_at == job.due_at == group.history[0].at


async def test_jobs_are_done_in_order(sandbox: Sandbox, call: Caller) -> None:
    """Two jobs on one group take effect in the order in which they were created."""
    project = sandbox.seed(live=1)
    first = await call.create_batch("pause", project.id, project.ids(), key="1")
    second = await call.create_batch("resume", project.id, project.ids(), key="2")
    assert updated(await call.finished(second)) == updated(await call.finished(first)) == project.ids()
    assert [change.action for change in project.groups[0].history] == ["pause", "resume"]


async def test_the_order_is_that_of_the_request(sandbox: Sandbox, call: Caller) -> None:
    """Both result lists keep the order of the request."""
    project = sandbox.seed(live=3, draft=3)
    asked = project.ids()[::-1]
    job = await call.finished(await call.create_batch("pause", project.id, asked))
    assert updated(job) == [id_ for id_ in asked if id_ in project.ids("paused")]
    assert list(failures(job)) == [id_ for id_ in asked if id_ in project.ids("draft")]


async def test_an_unknown_group_fails_alone(sandbox: Sandbox, call: Caller) -> None:
    """A group that does not exist, or is another project's, fails as not found, and the rest goes on."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    unknown = "01BTGNYV6HRNK8K8VKZASZCFP1"
    job = await call.finished(await call.create_batch("pause", project.id, [unknown, *other.ids(), *project.ids()]))
    assert failures(job) == {unknown: "TargetGroupNotFound", other.ids()[0]: "TargetGroupNotFound"}
    assert updated(job) == project.ids()
    assert other.ids("live") == other.ids()


@pytest.mark.parametrize("limit", ["goal_reached", "ended"])
async def test_no_return_past_a_limit(sandbox: Sandbox, call: Caller, limit: str) -> None:
    """Bulk resume and relaunch refuse a group whose completes goal or end date is reached."""
    for kind, status in (("resume", "paused"), ("relaunch", "completed")):
        group = one(sandbox, status, **{limit: True})
        job = await call.finished(await call.create_batch(kind, group.project_id, [group.id], key=kind))
        assert failures(job) == {group.id: "StatusTransitionNotAllowed"}


async def test_a_bulk_launch_keeps_the_duration(sandbox: Sandbox, call: Caller) -> None:
    """A bulk launch moves start and end as the single operation does."""
    project = sandbox.seed(scheduled=1, starts_in=100, ends_in=300)
    before = run_of(project.groups[0])
    await call.finished(await call.create_batch("launch", project.id, project.ids()))
    after = run_of(project.groups[0])
    assert after.start_at < before.start_at
    assert after.end_at - after.start_at == before.end_at - before.start_at


async def test_a_repeated_key_makes_no_second_job(sandbox: Sandbox, call: Caller) -> None:
    """The same request with the same key has the same 201 and Location, before and after the job is done."""
    project = sandbox.seed(live=1)
    first = await call.create_batch("pause", project.id, project.ids())
    second = await call.create_batch("pause", project.id, project.ids())
    await call.finished(first)
    third = await call.create_batch("pause", project.id, project.ids())
    assert first.status == second.status == third.status == 201
    assert first.headers["Location"] == second.headers["Location"] == third.headers["Location"]
    assert [job.idempotency_key for job in sandbox.jobs.values()] == ["key"]


async def test_a_key_is_for_one_request(sandbox: Sandbox, call: Caller) -> None:
    """The same key with another body, operation or project is a 409."""
    project, other = sandbox.seed(live=2), sandbox.seed(live=1)
    await call.create_batch("pause", project.id, project.ids())
    for kind, project_id, ids in [
        ("pause", project.id, project.ids()[:1]),
        ("complete", project.id, project.ids()),
        ("pause", other.id, project.ids()),
    ]:
        answer = await call.create_batch(kind, project_id, ids)
        assert (answer.status, answer.json["object"]) == (409, "conflict_error")
    assert len(sandbox.jobs) == 1


async def test_accounts_do_not_share_keys(sandbox: Sandbox, call: Caller) -> None:
    """A key that one account has used is free for another."""
    mine, theirs = sandbox.seed(live=1), sandbox.seed(live=1, account_id=202)
    for account, project in ((101, mine), (202, theirs)):
        path = f"/demand/accounts/{account}/projects/{project.id}/batch-jobs/pause-fielding-runs-by-target-group-id"
        body = {"target_group_ids": project.ids()}
        assert (await call("POST", path, json=body, headers={"Idempotency-Key": "key"})).status == 201
    assert len(sandbox.jobs) == 2


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_is_required(sandbox: Sandbox, call: Caller, key: str) -> None:
    """A key of less than 1 or more than 255 characters is a 400."""
    project = sandbox.seed(live=1)
    answer = await call.create_batch("pause", project.id, project.ids(), key=key)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "Idempotency-Key")
    assert not sandbox.jobs


@pytest.mark.parametrize(
    "ids", [None, [], {}, "01BTGNYV6HRNK8K8VKZASZCFP1", [7], ["short"], ["01BTGNYV6HRNK8K8VKZASZCFP1"] * 2]
)
async def test_malformed_ids_are_refused(sandbox: Sandbox, call: Caller, ids: object) -> None:
    """Ids that are missing, empty, malformed or doubled are a 400."""
    project = sandbox.seed(live=1)
    answer = await call.create_batch("pause", project.id, ids)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "target_group_ids")


async def test_an_unknown_project_is_not_found(sandbox: Sandbox, call: Caller) -> None:
    """A batch for a project that does not exist, or is another account's, is a 404."""
    theirs = sandbox.seed(live=1, account_id=202)
    for project_id in ("01BTGNYV6HRNK8K8VKZASZCFP1", theirs.id):
        answer = await call.create_batch("pause", project_id, theirs.ids())
        assert (answer.status, answer.json["object"]) == (404, "not_found_error")


async def test_a_job_is_read_where_it_belongs(sandbox: Sandbox, call: Caller) -> None:
    """A job that does not exist, or is of another kind or project, is a 404."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    location = (await call.create_batch("pause", project.id, project.ids())).headers["Location"]
    (job_id,) = sandbox.jobs
    for wrong in (
        location.replace(job_id, "01BTGNYV6HRNK8K8VKZASZCFP1"),
        location.replace("pause", "resume"),
        location.replace(project.id, other.id),
    ):
        answer = await call("GET", wrong)
        assert (answer.status, answer.json["object"]) == (404, "not_found_error")


async def test_a_batch_that_holds_every_group(sandbox: Sandbox, call: Caller) -> None:
    """There is no upper limit: a body of some megabytes is taken."""
    project = sandbox.seed(draft=1)
    ids = [f"01BTGNYV6HRNK8K8VK{number:08d}" for number in range(40_000)]
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/pause-fielding-runs-by-target-group-id"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "key"}
    body = io.BytesIO(json.dumps({"target_group_ids": ids}).encode())
    assert (await call("POST", path, data=body, headers=headers)).status == 201
    sandbox.requests.clear()  # to check so many ids against the contract takes seconds
