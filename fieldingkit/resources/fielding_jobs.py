"""Fielding-run jobs: launch or schedule a target group that is still a draft.

The API accepts such a job at once, checks the draft afterwards, and returns the new fielding run's id at the end.
"""

from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, TargetGroupCommand
from fieldingkit.job_commands import JobAccepted, JobCommand, JobResult, JobStatus
from fieldingkit.results import Result
from fieldingkit.validators import check_period, idempotency_key, opaque_id, timezone_aware

__all__ = [
    "FailureDetail",
    "FailureReason",
    "FieldingJobResult",
    "GetLaunchFromDraftJob",
    "GetScheduleFromDraftJob",
    "LaunchFromDraft",
    "ScheduleFromDraft",
]

_JOBS = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/fielding-run-jobs"


@attrs.frozen(kw_only=True)
class FailureDetail(Result):
    """One problem of the draft."""

    strict: ClassVar[bool] = True
    name: str | None = None
    """The API's code of the problem, such as ``profile_validation_error_001``."""
    reason: str | None = None
    """The API's code of its reason."""
    detail: str | None = None
    """The API's explanation."""


@attrs.frozen(kw_only=True)
class FailureReason(Result):
    """The reason why a job failed."""

    strict: ClassVar[bool] = True
    code: str | None = None
    """The API's code, such as ``TargetGroupInvalidState``; new ones may appear."""
    description: str | None = None
    """The API's explanation."""
    reasons: tuple[FailureDetail, ...] = ()
    """The problems one by one, if the API lists them."""


@attrs.frozen(kw_only=True)
class FieldingJobResult(Result):
    """A launch or schedule job at the time it was read; final once ``status`` is terminal."""

    strict: ClassVar[bool] = True
    job_id: str
    """The API's id of the job; not the run's."""
    status: JobStatus
    """The job's status."""
    created_fielding_run_id: str | None = None
    """The id of the new fielding run, once the job is completed."""
    created_at: datetime | None = None
    """The time the job was created, UTC."""
    created_by: str | None = None
    """The id of the user who created it."""
    failure_reason: FailureReason | None = None
    """The reason if it failed."""
    job_trace_id: str | None = None
    """The trace id of the request that created the job; the API sends it if the job failed."""


@attrs.frozen(kw_only=True)
class _GetJob(TargetGroupCommand[FieldingJobResult]):
    """Base class of commands that read a job."""

    job_id: str = attrs.field(validator=opaque_id)
    """The job's id."""


@attrs.frozen(kw_only=True)
class _StartFromDraft(JobCommand[FieldingJobResult], TargetGroupCommand[JobAccepted]):
    """Base class of commands that launch or schedule a draft."""

    end_fielding_at: datetime = attrs.field(validator=timezone_aware)
    """The end of fielding, with a time zone."""
    idempotency_key: str | None = attrs.field(default=None, validator=idempotency_key)
    """A key of your own, 1 to 255 visible ASCII characters; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class GetLaunchFromDraftJob(_GetJob):
    """Read the status of a launch from draft."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _JOBS + "/launch-from-draft/{job_id}", operation_id="get_launch_fielding_run_from_draft_job"
    )


@attrs.frozen(kw_only=True)
class GetScheduleFromDraftJob(_GetJob):
    """Read the status of a schedule from draft."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _JOBS + "/schedule-from-draft/{job_id}", operation_id="get_schedule_fielding_run_from_draft_job"
    )


@attrs.frozen(kw_only=True)
class LaunchFromDraft(_StartFromDraft):
    """Launch a draft target group now, until ``end_fielding_at``.

    Whether its goal can be reached by then is not checked; ``workflows.launch`` asks first.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _JOBS + "/launch-from-draft", operation_id="create_launch_fielding_run_from_draft_job"
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetLaunchFromDraftJob


@attrs.frozen(kw_only=True)
class ScheduleFromDraft(_StartFromDraft):
    """Schedule a draft target group to field from ``start_fielding_at`` to ``end_fielding_at``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _JOBS + "/schedule-from-draft", operation_id="create_schedule_fielding_run_from_draft_job"
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetScheduleFromDraftJob
    start_fielding_at: datetime = attrs.field(validator=timezone_aware)
    """The start of fielding, with a time zone; not in the past."""

    def __attrs_post_init__(self) -> None:
        check_period(self, self.start_fielding_at, self.end_fielding_at)
