"""Fielding-run jobs: launching or scheduling a target group that still is a draft.

They are jobs: the API accepts one at once, checks the draft afterwards, and gives the new fielding run's id at the end.
"""

from datetime import datetime
from typing import Any, ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, JobCommand, JobStatus
from fieldingkit.validators import account, aware, ends_after, idempotency_key, opaque_id, ulid

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
class FailureDetail:
    """One thing that was wrong with the draft."""

    name: str | None = None
    """The API's code of the finding, such as ``profile_validation_error_001``."""
    reason: str | None = None
    """The API's code of its reason."""
    detail: str | None = None
    """The API's explanation."""


@attrs.frozen(kw_only=True)
class FailureReason:
    """Why a job failed."""

    code: str | None = None
    """The API's code, such as ``TargetGroupInvalidState``; new ones may appear."""
    description: str | None = None
    """The API's explanation."""
    reasons: tuple[FailureDetail, ...] = ()
    """What was found wrong, where the API tells it in detail."""


@attrs.frozen(kw_only=True)
class FieldingJobResult:
    """A launch or schedule job as it was when it was read; final once ``status`` is terminal."""

    job_id: str
    """The API's id of the job; not the run's."""
    status: JobStatus
    """Where the job stands."""
    created_fielding_run_id: str | None = None
    """The id of the new fielding run, once the job is completed."""
    created_at: datetime | None = None
    """When the job was created, UTC."""
    created_by: str | None = None
    """The id of the user who created it."""
    failure_reason: FailureReason | None = None
    """Why it failed, if it did."""
    job_trace_id: str | None = None
    """The trace id of the request that created the job; the API tells it when the job failed."""


@attrs.frozen(kw_only=True)
class _ReadJob(Command[FieldingJobResult]):
    """Read where a job stands."""

    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    job_id: str = attrs.field(validator=opaque_id)
    """The job's id."""


@attrs.frozen(kw_only=True)
class _DraftJob(JobCommand[FieldingJobResult]):
    """Take a target group out of draft."""

    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    end_fielding_at: datetime = attrs.field(validator=aware)
    """When fielding is to end, with a time zone."""
    idempotency_key: str | None = attrs.field(default=None, validator=idempotency_key)
    """A key of your own, 1 to 255 visible ASCII characters; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class GetLaunchFromDraftJob(_ReadJob):
    """Read where a launch from draft stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _JOBS + "/launch-from-draft/{job_id}", operation_id="get_launch_fielding_run_from_draft_job"
    )


@attrs.frozen(kw_only=True)
class GetScheduleFromDraftJob(_ReadJob):
    """Read where a scheduling from draft stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _JOBS + "/schedule-from-draft/{job_id}", operation_id="get_schedule_fielding_run_from_draft_job"
    )


@attrs.frozen(kw_only=True)
class LaunchFromDraft(_DraftJob):
    """Launch a draft target group now, until ``end_fielding_at``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _JOBS + "/launch-from-draft", operation_id="create_launch_fielding_run_from_draft_job"
    )
    status_command: ClassVar[type[Command[Any]]] = GetLaunchFromDraftJob


@attrs.frozen(kw_only=True)
class ScheduleFromDraft(_DraftJob):
    """Schedule a draft target group to field from ``start_fielding_at`` to ``end_fielding_at``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _JOBS + "/schedule-from-draft", operation_id="create_schedule_fielding_run_from_draft_job"
    )
    status_command: ClassVar[type[Command[Any]]] = GetScheduleFromDraftJob
    start_fielding_at: datetime = attrs.field(validator=aware)
    """When fielding is to start, with a time zone; not in the past."""

    def __attrs_post_init__(self) -> None:
        ends_after(self.start_fielding_at, self.end_fielding_at, self)
