"""What became of a sweep: one of five outcomes for each target group of its plan."""

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import attrs

from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action

__all__ = ["Counts", "GroupOutcome", "Outcome", "SweepJob", "SweepProgress", "SweepReport", "count"]


class Outcome(enum.StrEnum):
    """How a target group came out of a sweep; exactly one of these for each."""

    UPDATED = "updated"
    """It is where the action leads, and the sweep brought it there.

    The API reports it as updated, or it was found there by reading it afterwards. A target group whose status was not
    known beforehand may have been there already: the API counts those as updated too.
    """
    UNCHANGED = "unchanged"
    """It was read before anything was sent, and was where the action leads. It was left alone."""
    FAILED = "failed"
    """The sweep did not change it: the API refused it, or nothing could be brought to the API."""
    SKIPPED = "skipped"
    """It was not sent: its status does not allow the action, or the sweep was stopped before its turn."""
    UNKNOWN = "unknown"
    """It was sent, and what became of it could not be learned, also not by reading it."""


class Counts(NamedTuple):
    """How many target groups came out how."""

    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(self)


@attrs.frozen(kw_only=True)
class GroupOutcome:
    """What became of one target group."""

    target_group_id: str
    """The target group's ULID."""
    project_id: str
    """Its project's ULID."""
    outcome: Outcome
    """How it came out."""
    before: TargetGroupStatus | None = None
    """Its status before the sweep; None if it is not known."""
    code: str | None = None
    """The API's code of the failure, such as ``StatusTransitionNotAllowed``; None for the other outcomes."""
    reason: str | None = None
    """Why it failed, was skipped, or is unknown."""
    job_id: str | None = None
    """The API's id of the last job that it was part of; None if there was none."""


@attrs.frozen(kw_only=True)
class SweepJob:
    """One job of a sweep."""

    job_id: str
    """The API's id of the job."""
    project_id: str
    """The project's ULID."""
    idempotency_key: str
    """The key that it was created with."""
    size: int
    """How many target groups it was for."""


@attrs.frozen(kw_only=True)
class SweepReport:
    """What became of a sweep. The counts of the five outcomes add up to the plan."""

    run_id: str
    """The run's id, as in the plan."""
    action: Action
    """What was to be done."""
    groups: tuple[GroupOutcome, ...]
    """Every target group of the plan, in the plan's order."""
    jobs: tuple[SweepJob, ...] = ()
    """The jobs that were created for it."""
    started_at: datetime
    """When the run began, UTC; with a journal that may have been in an earlier process."""
    finished_at: datetime | None = None
    """When it ended, UTC; None if it has not."""

    @cached_property
    def counts(self) -> Counts:
        """How many target groups came out how."""
        return count(self.groups)

    @property
    def ok(self) -> bool:
        """Whether nothing failed and nothing is unknown."""
        return not self.counts.failed and not self.counts.unknown

    @cached_property
    def by_id(self) -> Mapping[str, GroupOutcome]:
        """The outcomes by target group."""
        return {group.target_group_id: group for group in self.groups}

    @cached_property
    def by_project(self) -> Mapping[str, Counts]:
        """How many came out how in each project."""
        projects: dict[str, list[GroupOutcome]] = {}
        for group in self.groups:
            projects.setdefault(group.project_id, []).append(group)
        return {project_id: count(groups) for project_id, groups in projects.items()}

    @cached_property
    def failure_codes(self) -> Mapping[str, int]:
        """How many failed with each code, the most frequent first; failures without a code are under ``""``."""
        return dict(Counter(group.code or "" for group in self.of(Outcome.FAILED)).most_common())

    def of(self, *outcomes: Outcome | str) -> tuple[GroupOutcome, ...]:
        """The target groups that came out so.

        Args:
            outcomes: One or several outcomes, such as ``"failed", "unknown"``.
        """
        return tuple(group for group in self.groups if group.outcome in outcomes)


@attrs.frozen(kw_only=True)
class SweepProgress:
    """How far a sweep has come."""

    run_id: str
    """The run's id."""
    phase: str
    """``finding`` while target groups are looked up, then ``sweeping``, and ``done`` at the end."""
    total: int
    """How many target groups the plan has, as far as is known yet."""
    counts: Counts = attrs.field(factory=Counts)
    """How many came out how so far."""
    jobs: int = 0
    """How many jobs are needed, as far as is known yet."""
    jobs_submitted: int = 0
    """How many jobs the API has taken on."""
    jobs_ended: int = 0
    """How many of them are settled."""
    waiting: int = 0
    """How many requests wait for the client's limiter."""
    elapsed: float = 0.0
    """Seconds since the sweep was called."""


def count(groups: Iterable[GroupOutcome]) -> Counts:
    """How many came out how."""
    found = Counter(group.outcome for group in groups)
    return Counts(*(found[outcome] for outcome in Outcome))
