"""Exclusion workflows under random faults and crashes: one job a call, no live group that loses its exclusions."""

import asyncio
import random
from datetime import datetime
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.workflow_crash import Crash

from fieldingkit import AsyncClient, PollPolicy
from fieldingkit.errors import FieldingKitError, JobError
from fieldingkit.resources.excluded_respondents import (
    GetExclusionsOverview,
    RemoveAllExclusions,
    UploadExclusions,
)
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sandbox.model.file_jobs import FileJob
from fieldingkit.workflows import remove_all_exclusions, upload_exclusions

IDS = [f"0f1ce179-a917-49ff-9d50-{number:012x}" for number in range(8)]
REMOVAL = "remove-all-exclusions"
FAULTS: list[faults.Fault] = [
    faults.Answer(403),
    faults.Answer(409),
    faults.Answer(429, headers={"Retry-After": "3"}),
    faults.Answer(503),
    faults.ApplyThenAnswer(500),
    faults.ApplyThenDrop(),
    faults.DropBefore(),
    faults.EmptyBody(),
    faults.FailedJob(),
    faults.Garbage(),
    faults.JobGone(),
    faults.ResetMidBody(),
    faults.StuckJob(),
    faults.TruncatedJson(),
]
OPERATIONS = [
    "exclusion_create_upload_rids_by_file_job",
    "exclusion_create_remove_all_respondents_job",
    "get_respondent_exclusions_upload_by_file_job",
    "get_all_respondent_exclusions_removal_job",
    "get_exclusions_overview",
    "get_fielding_runs_by_target_group_id",
    "get_fielding_run",
    "pause_fielding_run",
    "resume_fielding_run",
]


@pytest.fixture
def client(sandbox: Sandbox, make_client: MakeClient) -> AsyncClient:
    """Return a client whose polls and delays take no time."""
    return make_client(
        clock=FakeClock(sandbox.clock, jump=60.0),
        deadline=None,
        poll=PollPolicy(first_delay=1.0, min_interval=1.0, max_interval=30.0),
    )


def jobs_of(sandbox: Sandbox, group: TargetGroup, kind: str) -> list[FileJob]:
    """Return the jobs of a target group of one kind, the oldest first."""
    jobs = (job for job in sandbox.jobs.values() if isinstance(job, FileJob))
    return [job for job in jobs if (job.kind, job.target_group_id) == (kind, group.id)]


def status_at(group: TargetGroup, moment: datetime) -> str:
    """Return the status of a target group at a past time, after the changes of that moment."""
    return next((change.after for change in reversed(group.history) if change.at <= moment), "live")


@pytest.mark.parametrize("seed", range(40))
async def test_a_live_target_group_never_loses_its_exclusions(sandbox: Sandbox, client: AsyncClient, seed: int) -> None:
    """A removal is sent once, while the group is not live; it is live again only after the removal has succeeded."""
    chance = random.Random(seed)
    group = sandbox.seed(live=1).groups[0]
    place: dict[str, Any] = {"project_id": group.project_id, "target_group_id": group.id}
    upload = UploadExclusions(**place, entity_type="RSID", file=IDS[:4])
    await upload_exclusions(client, upload.replace(file=IDS), timeout=600.0)
    removal = RemoveAllExclusions(**place, entity_type="RSID")
    options: dict[str, Any] = {"upload": upload} if chance.random() < 0.5 else {}
    task = asyncio.ensure_future(
        remove_all_exclusions(
            client, removal, pause=True, timeout=600.0, wait_for_others=chance.choice([0.0, 300.0]), **options
        )
    )
    for _ in range(chance.randrange(1, 4)):
        crash = chance.random() < 0.2
        fault = Crash(task.cancel, is_applied=chance.random() < 0.5) if crash else chance.choice(FAULTS)
        sandbox.faults.add(chance.choice(OPERATIONS), fault, times=chance.randrange(1, 3))
    await asyncio.wait([task])
    sandbox.faults.clear()
    removals = jobs_of(sandbox, group, REMOVAL)
    assert len(removals) <= 1
    resumed_at = [change.at for change in group.history if change.action == "resume"]
    for job in removals:
        assert status_at(group, job.created_at) == "paused"
        ended_at = job.applied_at if job.status == "Success" else None
        assert all(ended_at is not None and ended_at <= moment for moment in resumed_at)
    assert removals or not resumed_at
    error = None if task.cancelled() else task.exception()
    if isinstance(error, FieldingKitError):
        assert error.maybe_applied or isinstance(error, JobError) or not removals
    elif not task.cancelled():
        result = task.result()
        assert [job.status for job in removals] == ["Success"]
        assert (result.resumed, result.paused) == (group.status == "live", True)
        now = await client.send(GetExclusionsOverview(**place))
        assert now.saved_respondent_ids_count == (4 if options else 0)
