"""Batch jobs: one action on many target groups of a project.

A batch is a job: the API accepts it at once and works on it afterwards. A target group that already is where the action
leads counts as updated. One that fails does not stop the others.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.commands import Command, Endpoint, JobCommand, JobStatus
from fieldingkit.errors import BatchItemsFailedError
from fieldingkit.validators import account, idempotency_key, ids, opaque_id, some_ulids, ulid

__all__ = [
    "BatchResult",
    "CompleteTargetGroups",
    "FailedTargetGroup",
    "GetCompleteTargetGroupsJob",
    "GetLaunchTargetGroupsJob",
    "GetPauseTargetGroupsJob",
    "GetRelaunchTargetGroupsJob",
    "GetResumeTargetGroupsJob",
    "GetUpdateProjectManagersJob",
    "LaunchTargetGroups",
    "PauseTargetGroups",
    "RelaunchTargetGroups",
    "ResumeTargetGroups",
    "UpdateProjectManagers",
]

_BATCHES = "/demand/accounts/{account_id}/projects/{project_id}/batch-jobs"


@attrs.frozen(kw_only=True)
class FailedTargetGroup:
    """A target group that a batch could not act on, and why."""

    target_group_id: str
    """The target group's id."""
    code: str | None = None
    """The API's code of the failure, such as ``StatusTransitionNotAllowed``; new ones may appear."""
    description: str | None = None
    """The API's explanation."""


@attrs.frozen(kw_only=True)
class BatchResult:
    """A batch as it was when it was read; final once ``status`` is terminal."""

    job_id: str
    """The API's id of the job."""
    status: JobStatus
    """``Completed`` means that every target group was dealt with, not that none failed."""
    created_at: datetime | None = None
    """When the job was created, UTC."""
    created_by: str | None = None
    """The id of the user who created it."""
    updated: tuple[str, ...] = ()
    """The ids of the target groups that now are where the action leads."""
    failed: tuple[FailedTargetGroup, ...] = ()
    """The target groups that the action failed on, each with its reason."""
    missing: tuple[str, ...] = ()
    """Ids that were asked for and that a finished batch reports neither as updated nor as failed."""
    unaccounted: int = 0
    """How many target groups a finished batch reports nothing of; ``missing`` names them where they are known.

    A job that was resumed from its token knows how many ids were asked for, but not which.
    """

    @classmethod
    def flatten(cls, body: dict[str, Any]) -> dict[str, Any]:
        """The API's two nested lists as flat ones; while the job is processing they may be null or missing."""
        updated: list[dict[str, Any]] = (body.get("updated_target_groups") or {"data": ()})["data"] or []
        failed: list[dict[str, Any]] = (body.get("failed_target_groups") or {"data": ()})["data"] or []
        return {
            **body,
            "updated": [item["target_group_id"] for item in updated],
            "failed": [{**(item.get("failure_reason") or {}), **item} for item in failed],
        }

    def account_for(self, asked: Sequence[str] | None, count: int | None) -> "BatchResult":
        """The same result with what it leaves out: the ids of ``asked``, or at least their number."""
        reported = {*self.updated, *(item.target_group_id for item in self.failed)}
        missing = tuple(item for item in asked or () if item not in reported)
        unaccounted = len(missing) if asked is not None else max(0, (count or 0) - len(reported))
        return attrs.evolve(self, missing=missing, unaccounted=unaccounted) if unaccounted else self

    @property
    def ok(self) -> bool:
        """Whether the batch completed and every target group that was asked for was updated."""
        return self.status is JobStatus.COMPLETED and not self.failed and not self.unaccounted

    @property
    def by_id(self) -> Mapping[str, FailedTargetGroup | None]:
        """Each target group the batch reports: its failure, or None if it was updated."""
        return {**dict.fromkeys(self.updated), **{item.target_group_id: item for item in self.failed}}

    def __repr__(self) -> str:
        missing = f"{self.unaccounted} unaccounted for" if self.unaccounted else ""
        counts = (f"{len(self.updated)} updated", f"{len(self.failed)} failed", missing)
        return short_repr("BatchResult", f"{self.job_id} {self.status}", *counts)

    def _repr_html_(self) -> str:
        rows = [(item.target_group_id, "failed", item.code, item.description) for item in self.failed]
        rows += [(group_id, "not in the result", "", "") for group_id in self.missing]
        rows += [(group_id, "updated", "", "") for group_id in self.updated]
        return html_table(repr(self)[1:-1], ("target group", "outcome", "code", "description"), rows, len(rows))

    def raise_for_failures(self) -> None:
        """Raise if a target group failed or is unaccounted for.

        Raises:
            BatchItemsFailedError: with ``failed`` and ``missing``.
        """
        if not self.failed and not self.unaccounted:
            return
        parts = [f"{len(self.failed)} target groups failed"] if self.failed else []
        if self.failed:
            codes = dict.fromkeys(item.code or "no code" for item in self.failed)
            parts[0] += f" ({', '.join(codes)})"
        if self.unaccounted:
            parts.append(f"{self.unaccounted} are not in the result")
        raise BatchItemsFailedError(
            f"{len(self.updated)} target groups were updated, {' and '.join(parts)}",
            failed=self.failed,
            missing=self.missing,
            job_id=self.job_id,
            last_status=self,
        )


@attrs.frozen(kw_only=True)
class _ReadBatch(Command[BatchResult]):
    """Read where a batch stands."""

    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    job_id: str = attrs.field(validator=opaque_id)
    """The job's id."""


@attrs.frozen(kw_only=True)
class _Batch(JobCommand[BatchResult]):
    """Act on many target groups of one project."""

    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_ids: tuple[str, ...] = attrs.field(converter=ids, validator=some_ulids)
    """The target groups' ULIDs, at least one; repeated ones are sent once, in order."""
    idempotency_key: str | None = attrs.field(default=None, validator=idempotency_key)
    """A key of your own, 1 to 255 visible ASCII characters; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class GetLaunchTargetGroupsJob(_ReadBatch):
    """Read where a batch launch stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/launch-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_launch_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetPauseTargetGroupsJob(_ReadBatch):
    """Read where a batch pause stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/pause-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_pause_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetResumeTargetGroupsJob(_ReadBatch):
    """Read where a batch resume stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/resume-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_resume_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetCompleteTargetGroupsJob(_ReadBatch):
    """Read where a batch completion stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/complete-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_complete_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetRelaunchTargetGroupsJob(_ReadBatch):
    """Read where a batch relaunch stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/relaunch-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_relaunch_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetUpdateProjectManagersJob(_ReadBatch):
    """Read where a batch change of project manager stands."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/update-target-group-project-managers/{job_id}",
        operation_id="get_bulk_update_target_group_project_manager_job",
    )


@attrs.frozen(kw_only=True)
class LaunchTargetGroups(_Batch):
    """Launch scheduled target groups now. Drafts are launched one by one, with ``LaunchFromDraft``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/launch-fielding-runs-by-target-group-id",
        operation_id="create_bulk_launch_target_groups_job",
    )
    status_command: ClassVar[type[Command[Any]]] = GetLaunchTargetGroupsJob


@attrs.frozen(kw_only=True)
class PauseTargetGroups(_Batch):
    """Pause live target groups, so that they take no new completes until they are resumed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/pause-fielding-runs-by-target-group-id",
        operation_id="create_bulk_pause_target_groups_job",
    )
    status_command: ClassVar[type[Command[Any]]] = GetPauseTargetGroupsJob


@attrs.frozen(kw_only=True)
class ResumeTargetGroups(_Batch):
    """Put paused target groups back to live, where neither their goal nor their end date has been reached."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/resume-fielding-runs-by-target-group-id",
        operation_id="create_bulk_resume_target_groups_job",
    )
    status_command: ClassVar[type[Command[Any]]] = GetResumeTargetGroupsJob


@attrs.frozen(kw_only=True)
class CompleteTargetGroups(_Batch):
    """Complete target groups now, whatever their goals and end dates."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/complete-fielding-runs-by-target-group-id",
        operation_id="create_bulk_complete_target_groups_job",
    )
    status_command: ClassVar[type[Command[Any]]] = GetCompleteTargetGroupsJob


@attrs.frozen(kw_only=True)
class RelaunchTargetGroups(_Batch):
    """Put completed target groups back to live, where neither their goal nor their end date has been reached."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/relaunch-fielding-runs-by-target-group-id",
        operation_id="create_bulk_relaunch_target_groups_job",
    )
    status_command: ClassVar[type[Command[Any]]] = GetRelaunchTargetGroupsJob


@attrs.frozen(kw_only=True)
class UpdateProjectManagers(JobCommand[BatchResult]):
    """Give target groups of one project to another project manager.

    The API takes no idempotency key here. Doing it twice does no harm, but nothing keeps a repetition from making a
    second job.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/update-target-group-project-managers",
        operation_id="create_bulk_update_target_group_project_manager_job",
    )
    status_command: ClassVar[type[Command[Any]]] = GetUpdateProjectManagersJob
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    project_manager_id: str = attrs.field(validator=opaque_id)
    """The id of the user who is to manage them, as ``ListAccountUsers`` gives it."""
    target_group_ids: tuple[str, ...] = attrs.field(converter=ids, validator=some_ulids)
    """The target groups' ULIDs, at least one; repeated ones are sent once, in order."""
