"""The batch job that gives target groups to another project manager."""

from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller

from fieldingkit.sandbox import Project, Sandbox, SandboxClock, faults


async def managers(call: Caller) -> list[str]:
    """The ids of the account's project managers."""
    answer = await call("GET", "/accounts/101/users", params={"user_type": "project_manager"})
    return [user["id"] for user in answer.json["users"]]


async def create(call: Caller, project: Project, **body: Any) -> Answer:
    """Create a job."""
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/update-target-group-project-managers"
    return await call("POST", path, json=body)


async def test_groups_get_another_manager(sandbox: Sandbox, call: Caller) -> None:
    """Target groups of every state are given away; one that does not exist fails alone."""
    project, unknown = sandbox.seed(), "01BTGNYV6HRNK8K8VKZASZCFP1"
    _, other, *_ = await managers(call)
    created = await create(call, project, project_manager_id=other.upper(), target_group_ids=[*project.ids(), unknown])
    assert (created.status, created.body) == (201, b"")
    job = await call.finished(created)
    assert (job["status"], job["project_manager_id"], "created_by" in job) == ("Completed", other, False)
    assert [item["target_group_id"] for item in job["updated_target_groups"]["data"]] == project.ids()
    assert job["updated_target_groups"]["data"][0]["target_group_name"] == project.groups[0].name
    (failed,) = job["failed_target_groups"]["data"]
    assert failed["failure_reason"]["code"] == "TargetGroupNotFound"
    assert {group.manager_id for group in project.groups} == {other}
    assert {group.history[0].action for group in project.groups} == {"update_project_manager"}


async def test_a_job_is_processing_at_first(sandbox: Sandbox, call: Caller) -> None:
    """Until its time has passed both lists are null, and nothing has changed."""
    project = sandbox.seed(live=1)
    first, other, *_ = await managers(call)
    created = await create(call, project, project_manager_id=other, target_group_ids=project.ids())
    job = (await call("GET", created.headers["Location"])).json
    assert (job["status"], job["updated_target_groups"], job["failed_target_groups"]) == ("Processing", None, None)
    assert project.groups[0].manager_id == first


async def test_each_request_makes_a_job(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """There is no idempotency key, and one that is sent does nothing; to do it twice changes nothing more."""
    project = sandbox.seed(live=1)
    other = (await managers(call))[1]
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/update-target-group-project-managers"
    body = {"project_manager_id": other, "target_group_ids": project.ids()}
    for _ in range(2):
        assert (await call("POST", path, json=body, headers={"Idempotency-Key": "key"})).status == 201
    clock.advance(1)
    assert [(job.status, job.idempotency_key) for job in sandbox.jobs.values()] == [("Completed", None)] * 2
    assert len(project.groups[0].history) == 1


async def test_an_item_can_be_forgotten(sandbox: Sandbox, call: Caller) -> None:
    """The fault that leaves an item out of a result works here as well."""
    project = sandbox.seed(live=2)
    sandbox.faults.add("create_bulk_update_*", faults.ForgetItem())
    other = (await managers(call))[1]
    created = await create(call, project, project_manager_id=other, target_group_ids=project.ids())
    job = await call.finished(created)
    assert [item["target_group_id"] for item in job["updated_target_groups"]["data"]] == project.ids()[1:]


@pytest.mark.parametrize("name", ["project_manager_id", "target_group_ids"])
async def test_both_fields_are_needed(sandbox: Sandbox, call: Caller, name: str) -> None:
    """A job without a manager or without target groups is a 400, whatever the contract's schema lets through."""
    project = sandbox.seed(live=1)
    body = {"project_manager_id": (await managers(call))[1], "target_group_ids": project.ids()}
    del body[name]
    answer = await create(call, project, **body)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, name)


async def test_the_manager_has_to_be_one(sandbox: Sandbox, call: Caller) -> None:
    """Somebody unknown, and somebody of the account who is no project manager, are a 400."""
    project = sandbox.seed(live=1)
    everybody = [user["id"] for user in (await call("GET", "/accounts/101/users")).json["users"]]
    (other,) = set(everybody) - set(await managers(call))
    for wrong in (other, "00000000-0000-4000-8000-000000000000", "ada", 7):
        answer = await create(call, project, project_manager_id=wrong, target_group_ids=project.ids())
        assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "project_manager_id")
