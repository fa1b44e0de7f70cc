"""The path table, spelled by hand from the published contract.

It is spelled here once more, and not taken from the client's own table, because if both sides read one table a wrong
path would pass every test.
"""

from typing import Final, NamedTuple

from fieldingkit.sandbox import batch_jobs, draft_jobs, fielding_runs
from fieldingkit.sandbox.calls import Handler
from fieldingkit.sandbox.transitions import COMPLETE, PAUSE, RELAUNCH, RESUME

__all__ = ["ROUTES", "Route", "routes"]


class Route(NamedTuple):
    """One operation of the API."""

    method: str
    """The HTTP method."""
    path: str
    """The path template, without `/v1`."""
    operation_id: str
    """What the contract calls it."""
    handler: Handler
    """What carries it out."""


_PROJECT = "/demand/accounts/{account_id}/projects/{project_id}"
_GROUP = _PROJECT + "/target-groups/{target_group_id}"

_RUNS = _GROUP + "/fielding-runs"
_RUN = _RUNS + "/{fielding_run_id}"
_LAUNCHES = _GROUP + "/fielding-run-jobs/launch-from-draft"
_SCHEDULES = _GROUP + "/fielding-run-jobs/schedule-from-draft"

_BULK_COMPLETES = _PROJECT + "/batch-jobs/complete-fielding-runs-by-target-group-id"
_BULK_LAUNCHES = _PROJECT + "/batch-jobs/launch-fielding-runs-by-target-group-id"
_BULK_PAUSES = _PROJECT + "/batch-jobs/pause-fielding-runs-by-target-group-id"
_BULK_RELAUNCHES = _PROJECT + "/batch-jobs/relaunch-fielding-runs-by-target-group-id"
_BULK_RESUMES = _PROJECT + "/batch-jobs/resume-fielding-runs-by-target-group-id"

ROUTES: Final = (
    # The tag "Fielding"
    Route("GET", _RUNS, "get_fielding_runs_by_target_group_id", fielding_runs.list_),
    Route("GET", _RUN, "get_fielding_run", fielding_runs.get),
    Route("PUT", _RUN, "update_fielding_run", fielding_runs.update),
    Route("POST", _RUN + "/pause", "pause_fielding_run", fielding_runs.action(PAUSE)),
    Route("POST", _RUN + "/resume", "resume_fielding_run", fielding_runs.action(RESUME)),
    Route("POST", _RUN + "/complete", "complete_fielding_run", fielding_runs.action(COMPLETE)),
    Route("POST", _RUN + "/relaunch", "relaunch_fielding_run", fielding_runs.action(RELAUNCH)),
    Route("POST", _RUN + "/launch-now", "launch_now_fielding_run", fielding_runs.launch_now),
    Route("POST", _LAUNCHES, "create_launch_fielding_run_from_draft_job", draft_jobs.launch),
    Route("GET", _LAUNCHES + "/{job_id}", "get_launch_fielding_run_from_draft_job", draft_jobs.get_launch),
    Route("POST", _SCHEDULES, "create_schedule_fielding_run_from_draft_job", draft_jobs.schedule),
    Route("GET", _SCHEDULES + "/{job_id}", "get_schedule_fielding_run_from_draft_job", draft_jobs.get_schedule),
    # The tag "Fielding (Batch)"
    Route("POST", _BULK_COMPLETES, "create_bulk_complete_target_groups_job", batch_jobs.create("complete")),
    Route("GET", _BULK_COMPLETES + "/{job_id}", "get_bulk_complete_target_groups_job", batch_jobs.get("complete")),
    Route("POST", _BULK_LAUNCHES, "create_bulk_launch_target_groups_job", batch_jobs.create("launch")),
    Route("GET", _BULK_LAUNCHES + "/{job_id}", "get_bulk_launch_target_groups_job", batch_jobs.get("launch")),
    Route("POST", _BULK_PAUSES, "create_bulk_pause_target_groups_job", batch_jobs.create("pause")),
    Route("GET", _BULK_PAUSES + "/{job_id}", "get_bulk_pause_target_groups_job", batch_jobs.get("pause")),
    Route("POST", _BULK_RELAUNCHES, "create_bulk_relaunch_target_groups_job", batch_jobs.create("relaunch")),
    Route("GET", _BULK_RELAUNCHES + "/{job_id}", "get_bulk_relaunch_target_groups_job", batch_jobs.get("relaunch")),
    Route("POST", _BULK_RESUMES, "create_bulk_resume_target_groups_job", batch_jobs.create("resume")),
    Route("GET", _BULK_RESUMES + "/{job_id}", "get_bulk_resume_target_groups_job", batch_jobs.get("resume")),
)


def routes() -> list[tuple[str, str, str]]:
    """Every operation that the sandbox knows: method, path template without `/v1`, operation id."""
    return [(route.method, route.path, route.operation_id) for route in ROUTES]
