"""Recontacts: the respondents of earlier surveys who alone are admitted to a target group.

Ids are uploaded as a file, and a job stores them. Only one job can run on the recontacts of a target group at a time:
the API refuses another with 409, and ``workflows.upload_recontacts`` waits instead.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

import attrs

from fieldingkit.commands import Command, DownloadCommand, Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.files import Upload
from fieldingkit.job_commands import JobAccepted, JobCommand, JobPace, JobResult, JobStatus
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.fielding_jobs import FailureReason
from fieldingkit.resources.upload_checks import id_file, unique_ids
from fieldingkit.results import Result
from fieldingkit.validators import opaque_id, ulid

__all__ = [
    "DownloadRecontactsFile",
    "GetRecontactsOverview",
    "GetRemoveAllRecontactsJob",
    "GetUploadRecontactRespondentIdsJob",
    "GetUploadRecontactsJob",
    "ListRecontacts",
    "ListUploadRecontactsJobs",
    "RecontactIdType",
    "RecontactJob",
    "RecontactJobList",
    "RecontactList",
    "RecontactsOverview",
    "RemoveAllRecontacts",
    "UploadRecontactRespondentIds",
    "UploadRecontacts",
]

_RECONTACTS = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/recontacts"
_UPLOADS = _RECONTACTS + "/jobs/upload-respondents-by-file"
_RSID_UPLOADS = _RECONTACTS + "/jobs/upload-rsids-by-file"
_REMOVALS = _RECONTACTS + "/jobs/remove-all-rsids"

# The API needs 10 to 15 minutes to store 10,000 ids, and 3 to 5 to remove them; a target group has up to 100,000.
_UPLOAD_PACE = JobPace(first_delay=5, min_interval=2, max_interval=600, timeout=900, timeout_per_item=0.09)
_REMOVAL_PACE = JobPace(first_delay=5, min_interval=2, max_interval=600, timeout=450 + 100_000 * 0.045)


class RecontactIdType(OpenEnum):
    """The kind of the ids in a file."""

    RSID = "RSID"
    """Respondent ids: one for each person."""
    RESPONDENT_ID = "RESPONDENT_ID"
    """The same as ``RSID``."""
    RID = "RID"
    """Response ids: one for each session of a person, which the API replaces by the respondent id."""
    RESPONSE_ID = "RESPONSE_ID"
    """The same as ``RID``."""


def _id_type(value: RecontactIdType | Literal["RSID", "RESPONDENT_ID", "RID", "RESPONSE_ID"]) -> RecontactIdType:
    return RecontactIdType(value)


@attrs.frozen(kw_only=True)
class RecontactJob(Result):
    """An upload or a removal at the time it was read; final once ``status`` is terminal."""

    strict: ClassVar[bool] = True
    job_id: str
    """The API's id of the job."""
    status: JobStatus
    """The job's status; ``Completed`` does not mean that every id was stored, see ``note``."""
    created_at: datetime | None = None
    """The time the job was created, UTC."""
    completed_at: datetime | None = None
    """The time it ended, UTC; None in a list, and while it is processing."""
    created_by: str | None = None
    """The id of the user who created it."""
    file_name: str | None = None
    """The name of the uploaded file; only in a list."""
    note: str | None = None
    """The API's sentence on a partial success, with the numbers of stored and failed ids; None in a list."""
    failure_reason: FailureReason | None = None
    """The reason if it failed; None in a list."""
    job_trace_id: str | None = None
    """The trace id of the request that created the job; the API sends it if the job failed."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Lift the sentence on a partial success out of its object, which may be null or missing."""
        reason: dict[str, Any] = body.get("partial_success_reason") or {}
        return {**body, "note": reason.get("description")}


@attrs.frozen(kw_only=True, repr=False)
class RecontactJobList(Page[RecontactJob]):
    """One page of a target group's uploads, the newest first."""

    jobs: tuple[RecontactJob, ...] = ()
    """The uploads of this page, of both kinds; removals are not listed."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Name the jobs."""
        return {**body, "jobs": cls._data_of(body)}


@attrs.frozen(kw_only=True, repr=False)
class RecontactList(Page[str]):
    """One page of the respondents who are admitted to a target group."""

    respondent_ids: tuple[str, ...] = ()
    """The respondent ids (RSIDs) of this page; response ids that were uploaded are listed as respondent ids."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Name the ids, which may be null or missing."""
        return {**body, "respondent_ids": body.get("data") or []}


@attrs.frozen(kw_only=True)
class RecontactsOverview(Result):
    """The number of respondents who are admitted to a target group."""

    saved_respondent_ids_count: int
    """The number of stored respondent ids, up to 100,000; no goal can be higher."""


@attrs.frozen(kw_only=True)
class _GetJob(TargetGroupCommand[RecontactJob]):
    """Base class of commands that read a job."""

    job_id: str = attrs.field(validator=opaque_id)
    """The job's id."""


@attrs.frozen(kw_only=True)
class _StartUpload(JobCommand[RecontactJob], TargetGroupCommand[JobAccepted]):
    """Base class of commands that upload ids."""

    id_in_body: ClassVar[bool] = True
    pace: ClassVar[JobPace | None] = _UPLOAD_PACE

    file: Upload = attrs.field(converter=id_file, validator=unique_ids, metadata={"form": "file"})
    """The UUIDs, or a file with one on each line and no header: less than 5 MB, at most 100,000 lines."""

    def item_count(self) -> int:
        """Return the number of ids."""
        return self.file.content.count(b"\n")


@attrs.frozen(kw_only=True)
class GetUploadRecontactsJob(_GetJob):
    """Read the status of an upload of recontacts."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _UPLOADS + "/{job_id}", operation_id="get_recontact_upload_respondents_by_file_job"
    )


@attrs.frozen(kw_only=True)
class GetUploadRecontactRespondentIdsJob(_GetJob):
    """Read the status of an upload of recontacts in the older form."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RSID_UPLOADS + "/{job_id}", operation_id="get_recontacts_rsids_upload_file_job_status"
    )


@attrs.frozen(kw_only=True)
class GetRemoveAllRecontactsJob(_GetJob):
    """Read the status of a removal of all recontacts."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _REMOVALS + "/{job_id}", operation_id="recontacts_remove_all_rsids_job_status"
    )


@attrs.frozen(kw_only=True)
class UploadRecontacts(_StartUpload):
    """Add respondents to the recontacts of a target group, which can hold 100,000 in all.

    It has no key: after an ambiguous outcome, list the uploads before it is sent again.
    ``workflows.upload_recontacts`` does so, and waits for other jobs.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _UPLOADS, operation_id="recontact_create_upload_respondents_by_file_job"
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetUploadRecontactsJob
    entity_type: RecontactIdType = attrs.field(converter=_id_type, metadata={"query": True})
    """The kind of all ids in the file: respondent ids (``RSID``) or response ids (``RID``)."""


@attrs.frozen(kw_only=True)
class UploadRecontactRespondentIds(_StartUpload):
    """Add respondents by their respondent ids (RSIDs); the older form of ``UploadRecontacts``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _RSID_UPLOADS, operation_id="recontact_create_upload_rsids_by_file_job"
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetUploadRecontactRespondentIdsJob


@attrs.frozen(kw_only=True)
class RemoveAllRecontacts(JobCommand[RecontactJob], TargetGroupCommand[JobAccepted]):
    """Remove all recontacts of a target group, for good.

    No respondent is admitted until ids are uploaded again, and the target group can be neither launched nor relaunched.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _REMOVALS, operation_id="create_all_recontact_rsids_removal_job")
    status_command: ClassVar[type[Command[JobResult]]] = GetRemoveAllRecontactsJob
    id_in_body: ClassVar[bool] = True
    pace: ClassVar[JobPace | None] = _REMOVAL_PACE


@attrs.frozen(kw_only=True)
class ListUploadRecontactsJobs(PagedCommand[RecontactJobList]):
    """List the uploads of recontacts of a target group, the newest first, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _UPLOADS, operation_id="recontact_list_upload_respondents_by_file_jobs"
    )
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class DownloadRecontactsFile(DownloadCommand, TargetGroupCommand[None]):
    """Download a file of recontacts as it was uploaded, with ``client.download(command, path)``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _UPLOADS + "/{job_id}/download", operation_id="recontact_download_job_file"
    )
    job_id: str = attrs.field(validator=opaque_id)
    """The upload's id."""


@attrs.frozen(kw_only=True)
class GetRecontactsOverview(TargetGroupCommand[RecontactsOverview]):
    """Read the number of respondents who are admitted to a target group."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _RECONTACTS + "/overview", operation_id="get_recontacts_overview")


@attrs.frozen(kw_only=True)
class ListRecontacts(PagedCommand[RecontactList]):
    """List the respondents who are admitted to a target group by their respondent ids, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _RECONTACTS + "/rsids", operation_id="get_target_group_rsid_recontact_list"
    )
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
