"""Batch jobs: one action on many target groups of a project.

The API accepts a batch at once and processes it afterwards. A target group that is already in the wanted status counts
as updated. One that fails does not stop the others.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.commands import Command, Endpoint, ProjectCommand
from fieldingkit.errors import BatchItemsFailedError
from fieldingkit.job_commands import JobAccepted, JobCommand, JobResult, JobStatus, ids_digest
from fieldingkit.results import Result, to_row
from fieldingkit.validators import idempotency_key, opaque_id, str_tuple, ulids, uuid

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
_OPTIONAL_TEXT = {str, type(None)}


@attrs.frozen(kw_only=True)
class FailedTargetGroup(Result):
    """A target group that a batch failed on, and the reason."""

    strict: ClassVar[bool] = True
    target_group_id: str
    """The target group's id."""
    code: str | None = None
    """The API's code of the failure, such as ``StatusTransitionNotAllowed``; new ones may appear."""
    description: str | None = None
    """The API's explanation."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Lift the code and the description out of the nested reason, which may be missing."""
        return _with_reason(body)


def _with_reason(item: dict[str, Any]) -> dict[str, Any]:
    return {**(item.get("failure_reason") or {}), **item}


def _read_failures(items: Any, _: Any) -> tuple[FailedTargetGroup, ...]:
    """Decode failures, each target group once, in a third of the converter's time: a job may have thousands."""
    if type(items) is not list:
        raise TypeError(f"expected a list, got {type(items).__name__}")
    return tuple({item.target_group_id: item for item in map(_read_failure, cast("list[object]", items))}.values())


def _read_failure(item: Any) -> FailedTargetGroup:
    read = _with_reason(item).get
    group, code, description = read("target_group_id"), read("code"), read("description")
    if type(group) is not str or type(code) not in _OPTIONAL_TEXT or type(description) not in _OPTIONAL_TEXT:
        raise TypeError("expected text")
    return FailedTargetGroup(target_group_id=group, code=code, description=description)


@attrs.frozen(kw_only=True, repr=False)
class BatchResult(Result):
    """A batch at the time it was read; final once ``status`` is terminal."""

    strict: ClassVar[bool] = True
    job_id: str
    """The API's id of the job."""
    status: JobStatus
    """The job's status; ``Completed`` means that every target group was processed, not that none failed."""
    created_at: datetime | None = None
    """The time the job was created, UTC."""
    created_by: str | None = None
    """The id of the user who created it."""
    updated: tuple[str, ...] = ()
    """The ids of the target groups that the API reports as updated."""
    failed: tuple[FailedTargetGroup, ...] = attrs.field(default=(), metadata={"read": _read_failures})
    """The target groups that failed, each with its reason."""
    missing: tuple[str, ...] = ()
    """Requested ids that a finished batch reports neither as updated nor as failed."""
    unrequested: tuple[str, ...] = ()
    """Ids that a finished batch reports although they were not requested; they are not in ``updated`` or ``failed``."""
    unaccounted: int = 0
    """The number of requested target groups that a finished batch does not report, at least.

    A job from a token knows whether the reported ids are the requested ones, but not which are missing or
    unrequested: ``missing`` and ``unrequested`` are empty.
    """
    as_requested: bool = True
    """False if a finished batch reports other ids than those that were requested."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Flatten the API's two nested lists; while the job is processing they may be null or missing."""
        updated: list[dict[str, Any]] = (body.get("updated_target_groups") or {"data": ()})["data"] or []
        failed: list[dict[str, Any]] = (body.get("failed_target_groups") or {"data": ()})["data"] or []
        return {
            **body,
            "updated": list(dict.fromkeys(item["target_group_id"] for item in updated)),
            "failed": failed,
        }

    def account_for(self, requested: Sequence[str] | None, count: int | None, digest: str | None) -> "BatchResult":
        """Return the same result, compared with what was requested.

        Args:
            requested: The requested ids; None if they are not known.
            count: The number of requested ids, for a job whose ids are not known.
            digest: Their ``ids_digest``; None if it is not known either.
        """
        reported = dict.fromkeys((*self.updated, *(item.target_group_id for item in self.failed)))
        if requested is None:
            if digest is None or ids_digest(reported) == digest:
                return self
            number = (count or 0) - len(reported)
            # As many ids as were requested, but others: at least one is missing.
            return attrs.evolve(self, unaccounted=max(number, 0) or int(number == 0), as_requested=False)
        wanted = set(requested)
        if reported.keys() == wanted:
            return self
        missing = tuple(item for item in requested if item not in reported)
        return attrs.evolve(
            self,
            updated=tuple(item for item in self.updated if item in wanted),
            failed=tuple(item for item in self.failed if item.target_group_id in wanted),
            missing=missing,
            unrequested=tuple(item for item in reported if item not in wanted),
            unaccounted=len(missing),
            as_requested=False,
        )

    @property
    def progress(self) -> int:
        """The number of target groups that the API has reported so far."""
        return len(self.updated) + len(self.failed)

    @property
    def ok(self) -> bool:
        """True if the batch completed and reports every requested target group, and no other, as updated."""
        return self.status is JobStatus.COMPLETED and not self.failed and self.as_requested

    @property
    def by_id(self) -> Mapping[str, FailedTargetGroup | None]:
        """The reported target groups: each with its failure, or None if it was updated."""
        return {**dict.fromkeys(self.updated), **{item.target_group_id: item for item in self.failed}}

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per target group: its id, outcome, and the code and description of a failure."""
        failed = [{"outcome": "failed", **to_row(item)} for item in self.failed]
        rest = [("missing", self.missing), ("unrequested", self.unrequested), ("updated", self.updated)]
        others = [{"outcome": outcome, "target_group_id": item} for outcome, items in rest for item in items]
        names = ("target_group_id", "outcome", "code", "description")
        return [{name: row.get(name) for name in names} for row in (*failed, *others)]

    def __repr__(self) -> str:
        counts = (f"{len(self.updated)} updated", f"{len(self.failed)} failed")
        missing = f"{self.unaccounted} missing" if self.unaccounted else ""
        others = f"{len(self.unrequested)} not requested" if self.unrequested else ""
        unlike = "not as requested" if not (self.as_requested or missing or others) else ""
        return short_repr("BatchResult", f"{self.job_id} {self.status}", *counts, missing, others, unlike)

    def _repr_html_(self) -> str:
        rows = [tuple(row.values()) for row in self.rows()]
        return html_table(repr(self)[1:-1], ("target group", "outcome", "code", "description"), rows, len(rows))

    def raise_for_failures(self) -> None:
        """Raise an error if a target group failed, or if the reported target groups are not the requested ones.

        Raises:
            BatchItemsFailedError: with ``failed`` and ``missing``; ``maybe_applied`` if the outcome of a target group
                is not clear.
        """
        contradictory = {*self.updated}.intersection(item.target_group_id for item in self.failed)
        if not self.failed and self.as_requested:
            return
        parts = [f"{len(self.updated)} target groups were updated"]
        if self.failed:
            codes = dict.fromkeys(item.code or "no code" for item in self.failed)
            parts.append(f"{len(self.failed)} failed ({', '.join(codes)})")
        if contradictory:
            parts.append(f"{len(contradictory)} of these are reported as both")
        if not (self.as_requested or self.missing or self.unrequested):
            parts.append("the reported ids are not those that were requested")
        if self.unaccounted:
            parts.append(f"{'' if self.missing else 'at least '}{self.unaccounted} are not in the result")
        if self.unrequested:
            parts.append(f"{len(self.unrequested)} were reported that were not requested")
        raise BatchItemsFailedError(
            ", ".join(parts),
            failed=self.failed,
            missing=self.missing,
            maybe_applied=bool(contradictory) or not self.as_requested,
            job_id=self.job_id,
            last_status=self,
        )


@attrs.frozen(kw_only=True)
class _GetBatch(ProjectCommand[BatchResult]):
    """Base class of commands that read a batch."""

    job_id: str = attrs.field(validator=opaque_id)
    """The job's id."""


@attrs.frozen(kw_only=True)
class _StartBatch(JobCommand[BatchResult], ProjectCommand[JobAccepted]):
    """Base class of commands that act on many target groups of one project."""

    target_group_ids: tuple[str, ...] = attrs.field(converter=str_tuple, validator=ulids)
    """The target groups' ULIDs, at least one, in order; duplicates are sent once."""


@attrs.frozen(kw_only=True)
class _StartKeyedBatch(_StartBatch):
    """Base class of batches that take an idempotency key."""

    idempotency_key: str | None = attrs.field(default=None, validator=idempotency_key)
    """A key of your own, 1 to 255 visible ASCII characters; by default one is made for each call."""


@attrs.frozen(kw_only=True)
class GetLaunchTargetGroupsJob(_GetBatch):
    """Read the status of a batch launch."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/launch-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_launch_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetPauseTargetGroupsJob(_GetBatch):
    """Read the status of a batch pause."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/pause-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_pause_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetResumeTargetGroupsJob(_GetBatch):
    """Read the status of a batch resume."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/resume-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_resume_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetCompleteTargetGroupsJob(_GetBatch):
    """Read the status of a batch completion."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/complete-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_complete_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetRelaunchTargetGroupsJob(_GetBatch):
    """Read the status of a batch relaunch."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/relaunch-fielding-runs-by-target-group-id/{job_id}",
        operation_id="get_bulk_relaunch_target_groups_job",
    )


@attrs.frozen(kw_only=True)
class GetUpdateProjectManagersJob(_GetBatch):
    """Read the status of a batch change of project manager."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _BATCHES + "/update-target-group-project-managers/{job_id}",
        operation_id="get_bulk_update_target_group_project_manager_job",
    )


@attrs.frozen(kw_only=True)
class LaunchTargetGroups(_StartKeyedBatch):
    """Launch scheduled target groups now; drafts are launched one by one, with ``LaunchFromDraft``."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/launch-fielding-runs-by-target-group-id",
        operation_id="create_bulk_launch_target_groups_job",
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetLaunchTargetGroupsJob


@attrs.frozen(kw_only=True)
class PauseTargetGroups(_StartKeyedBatch):
    """Pause live target groups, so that they take no new completes until they are resumed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/pause-fielding-runs-by-target-group-id",
        operation_id="create_bulk_pause_target_groups_job",
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetPauseTargetGroupsJob


@attrs.frozen(kw_only=True)
class ResumeTargetGroups(_StartKeyedBatch):
    """Resume paused target groups that have reached neither their goal nor their end date."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/resume-fielding-runs-by-target-group-id",
        operation_id="create_bulk_resume_target_groups_job",
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetResumeTargetGroupsJob


@attrs.frozen(kw_only=True)
class CompleteTargetGroups(_StartKeyedBatch):
    """Complete target groups now, whether or not their goals or end dates have been reached."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/complete-fielding-runs-by-target-group-id",
        operation_id="create_bulk_complete_target_groups_job",
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetCompleteTargetGroupsJob


@attrs.frozen(kw_only=True)
class RelaunchTargetGroups(_StartKeyedBatch):
    """Relaunch completed target groups that have reached neither their goal nor their end date."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/relaunch-fielding-runs-by-target-group-id",
        operation_id="create_bulk_relaunch_target_groups_job",
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetRelaunchTargetGroupsJob


@attrs.frozen(kw_only=True)
class UpdateProjectManagers(_StartBatch):
    """Assign target groups of one project to another project manager.

    The API takes no idempotency key here. A repetition does no harm, but it starts a second job.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BATCHES + "/update-target-group-project-managers",
        operation_id="create_bulk_update_target_group_project_manager_job",
    )
    status_command: ClassVar[type[Command[JobResult]]] = GetUpdateProjectManagersJob
    project_manager_id: str = attrs.field(validator=uuid)
    """The id of the new project manager, a UUID, as ``ListAccountUsers`` returns it."""
