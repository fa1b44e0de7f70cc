"""Asynchronous jobs: accepted immediately and executed as a whole when they are due."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, Self

import attrs

from fieldingkit.sandbox.model.fielding_runs import BATCH_TRANSITIONS, FieldingRun, TransitionRefusedError
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["BatchJob", "DraftJob", "FailingItems", "Failure", "ItemFailure", "Job", "JobStatus", "ManagerJob"]


JobStatus = Literal["Processing", "Completed", "Success", "Failed"]
"""The statuses of a job; all but the first are terminal, and some kinds of job say `Success` for `Completed`."""


@attrs.frozen
class Failure:
    """The reason of a failure."""

    code: str
    """The error code, such as `TargetGroupNotFound`."""
    description: str
    """The description for people."""


@attrs.frozen
class ItemFailure:
    """A target group that a batch job did not change."""

    target_group_id: str
    """The ULID of the target group."""
    failure: Failure
    """The reason."""


FailingItems = Callable[["BatchJob", str], str | None]
"""Returns the failure code of a target group that a batch job is to fail; None if it is to succeed."""

_NOT_FOUND = Failure("TargetGroupNotFound", "No such target group in this project.")


@attrs.frozen(kw_only=True)
class Job(ABC):
    """A snapshot of a job."""

    id: str
    """The job id: a ULID, or a UUID if the sandbox is configured so."""
    kind: str
    """The kind of job: `pause`, `launch-from-draft` and so on."""
    account_id: int
    """The account of the request that created it."""
    project_id: str
    """The ULID of the project of the request that created it."""
    idempotency_key: str | None
    """The idempotency key of the request; None if the operation takes none."""
    request: int
    """The index of the recorded request that created it."""
    trace_id: str
    """The trace id of that request: 32 hexadecimal digits."""
    created_at: datetime
    """The date it was accepted."""
    due_at: datetime
    """The date it is executed."""
    applied_at: datetime | None = None
    """The date it was executed; None before."""
    stuck: bool = False
    """True if it stays `Processing` forever (set by a fault)."""
    gone: int | None = None
    """The HTTP status of every read of this job (set by a fault); None for the job itself."""

    @property
    def status(self) -> JobStatus:
        """`Processing` until the job is executed, then `Completed` or `Failed`."""
        return "Processing" if self.applied_at is None or self.stuck else self._outcome

    @property
    def _outcome(self) -> JobStatus:
        return "Completed"

    @abstractmethod
    def execute(self, groups: Mapping[str, TargetGroup], at: datetime, failing_items: FailingItems) -> Self:
        """Execute the job.

        Args:
            groups: All target groups by id.
            at: The date the job is due.
            failing_items: Returns the failure code of a target group that a batch job is to fail, or None.

        Returns:
            The job with its results.
        """


@attrs.frozen(kw_only=True)
class BatchJob(Job):
    """A job that takes one action on many target groups."""

    target_group_ids: tuple[str, ...]
    """The requested target groups, in the order of the request."""
    updated: tuple[str, ...] = ()
    """The target groups that are now in the wanted state, in the order of the request."""
    failed: tuple[ItemFailure, ...] = ()
    """The target groups that are not, in the order of the request."""
    forgotten: str | None = None
    """A target group that a read of the job omits from both lists (set by a fault)."""

    @property
    def reported_updated(self) -> list[str]:
        """The updated target groups in a read of the job."""
        return [target_group_id for target_group_id in self.updated if target_group_id != self.forgotten]

    @property
    def reported_failed(self) -> list[ItemFailure]:
        """The failed target groups in a read of the job."""
        return [item for item in self.failed if item.target_group_id != self.forgotten]

    def execute(self, groups: Mapping[str, TargetGroup], at: datetime, failing_items: FailingItems) -> Self:
        """Act on each target group; one that is already in the wanted state counts as updated."""
        updated: list[str] = []
        failed: list[ItemFailure] = []
        for target_group_id in self.target_group_ids:
            group = groups.get(target_group_id)
            if group is None or group.project_id != self.project_id:
                failed.append(ItemFailure(target_group_id, _NOT_FOUND))
                continue
            if (code := failing_items(self, target_group_id)) is not None:
                failed.append(ItemFailure(target_group_id, Failure(code, "An internal error occurred.")))
                continue
            try:
                self._act(group, at)
            except TransitionRefusedError as refusal:
                failed.append(ItemFailure(target_group_id, Failure("StatusTransitionNotAllowed", str(refusal))))
            else:
                updated.append(target_group_id)
        return attrs.evolve(self, applied_at=at, updated=tuple(updated), failed=tuple(failed))

    def _act(self, group: TargetGroup, at: datetime) -> None:
        transition = BATCH_TRANSITIONS[self.kind]
        if group.status_at(at) != transition.target:
            group.apply(transition, at=at, request=self.request)


@attrs.frozen(kw_only=True)
class ManagerJob(BatchJob):
    """A job that assigns many target groups to another project manager."""

    manager_id: str
    """The new project manager."""

    def _act(self, group: TargetGroup, at: datetime) -> None:
        if group.manager_id != self.manager_id:
            group.set_manager(self.manager_id, at=at, request=self.request)


@attrs.frozen(kw_only=True)
class DraftJob(Job):
    """A job that launches or schedules one draft target group."""

    target_group_id: str
    """The target group to launch or schedule."""
    fielding_run_id: str
    """The id of the new run."""
    start_at: datetime | None
    """The start of fielding; None for immediately."""
    end_at: datetime
    """The end of fielding."""
    failure: Failure | None = None
    """The reason of the failure, if the job failed."""

    @property
    def created_fielding_run_id(self) -> str | None:
        """The id of the created run; None if no run was created."""
        return self.fielding_run_id if self.status == "Completed" else None

    @property
    def _outcome(self) -> JobStatus:
        return "Failed" if self.failure else "Completed"

    def execute(self, groups: Mapping[str, TargetGroup], at: datetime, failing_items: FailingItems) -> Self:
        """Create the fielding run, or record the failure."""
        del failing_items
        return attrs.evolve(self, applied_at=at, failure=self._start_fielding(groups, at))

    def _start_fielding(self, groups: Mapping[str, TargetGroup], at: datetime) -> Failure | None:
        group = groups.get(self.target_group_id)
        if group is None or group.project_id != self.project_id:
            return _NOT_FOUND
        if self.start_at is not None and self.start_at < at:
            return Failure("InvalidFieldingDates", "The start date is in the past.")
        start_at = self.start_at or at
        if self.end_at <= start_at:
            return Failure("InvalidFieldingDates", "The end date is not after the start date.")
        run = FieldingRun(
            id=self.fielding_run_id,
            status="live" if self.start_at is None else "scheduled",
            start_at=start_at,
            end_at=self.end_at,
            version=1,
            last_changed_at=at,
        )
        try:
            group.start_fielding(self.kind.replace("-", "_"), run, at=at, request=self.request)
        except TransitionRefusedError as refusal:
            return Failure("TargetGroupInvalidState", str(refusal))
        return None
