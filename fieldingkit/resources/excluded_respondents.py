"""Excluded respondents: those whose ids are uploaded as a file, and lists of all that a target group does not admit.

Uploads and removals are jobs. Only one of them can run on a target group at a time: a second one is a
``ConflictError``. They take 3 to 5 minutes for 10,000 ids.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.files import Upload
from fieldingkit.job_commands import JobAccepted, JobCommand, JobPace, JobResult, JobWords
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.fielding_jobs import FailureReason
from fieldingkit.resources.upload_checks import id_file, unique_ids
from fieldingkit.results import Result
from fieldingkit.validators import opaque_id, ulid

__all__ = [
    "ExcludedRespondentList",
    "ExclusionEntityType",
    "ExclusionJob",
    "ExclusionJobStatus",
    "ExclusionsOverview",
    "GetExclusionsOverview",
    "GetRemoveAllExclusionsJob",
    "GetUploadExclusionsJob",
    "ListExcludedAccessRespondents",
    "ListExcludedRespondents",
    "RemoveAllExclusions",
    "UploadExclusions",
]

_EXCLUSIONS = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/exclusions"
_UPLOADS = _EXCLUSIONS + "/jobs/upload-respondents-by-file"
_REMOVALS = _EXCLUSIONS + "/jobs/remove-all-respondents"


class ExclusionEntityType(OpenEnum):
    """The kind of ids of excluded respondents."""

    RSID = "RSID"
    """The respondent id."""
    ACCESS_RESPONDENT_GUID = "ACCESS_RESPONDENT_GUID"
    """The access respondent GUID."""


class ExclusionJobStatus(OpenEnum):
    """The status of an upload or removal; an unknown one does not end it."""

    PROCESSING = "Processing"
    """The job has not ended."""
    SUCCESS = "Success"
    """Done, maybe without some rows: ``note`` says so."""
    FAILED = "Failed"
    """The job has ended as failed."""


def _entity_type(
    value: ExclusionEntityType | Literal["RSID", "ACCESS_RESPONDENT_GUID"],
) -> ExclusionEntityType:
    return ExclusionEntityType(value)


@attrs.frozen(kw_only=True)
class ExclusionsOverview(Result):
    """The number of respondents that a target group does not admit because of uploads."""

    saved_respondent_ids_count: int
    """The number of respondent ids, up to 100,000."""
    saved_access_respondent_guids_count: int | None = None
    """The number of access respondent GUIDs, up to 100,000."""


@attrs.frozen(kw_only=True, repr=False)
class ExcludedRespondentList(Page[str]):
    """One page of the ids of excluded respondents."""

    ids: tuple[str, ...] = ()
    """The UUIDs of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Give the ids their name; the API calls them data."""
        return {**body, "ids": body.get("data") or []}


@attrs.frozen(kw_only=True)
class ExclusionJob(Result):
    """An upload or removal at the time it was read; final once it has ended."""

    strict: ClassVar[bool] = True
    job_id: str
    """The API's id of the job."""
    status: ExclusionJobStatus
    """The job's status."""
    created_at: datetime | None = None
    """The time the job was created, UTC."""
    completed_at: datetime | None = None
    """The time it ended, UTC."""
    created_by: str | None = None
    """The id of the user who created it."""
    failure_reason: FailureReason | None = None
    """The reason if it failed."""
    note: str | None = None
    """The API's sentence about rows that were left out, if there were any; the others were uploaded."""
    job_trace_id: str | None = None
    """The trace id of the request that created the job; the API sends it if the job failed."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Lift the sentence out of its object."""
        reason: dict[str, Any] = body.get("partial_success_reason") or {}
        return {**body, "note": reason.get("description")}


@attrs.frozen(kw_only=True)
class GetExclusionsOverview(TargetGroupCommand[ExclusionsOverview]):
    """Read the number of respondents that a target group does not admit because of uploads."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _EXCLUSIONS + "/overview", operation_id="get_exclusions_overview")


@attrs.frozen(kw_only=True)
class _ListExcluded(PagedCommand[ExcludedRespondentList]):
    """Base class of commands that list excluded respondents."""

    max_page_size: ClassVar[int] = 1000
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class ListExcludedRespondents(_ListExcluded):
    """List the respondent ids (RSID) that a target group does not admit for any reason, 1 to 1000 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _EXCLUSIONS + "/rsid/paginated", operation_id="get_target_group_rsid_exclusion_list_api_paginated"
    )


@attrs.frozen(kw_only=True)
class ListExcludedAccessRespondents(_ListExcluded):
    """List the access respondent GUIDs that a target group does not admit for any reason, 1 to 1000 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _EXCLUSIONS + "/access-respondent-guid/paginated",
        operation_id="get_target_group_access_respondent_guid_exclusion_list_api_paginated",
    )


@attrs.frozen(kw_only=True)
class _GetJob(TargetGroupCommand[ExclusionJob]):
    """Base class of commands that read an upload or removal."""

    job_id: str = attrs.field(validator=opaque_id)
    """The job's id."""


@attrs.frozen(kw_only=True)
class GetUploadExclusionsJob(_GetJob):
    """Read the status of an upload of excluded respondents."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _UPLOADS + "/{job_id}", operation_id="get_respondent_exclusions_upload_by_file_job"
    )


@attrs.frozen(kw_only=True)
class GetRemoveAllExclusionsJob(_GetJob):
    """Read the status of a removal of all excluded respondents."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _REMOVALS + "/{job_id}", operation_id="get_all_respondent_exclusions_removal_job"
    )


@attrs.frozen(kw_only=True)
class _StartJob(JobCommand[ExclusionJob], TargetGroupCommand[JobAccepted]):
    """Base class of commands that start an upload or removal."""

    id_in_body: ClassVar[bool] = True
    words: ClassVar[JobWords] = JobWords(done=frozenset({"success"}))
    pace: ClassVar[JobPace | None] = JobPace(
        first_delay=5, min_interval=2, max_interval=600, timeout=450, timeout_per_item=0.045
    )

    entity_type: ExclusionEntityType = attrs.field(converter=_entity_type, metadata={"query": True})
    """The kind of the ids."""


@attrs.frozen(kw_only=True)
class UploadExclusions(_StartJob):
    """Add respondents that a target group does not admit; it can have 100,000 in all.

    There is no idempotency key: after an ambiguous outcome, compare the counts of ``GetExclusionsOverview`` with those
    before. ``workflows.upload_exclusions`` does so.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _UPLOADS, operation_id="exclusion_create_upload_rids_by_file_job")
    status_command: ClassVar[type[Command[JobResult]]] = GetUploadExclusionsJob

    file: Upload = attrs.field(converter=id_file, validator=unique_ids, metadata={"form": "file"})
    """The UUIDs, or a file with one on each line and no header: less than 5 MB, at most 100,000 lines."""

    def item_count(self) -> int:
        """Return the number of ids."""
        return self.file.content.count(b"\n")


@attrs.frozen(kw_only=True)
class RemoveAllExclusions(_StartJob):
    """Remove all uploaded respondents of one kind, so that the target group admits them; they cannot be brought back.

    Meanwhile a live target group has no such exclusions: ``workflows.remove_all_exclusions`` pauses it first.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _REMOVALS, operation_id="exclusion_create_remove_all_respondents_job"
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetRemoveAllExclusionsJob
