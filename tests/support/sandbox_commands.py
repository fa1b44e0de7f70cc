"""Commands that a sandbox carries out, and how their jobs are looked at."""

from datetime import UTC, datetime, timedelta

from fieldingkit import PollPolicy, batch_jobs, fielding_jobs, fielding_runs
from fieldingkit.sandbox import Sandbox

READS = "get_fielding_runs_by_target_group_id"
PAUSES = "create_bulk_pause_target_groups_job"
LOOKS = "get_bulk_pause_target_groups_job"

EVERY = PollPolicy(first_delay=0.015, min_interval=0.015, max_interval=0.015)
"""A job of the sandbox, which takes 0.02 s, is looked at twice."""


def a_read(sandbox: Sandbox) -> fielding_runs.ListFieldingRuns:
    """A command that changes nothing and may be repeated; its operation is ``READS``."""
    group = sandbox.seed(live=1).groups[0]
    return fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)


def path_of(read: fielding_runs.ListFieldingRuns) -> str:
    """The path of the same read, for a request that is spelled out."""
    return f"/demand/accounts/101/projects/{read.project_id}/target-groups/{read.target_group_id}/fielding-runs"


def a_batch(sandbox: Sandbox) -> batch_jobs.PauseTargetGroups:
    """A batch that succeeds; its operation is ``PAUSES``, and its job is looked at by ``LOOKS``."""
    project = sandbox.seed(live=2)
    return batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())


def a_failure(sandbox: Sandbox) -> fielding_jobs.LaunchFromDraft:
    """A launch whose job fails, since its end is past."""
    group = sandbox.seed(draft=1).groups[0]
    past = datetime.now(UTC) - timedelta(days=1)
    return fielding_jobs.LaunchFromDraft(project_id=group.project_id, target_group_id=group.id, end_fielding_at=past)
