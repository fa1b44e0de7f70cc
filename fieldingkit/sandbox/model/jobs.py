"""Asynchronous jobs: accepted at once, carried out a moment later, all target groups of a job in one stroke."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self

import attrs

from fieldingkit.sandbox.model.fielding_runs import BATCH, FieldingRun, TransitionRefusedError
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["BatchJob", "DraftJob", "Failure", "ItemFailure", "Job", "JobStatus", "ManagerJob"]


JobStatus = Literal["Processing", "Completed", "Failed"]
"""The states of a job; the last two are terminal."""


@attrs.frozen
class Failure:
    """Why something was not done."""

    code: str
    """A word for programs, such as `TargetGroupNotFound`."""
    description: str
    """A sentence for people."""


@attrs.frozen
class ItemFailure:
    """A target group of a batch that was not changed."""

    target_group_id: str
    """Its ULID."""
    failure: Failure
    """Why not."""


_NOT_FOUND = Failure("TargetGroupNotFound", "No such target group in this project.")


@attrs.frozen(kw_only=True)
class Job(ABC):
    """A job as it was at one moment."""

    id: str
    """A ULID, or a UUID if the sandbox was told so."""
    kind: str
    """What it does: `pause`, `launch-from-draft` and so on."""
    account_id: int
    """The account it was created under."""
    project_id: str
    """The ULID of the project it was created under."""
    idempotency_key: str | None
    """The key it was created with; None if its kind takes none."""
    request: int
    """The index of the recorded request that created it."""
    trace_id: str
    """The trace id of that request: 32 hexadecimal digits."""
    created_at: datetime
    """When it was accepted."""
    due_at: datetime
    """When it is carried out."""
    applied_at: datetime | None = None
    """When it was carried out, or None if it was not yet."""
    stuck: bool = False
    """Whether it stays `Processing` for ever (set by a fault)."""
    gone: int | None = None
    """The HTTP status that a read of it answers instead of the job (set by a fault)."""

    @property
    def status(self) -> JobStatus:
        """`Processing` until it was carried out, then `Completed` or `Failed`."""
        return "Processing" if self.applied_at is None or self.stuck else self._outcome

    @property
    def _outcome(self) -> JobStatus:
        return "Completed"

    @abstractmethod
    def execute(self, groups: Mapping[str, TargetGroup], at: datetime) -> Self:
        """Do what it is for.

        Args:
            groups: All target groups by id.
            at: The moment it is due.

        Returns:
            The job with its results.
        """


@attrs.frozen(kw_only=True)
class BatchJob(Job):
    """A job that takes one action on many target groups."""

    target_group_ids: tuple[str, ...]
    """What was asked for, in the order of the request."""
    updated: tuple[str, ...] = ()
    """The target groups that are now in the wanted state, in the order of the request."""
    failed: tuple[ItemFailure, ...] = ()
    """The target groups that are not, in the order of the request."""
    forgotten: str | None = None
    """A target group that a read of the job names in neither list (set by a fault)."""

    @property
    def reported_updated(self) -> list[str]:
        """The target groups that a read of the job names as updated."""
        return [target_group_id for target_group_id in self.updated if target_group_id != self.forgotten]

    @property
    def reported_failed(self) -> list[ItemFailure]:
        """The target groups that a read of the job names as failed."""
        return [item for item in self.failed if item.target_group_id != self.forgotten]

    def execute(self, groups: Mapping[str, TargetGroup], at: datetime) -> Self:
        """Act on each target group; one that is already in the wanted state counts as updated."""
        updated: list[str] = []
        failed: list[ItemFailure] = []
        for target_group_id in self.target_group_ids:
            group = groups.get(target_group_id)
            if group is None or group.project_id != self.project_id:
                failed.append(ItemFailure(target_group_id, _NOT_FOUND))
                continue
            try:
                self._act(group, at)
            except TransitionRefusedError as refusal:
                failed.append(ItemFailure(target_group_id, Failure("StatusTransitionNotAllowed", str(refusal))))
            else:
                updated.append(target_group_id)
        return attrs.evolve(self, applied_at=at, updated=tuple(updated), failed=tuple(failed))

    def _act(self, group: TargetGroup, at: datetime) -> None:
        transition = BATCH[self.kind]
        if group.status_at(at) != transition.target:
            group.apply(transition, at=at, request=self.request)


@attrs.frozen(kw_only=True)
class ManagerJob(BatchJob):
    """A job that gives many target groups to another project manager."""

    manager_id: str
    """Who is to manage them."""

    def _act(self, group: TargetGroup, at: datetime) -> None:
        if group.manager_id != self.manager_id:
            group.set_manager(self.manager_id, at=at, request=self.request)


@attrs.frozen(kw_only=True)
class DraftJob(Job):
    """A job that launches or schedules one draft target group."""

    target_group_id: str
    """What is to be launched or scheduled."""
    fielding_run_id: str
    """The id that the new run gets."""
    start_at: datetime | None
    """When fielding is to start; None for at once."""
    end_at: datetime
    """When fielding is to end."""
    failure: Failure | None = None
    """Why it failed, if it did."""

    @property
    def created_fielding_run_id(self) -> str | None:
        """The id of the run it has created, or None if it has not."""
        return self.fielding_run_id if self.status == "Completed" else None

    @property
    def _outcome(self) -> JobStatus:
        return "Failed" if self.failure else "Completed"

    def execute(self, groups: Mapping[str, TargetGroup], at: datetime) -> Self:
        """Create the fielding run, or say why not."""
        return attrs.evolve(self, applied_at=at, failure=self._open(groups, at))

    def _open(self, groups: Mapping[str, TargetGroup], at: datetime) -> Failure | None:
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
            group.open(self.kind.replace("-", "_"), run, at=at, request=self.request)
        except TransitionRefusedError as refusal:
            return Failure("TargetGroupInvalidState", str(refusal))
        return None
