"""Commands for a sandbox, and the poll policy of their jobs."""

from datetime import UTC, datetime, timedelta

from fieldingkit import PollPolicy, batch_jobs, fielding_jobs, fielding_runs
from fieldingkit.sandbox import Sandbox

READS = "get_fielding_runs_by_target_group_id"
PAUSES = "create_bulk_pause_target_groups_job"
POLLS = "get_bulk_pause_target_groups_job"

EVERY = PollPolicy(first_delay=0.015, min_interval=0.015, max_interval=0.015)
"""Polls a job of the sandbox, which takes 0.02 s, twice."""


def a_read(sandbox: Sandbox) -> fielding_runs.ListFieldingRuns:
    """Return a read command; its operation is ``READS``."""
    group = sandbox.seed(live=1).groups[0]
    return fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)


def path_of(read: fielding_runs.ListFieldingRuns) -> str:
    """Return the path of the read command."""
    return f"/demand/accounts/101/projects/{read.project_id}/target-groups/{read.target_group_id}/fielding-runs"


def a_batch(sandbox: Sandbox) -> batch_jobs.PauseTargetGroups:
    """Return a batch command that succeeds; ``PAUSES`` creates its job and ``POLLS`` reads it."""
    project = sandbox.seed(live=2)
    return batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())


def a_failure(sandbox: Sandbox) -> fielding_jobs.LaunchFromDraft:
    """Return a launch whose job fails because its end date has passed."""
    group = sandbox.seed(draft=1).groups[0]
    past = datetime.now(UTC) - timedelta(days=1)
    return fielding_jobs.LaunchFromDraft(project_id=group.project_id, target_group_id=group.id, end_fielding_at=past)
