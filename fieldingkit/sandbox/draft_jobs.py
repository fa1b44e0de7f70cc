"""Handlers of the jobs that launch or schedule a draft target group."""

from datetime import datetime
from functools import partial

from fieldingkit.sandbox.bodies import read_timestamps
from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.jobs import DraftJob
from fieldingkit.sandbox.timestamps import write_timestamp

__all__ = ["get_launch", "get_schedule", "launch", "schedule"]

_LAUNCH = "launch-from-draft"
_SCHEDULE = "schedule-from-draft"


def launch(call: Call) -> Reply:
    """Create a job that launches a draft.

    An unknown project or target group, and dates that make no sense, are no error here: the job fails. The contract
    documents no 404 for this operation.
    """
    (end_at,) = read_timestamps(call.json_object(), "end_fielding_at")
    return _create(call, _LAUNCH, None, end_at)


def schedule(call: Call) -> Reply:
    """Create a job that schedules a draft; see `launch`."""
    start_at, end_at = read_timestamps(call.json_object(), "start_fielding_at", "end_fielding_at")
    return _create(call, _SCHEDULE, start_at, end_at)


def get_launch(call: Call) -> Reply:
    """Read a launch job."""
    return _read(call, _LAUNCH)


def get_schedule(call: Call) -> Reply:
    """Read a schedule job."""
    return _read(call, _SCHEDULE)


def _create(call: Call, kind: str, start_at: datetime | None, end_at: datetime) -> Reply:
    return call.submit(
        partial(
            DraftJob,
            kind=kind,
            project_id=call.parameters["project_id"],
            target_group_id=call.parameters["target_group_id"],
            fielding_run_id=call.world.identifiers.ulid(),
            start_at=start_at,
            end_at=end_at,
        )
    )


def _read(call: Call, kind: str) -> Reply:
    job = call.job(DraftJob, kind)
    failure = job.failure if job.status == "Failed" else None
    # The nulls are in the contract's examples, though its schemas do not allow them.
    return Reply(
        200,
        {
            "job_id": job.id,
            "created_fielding_run_id": job.created_fielding_run_id,
            "created_at": write_timestamp(job.created_at),
            "created_by": call.world.user_id,
            "status": job.status,
            "failure_reason": failure and {"code": failure.code, "description": failure.description},
            "job_trace_id": job.trace_id if failure else None,
        },
    )
