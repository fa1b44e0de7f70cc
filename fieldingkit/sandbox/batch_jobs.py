"""Handlers of the jobs that take one action on many target groups."""

from functools import partial

from fieldingkit.sandbox.bodies import read_target_group_ids
from fieldingkit.sandbox.calls import Call, Handler, Reply
from fieldingkit.sandbox.jobs import BatchJob
from fieldingkit.sandbox.timestamps import write_timestamp

__all__ = ["create", "get"]


def create(kind: str) -> Handler:
    """The handler that creates a job of one kind.

    Args:
        kind: `complete`, `launch`, `pause`, `relaunch` or `resume`.
    """

    def handler(call: Call) -> Reply:
        project = call.project()
        target_group_ids = read_target_group_ids(call.json_object())
        return call.submit(partial(BatchJob, kind=kind, project_id=project.id, target_group_ids=target_group_ids))

    return handler


def get(kind: str) -> Handler:
    """The handler that reads a job of one kind.

    Args:
        kind: `complete`, `launch`, `pause`, `relaunch` or `resume`.
    """

    def handler(call: Call) -> Reply:
        job = call.job(BatchJob, kind)
        updated = [{"target_group_id": id_} for id_ in job.reported_updated]
        failed = [
            {
                "target_group_id": item.target_group_id,
                "failure_reason": {"code": item.failure.code, "description": item.failure.description},
            }
            for item in job.reported_failed
        ]
        finished = job.status != "Processing"
        return Reply(
            200,
            {
                "job_id": job.id,
                "created_at": write_timestamp(job.created_at),
                "created_by": call.world.user_id,
                "status": job.status,
                "updated_target_groups": {"data": updated if finished else [], "has_more": False},
                "failed_target_groups": {"data": failed if finished else [], "has_more": False},
            },
        )

    return handler
