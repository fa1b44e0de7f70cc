"""The document model of a sweep report: plain values, independent of the sweep engine that fills it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

import attrs

__all__ = ["OUTCOMES", "GroupRow", "JobRow", "ProjectRow", "StragglerRow", "SweepDocument", "count_outcomes"]

OUTCOMES: Final = ("updated", "unchanged", "failed", "skipped", "not_sent", "unknown")
"""The outcomes of a target group, in the order in which reports show them."""

_REACHED: Final = ("updated", "unchanged")


@attrs.frozen(kw_only=True)
class GroupRow:
    """One target group of a report."""

    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    outcome: str
    """One of ``OUTCOMES``."""
    name: str | None = None
    """The target group's name; None if it was not seen."""
    short_id: str | None = None
    """The short id that people use for it; None if it was not seen."""
    previous_status: str | None = None
    """The status before the sweep; None if it was not read."""
    code: str | None = None
    """The API's failure code."""
    reason: str | None = None
    """The reason for the outcome."""
    job_id: str | None = None
    """The API's id of the last job that contained it."""
    verified: bool = False
    """True if it was read with the target status after it was sent."""
    trace_id: str | None = None
    """The W3C trace id of that job."""


@attrs.frozen(kw_only=True)
class JobRow:
    """One job of a report."""

    job_id: str
    """The API's id of the job."""
    project_id: str
    """The project's ULID."""
    idempotency_key: str
    """The key that the job was created with."""
    size: int
    """The number of target groups in the job."""
    created_at: datetime | None = None
    """When the job was created, UTC."""
    api_created_at: datetime | None = None
    """When the API created the job, UTC, by the API's clock."""
    ended_at: datetime | None = None
    """When the end of the job was seen, UTC."""
    created_by: str | None = None
    """The API's id of the user who created the job."""
    trace_id: str | None = None
    """The W3C trace id of the request that created the job."""

    @property
    def seconds(self) -> float | None:
        """Seconds from creation to end; None if one of the two is not known."""
        if self.created_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.created_at).total_seconds()


@attrs.frozen(kw_only=True)
class ProjectRow:
    """The name of a project, as far as it was seen."""

    project_id: str
    """The project's ULID."""
    name: str | None = None
    """The project's name."""
    short_id: str | None = None
    """The short id that people use for it."""


@attrs.frozen(kw_only=True)
class StragglerRow:
    """A target group that verification found without the target status, after the sweep."""

    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    name: str | None = None
    """The target group's name."""
    short_id: str | None = None
    """The short id that people use for it."""
    status: str | None = None
    """The status that was read."""
    reason: str | None = None
    """The reason, such as ``went live since``."""


@attrs.frozen(kw_only=True)
class SweepDocument:
    """A sweep report as its renderers need it."""

    run_id: str
    """The run id."""
    action: str
    """The action, such as ``pause``."""
    target_status: str
    """The status that the action leads to."""
    undoable: int = 0
    """The number of target groups that an undo would restore; 0 if the action cannot be undone."""
    ok: bool
    """True if every project could be listed, everything was sent, nothing failed, and nothing is unknown."""
    base_url: str
    """The API's base URL."""
    api_version: str | None = None
    """The API version of the run."""
    account_id: str | None = None
    """The account's number."""
    started_at: datetime
    """When the run started, UTC."""
    finished_at: datetime | None = None
    """When the run finished, UTC; None if it has not."""
    verified_at: datetime | None = None
    """When the statuses were read again after the last job, UTC; None if they were not."""
    as_of: datetime | None = None
    """The time of the report of a run that finished earlier, UTC; None if this process finished the run."""
    continues: str | None = None
    """The id of the interrupted run that this run continues; the report covers both."""
    projects: tuple[ProjectRow, ...] = ()
    """The projects whose names were seen."""
    stragglers: tuple[StragglerRow, ...] = ()
    """The target groups that verification found without the target status."""
    unverified: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The projects that could not be verified, by id, with the reason."""
    groups: tuple[GroupRow, ...]
    """The target groups, in the order of the plan."""
    jobs: tuple[JobRow, ...] = ()
    """The jobs that the sweep created."""
    unlisted: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The projects that could not be listed, by id, with the reason."""
    plan: Mapping[str, Any]
    """The plan as JSON, which files carry so that the sweep can be undone from them."""

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """The number of target groups with each outcome."""
        return count_outcomes(self.groups)

    @cached_property
    def moved(self) -> frozenset[str]:
        """The ids of the target groups that verification found without the target status."""
        return frozenset(straggler.target_group_id for straggler in self.stragglers)

    def has_status(self, group: GroupRow) -> bool:
        """Return whether a target group of the sweep has the target status, as far as is known."""
        return group.outcome in _REACHED and group.target_group_id not in self.moved

    def is_verified(self, group: GroupRow) -> bool:
        """Return whether the status of a target group was read after it was sent, and was the target status."""
        read = self.verified_at is not None and group.project_id not in self.unverified
        return group.verified or (read and self.has_status(group))

    @cached_property
    def by_project(self) -> Mapping[str, Mapping[str, int]]:
        """The counts by project id."""
        return _count_by(self.groups, "project_id")

    @cached_property
    def by_project_id(self) -> Mapping[str, ProjectRow]:
        """The projects whose names were seen, by id."""
        return {project.project_id: project for project in self.projects}

    @cached_property
    def by_job(self) -> Mapping[str, Mapping[str, int]]:
        """The counts by job id; a target group counts for its last job only."""
        counts = _count_by(self.groups, "job_id")
        return {job.job_id: counts.get(job.job_id) or count_outcomes(()) for job in self.jobs}


def count_outcomes(groups: Iterable[GroupRow]) -> Mapping[str, int]:
    """Return the number of target groups with each outcome, zeros included."""
    return _with_zeros(Counter(group.outcome for group in groups))


def _count_by(groups: Iterable[GroupRow], field: str) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    pairs: Counter[tuple[str, str]] = Counter(map(attrgetter(field, "outcome"), groups))
    for (name, outcome), number in pairs.items():
        found.setdefault(name, {})[outcome] = number
    return {name: _with_zeros(counts) for name, counts in found.items()}


def _with_zeros(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}
