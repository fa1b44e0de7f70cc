"""Handlers of the job that gives many target groups to another project manager."""

from functools import partial

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.bodies import read_target_group_ids
from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.jobs import ManagerJob
from fieldingkit.sandbox.timestamps import write_timestamp

__all__ = ["create", "get"]

_KIND = "update-target-group-project-managers"


def create(call: Call) -> Reply:
    """Create a job; there is no idempotency key here, so every request makes a new one."""
    project, body = call.project(), call.json_object()
    target_group_ids = read_target_group_ids(body)
    manager_id: object = body.get("project_manager_id")
    managers = {user.id for user in call.world.accounts[project.account_id].project_managers}
    if not isinstance(manager_id, str) or manager_id.lower() not in managers:
        raise problems.bad_request(
            "The project manager is missing or unknown.",
            project_manager_id="It has to be the id of a project manager of this account.",
        )
    return call.submit(
        partial(
            ManagerJob,
            kind=_KIND,
            project_id=project.id,
            target_group_ids=target_group_ids,
            manager_id=manager_id.lower(),
        ),
        keyed=False,
    )


def get(call: Call) -> Reply:
    """Read a job; both of its lists are null until it is finished."""
    job = call.job(ManagerJob, _KIND)
    groups = call.world.groups
    updated = [{"target_group_id": id_, "target_group_name": groups[id_].name} for id_ in job.reported_updated]
    failed = [
        {
            "target_group_id": item.target_group_id,
            "failure_reason": {"code": item.failure.code, "description": item.failure.description},
        }
        for item in job.reported_failed
    ]
    finished = job.status != "Processing"
    # The nulls are in the contract's example, though its schema does not allow them.
    return Reply(
        200,
        {
            "job_id": job.id,
            "created_at": write_timestamp(job.created_at),
            "status": job.status,
            "project_manager_id": job.manager_id,
            "updated_target_groups": {"data": updated, "has_more": False} if finished else None,
            "failed_target_groups": {"data": failed, "has_more": False} if finished else None,
        },
    )
