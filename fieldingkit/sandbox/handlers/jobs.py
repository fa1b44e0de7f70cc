"""Handlers of the jobs on many target groups and on drafts."""

from datetime import datetime
from functools import partial

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import Handler, HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.jobs import BatchJob, DraftJob, ManagerJob
from fieldingkit.sandbox.parameters import read_target_group_ids, read_timestamps

__all__ = [
    "create_batch_job",
    "create_manager_job",
    "get_batch_job",
    "get_launch_job",
    "get_manager_job",
    "get_schedule_job",
    "launch_draft",
    "schedule_draft",
]


def create_batch_job(kind: str) -> Handler:
    """Return the handler that creates batch jobs of one kind.

    Args:
        kind: `complete`, `launch`, `pause`, `relaunch` or `resume`.
    """

    def handler(context: RequestContext) -> HandlerResponse:
        project = context.project()
        target_group_ids = read_target_group_ids(context.json_object())
        return context.submit(partial(BatchJob, kind=kind, project_id=project.id, target_group_ids=target_group_ids))

    return handler


def get_batch_job(kind: str) -> Handler:
    """Return the handler that reads batch jobs of one kind.

    Args:
        kind: `complete`, `launch`, `pause`, `relaunch` or `resume`.
    """

    def handler(context: RequestContext) -> HandlerResponse:
        job = context.job(BatchJob, kind)
        updated = [{"target_group_id": id_} for id_ in job.reported_updated]
        failed = [
            {
                "target_group_id": item.target_group_id,
                "failure_reason": {"code": item.failure.code, "description": item.failure.description},
            }
            for item in job.reported_failed
        ]
        finished = job.status != "Processing"
        return HandlerResponse(
            200,
            {
                "job_id": job.id,
                "created_at": write_timestamp(job.created_at),
                "created_by": context.state.user_id,
                "status": job.status,
                "updated_target_groups": {"data": updated if finished else [], "has_more": False},
                "failed_target_groups": {"data": failed if finished else [], "has_more": False},
            },
        )

    return handler


_LAUNCH = "launch-from-draft"
_SCHEDULE = "schedule-from-draft"


def launch_draft(context: RequestContext) -> HandlerResponse:
    """Create a job that launches a draft.

    An unknown project or target group, and invalid dates, let the job fail instead of the request: the contract
    documents no 404 for this operation.
    """
    (end_at,) = read_timestamps(context.json_object(), "end_fielding_at")
    return _create(context, _LAUNCH, None, end_at)


def schedule_draft(context: RequestContext) -> HandlerResponse:
    """Create a job that schedules a draft; it fails in the same cases as a launch."""
    start_at, end_at = read_timestamps(context.json_object(), "start_fielding_at", "end_fielding_at")
    return _create(context, _SCHEDULE, start_at, end_at)


def get_launch_job(context: RequestContext) -> HandlerResponse:
    """Return a launch job."""
    return _read(context, _LAUNCH)


def get_schedule_job(context: RequestContext) -> HandlerResponse:
    """Return a schedule job."""
    return _read(context, _SCHEDULE)


def _create(context: RequestContext, kind: str, start_at: datetime | None, end_at: datetime) -> HandlerResponse:
    return context.submit(
        partial(
            DraftJob,
            kind=kind,
            project_id=context.parameters["project_id"],
            target_group_id=context.parameters["target_group_id"],
            fielding_run_id=context.state.identifiers.ulid(),
            start_at=start_at,
            end_at=end_at,
        )
    )


def _read(context: RequestContext, kind: str) -> HandlerResponse:
    job = context.job(DraftJob, kind)
    failure = job.failure if job.status == "Failed" else None
    # The contract's examples have these nulls, although its schemas do not allow them.
    return HandlerResponse(
        200,
        {
            "job_id": job.id,
            "created_fielding_run_id": job.created_fielding_run_id,
            "created_at": write_timestamp(job.created_at),
            "created_by": context.state.user_id,
            "status": job.status,
            "failure_reason": failure and {"code": failure.code, "description": failure.description},
            "job_trace_id": job.trace_id if failure else None,
        },
    )


_KIND = "update-target-group-project-managers"


def create_manager_job(context: RequestContext) -> HandlerResponse:
    """Create a job that assigns target groups to a project manager. There is no idempotency key."""
    project, body = context.project(), context.json_object()
    target_group_ids = read_target_group_ids(body)
    manager_id: object = body.get("project_manager_id")
    managers = {user.id for user in context.state.accounts[project.account_id].project_managers}
    if not isinstance(manager_id, str) or manager_id.lower() not in managers:
        raise problems.bad_request(
            "The project manager is missing or unknown.",
            project_manager_id="Must be the id of a project manager of this account.",
        )
    return context.submit(
        partial(
            ManagerJob,
            kind=_KIND,
            project_id=project.id,
            target_group_ids=target_group_ids,
            manager_id=manager_id.lower(),
        ),
        keyed=False,
    )


def get_manager_job(context: RequestContext) -> HandlerResponse:
    """Return a project-manager job; its lists are null until it is finished."""
    job = context.job(ManagerJob, _KIND)
    groups = context.state.groups
    updated = [{"target_group_id": id_, "target_group_name": groups[id_].name} for id_ in job.reported_updated]
    failed = [
        {
            "target_group_id": item.target_group_id,
            "failure_reason": {"code": item.failure.code, "description": item.failure.description},
        }
        for item in job.reported_failed
    ]
    finished = job.status != "Processing"
    # The contract's example has these nulls, although its schema does not allow them.
    return HandlerResponse(
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
