"""Sweep reports and progress: one of six outcomes for each target group of the plan."""

import enum
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.results import Serializable, to_row
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan

__all__ = [
    "Counts",
    "GroupOutcome",
    "Outcome",
    "Straggler",
    "SweepJob",
    "SweepProgress",
    "SweepProject",
    "SweepReport",
    "UnlistedProject",
    "count_outcomes",
]


class Outcome(enum.StrEnum):
    """The outcome of a sweep for one target group; each target group has exactly one."""

    UPDATED = "updated"
    """The API reported the target group as updated by a job of the sweep.

    A target group whose previous status is not known may have had the target status before: the API counts those as
    updated too.
    """
    UNCHANGED = "unchanged"
    """The target group was read with the target status, and the sweep does not claim to have changed it.

    It had the status before anything was sent, so it was not sent; or it was sent, no job reported it, and its status
    was read afterwards (``GroupOutcome.verified``). An undo does not touch it.
    """
    FAILED = "failed"
    """The sweep did not change the target group: the API rejected it, or could not be reached."""
    SKIPPED = "skipped"
    """The target group was not sent, because its status does not allow the action: there is nothing to do."""
    NOT_SENT = "not_sent"
    """The target group should have been sent, and was not: the sweep stopped before its turn."""
    UNKNOWN = "unknown"
    """The target group was sent, and neither the job nor reading its status showed the result."""


class Counts(NamedTuple):
    """The number of target groups with each outcome."""

    updated: int = 0
    """Those that the sweep changed."""
    unchanged: int = 0
    """Those that were in the wanted status before."""
    failed: int = 0
    """Those that the API refused."""
    skipped: int = 0
    """Those whose status does not allow the action."""
    not_sent: int = 0
    """Those of which nothing was sent."""
    unknown: int = 0
    """Those whose outcome is unknown."""

    @property
    def total(self) -> int:
        """The number of target groups with any outcome."""
        return sum(self)


@attrs.frozen(kw_only=True)
class GroupOutcome(Serializable):
    """The outcome of a sweep for one target group, with its reason."""

    target_group_id: str
    """The target group's ULID."""
    project_id: str
    """The project's ULID."""
    outcome: Outcome
    """The outcome."""
    previous_status: TargetGroupStatus | None = None
    """The status before the sweep; None if it was not read."""
    code: str | None = None
    """The API's failure code, such as ``StatusTransitionNotAllowed``; None for the other outcomes."""
    reason: str | None = None
    """The reason why it failed, was skipped, or is unknown."""
    job_id: str | None = None
    """The API's id of the last job that contained it; None if no job did."""
    verified: bool = False
    """True if it was read with the target status after it was sent."""
    name: str | None = None
    """The target group's name; None if it was not read."""
    short_id: str | None = None
    """The short id that people see; None if it was not read."""


@attrs.frozen
class SweepProject(Serializable):
    """A project of a sweep with its name, as it was listed."""

    project_id: str
    """The project's ULID."""
    name: str
    """The project's name."""
    short_id: str | None = None
    """The short id that people see."""


@attrs.frozen
class UnlistedProject(Serializable):
    """A project of a query whose target groups could not be listed; they are not part of the sweep."""

    project_id: str
    """The project's ULID."""
    reason: str
    """The reason why it could not be listed."""


@attrs.frozen
class Straggler(Serializable):
    """A target group that the verification after the last job found without the target status."""

    target_group_id: str
    """The target group's ULID."""
    project_id: str
    """The project's ULID."""
    status: TargetGroupStatus | None
    """The status that was read; None if it was not listed any more."""
    reason: str
    """``went live since`` if it matches the plan and was not swept; ``moved since`` if the sweep had left it with the
    target status."""
    name: str | None = None
    """The target group's name; None if it was not read."""
    short_id: str | None = None
    """The short id that people see; None if it was not read."""


@attrs.frozen(kw_only=True)
class SweepJob(Serializable):
    """A job that a sweep created."""

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
    """When the API created the job, UTC, by the API's clock; None if it was not read."""
    ended_at: datetime | None = None
    """When the end of the job was seen, UTC; None if it was not seen."""
    created_by: str | None = None
    """The API's id of the user who created the job; None if it was not read."""
    trace_id: str | None = None
    """The W3C trace id of the request that created the job; None if the API did not return one."""


@attrs.frozen(kw_only=True, repr=False)
class SweepReport(Serializable):
    """The result of a sweep. The counts of the six outcomes add up to the target groups of the plan."""

    plan: SweepPlan
    """The plan of the sweep."""
    groups: tuple[GroupOutcome, ...]
    """The outcome of every target group, in the order of the plan."""
    jobs: tuple[SweepJob, ...] = ()
    """The jobs that the sweep created."""
    unlisted: tuple[UnlistedProject, ...] = ()
    """The projects that could not be listed, so that the outcome of their target groups is unknown."""
    projects: tuple[SweepProject, ...] = ()
    """The projects whose names were read; none are read for their own sake, such as with ``target_groups``."""
    base_url: str
    """The API's base URL."""
    account_id: str | None = None
    """The account's number."""
    api_version: str | None = None
    """The API version that its jobs were created with; None if it is not known."""
    started_at: datetime
    """When the run started, UTC; with a journal, this may have been in an earlier process."""
    finished_at: datetime | None = None
    """When the run finished, UTC; None if it has not."""
    verified_at: datetime | None = None
    """When the statuses were read again after the last job, UTC; None if they were not."""
    stragglers: tuple[Straggler, ...] = ()
    """The target groups that were read without the target status then, other than failed or unknown ones."""
    unverified: tuple[UnlistedProject, ...] = ()
    """The projects whose statuses could not be read then, with the reason."""
    continues: str | None = None
    """The id of the interrupted run that this run continues; the report covers both. None if there is none."""
    as_of: datetime | None = None
    """The time of a report that was read from a journal and says nothing of the present, UTC; None otherwise."""

    @property
    def run_id(self) -> str:
        """The run id of the plan."""
        return self.plan.run_id

    @property
    def action(self) -> Action:
        """The action of the plan."""
        return self.plan.action

    @cached_property
    def counts(self) -> Counts:
        """The number of target groups with each outcome."""
        return count_outcomes(self.groups)

    @property
    def ok(self) -> bool:
        """True if everything was sent, nothing failed or is unknown, and verification found no straggler.

        It is also False if a project could not be listed, or could not be verified.
        """
        counts = self.counts
        incomplete = counts.failed or counts.not_sent or counts.unknown or self.unlisted
        return not (incomplete or self.stragglers or self.unverified)

    @cached_property
    def by_id(self) -> Mapping[str, GroupOutcome]:
        """The outcomes by target group id."""
        return {group.target_group_id: group for group in self.groups}

    @cached_property
    def by_project(self) -> Mapping[str, Counts]:
        """The counts by project id."""
        projects: dict[str, list[GroupOutcome]] = {}
        for group in self.groups:
            projects.setdefault(group.project_id, []).append(group)
        return {project_id: count_outcomes(groups) for project_id, groups in projects.items()}

    @cached_property
    def failure_codes(self) -> Mapping[str, int]:
        """The number of failures by code, the most frequent code first; failures without a code are under ``""``."""
        return dict(Counter(group.code or "" for group in self.of(Outcome.FAILED)).most_common())

    @cached_property
    def unclaimed(self) -> tuple[GroupOutcome, ...]:
        """The target groups that were sent and read with the target status, though no job reported them as updated.

        It is not known which change was the sweep's, so an undo does not touch them.
        """
        return tuple(group for group in self.of(Outcome.UNCHANGED) if group.verified)

    def of(self, *outcomes: Outcome | str) -> tuple[GroupOutcome, ...]:
        """Return the target groups with one of the given outcomes.

        Args:
            outcomes: One or several outcomes, such as ``"failed", "unknown"``.
        """
        return tuple(group for group in self.groups if group.outcome in outcomes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file: a page (``.html``), JSON (``.json``) or a table for spreadsheets (``.csv``).

        The file is replaced as a whole; if it cannot be written, an earlier file stays as it was. A page lists at most
        5,000 target groups; if there are more, a table of all is written beside it, as ``<name>-<run id>.csv``.

        Args:
            path: The file. Its extension selects the format.

        Raises:
            ConfigurationError: if the extension is not one of the three, or Jinja2 is not installed for a page.
            OSError: if the file cannot be written.
        """
        from fieldingkit.sweeps.report_files import save_report

        save_report(self, path)

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per target group, for ``pandas.DataFrame(report.rows())`` and the like."""
        return [to_row(group) for group in self.groups]

    def __repr__(self) -> str:
        counts = [f"{count} {name}" for name, count in self.counts._asdict().items() if count]
        return short_repr("SweepReport", f"{self.action} {self.run_id}", *counts)

    def _repr_html_(self) -> str:
        from fieldingkit.sweeps.report_files import report_fragment

        fragment = report_fragment(self)
        if fragment is not None:
            return fragment
        problems = (Outcome.FAILED, Outcome.NOT_SENT, Outcome.UNKNOWN)
        groups = sorted(self.groups, key=lambda group: group.outcome not in problems)
        rows = ((group.target_group_id, group.outcome, group.code, group.reason) for group in groups)
        return html_table(repr(self)[1:-1], ("target group", "outcome", "code", "reason"), rows, len(groups))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the report that ``save`` wrote as ``.html`` or ``.json``.

        Raises:
            ConfigurationError: if the file is not such a report, or a later release wrote it.
            OSError: if the file cannot be read.
        """
        from fieldingkit.sweeps.report_files import load_fields

        return cls(**load_fields(path))


@attrs.frozen(kw_only=True)
class SweepProgress(Serializable):
    """The progress of a sweep, as passed to ``on_progress``."""

    run_id: str
    """The run id."""
    phase: Literal["checking", "finding", "sweeping", "verifying", "done"]
    """The phase: ``checking`` while an undo reads changelogs, ``finding`` while target groups are read, ``sweeping``,
    ``verifying`` while they are read again, and ``done`` at the end."""
    total: int
    """The number of target groups found so far."""
    counts: Counts = attrs.field(factory=Counts)
    """The number of target groups with each outcome so far."""
    jobs: int = 0
    """The number of jobs, as far as is known."""
    jobs_submitted: int = 0
    """The number of jobs that the API has accepted."""
    jobs_settled: int = 0
    """The number of jobs with nothing left to do."""
    waiting: int = 0
    """The number of requests that wait for the client's rate limiter."""
    seconds: float | None = None
    """The shortest duration of ``checking`` in seconds at the client's rate; None if that has no limit."""
    elapsed: float = 0.0
    """Seconds since ``sweep`` was called."""


def count_outcomes(groups: Iterable[GroupOutcome]) -> Counts:
    """Return the number of target groups with each outcome."""
    found = Counter(group.outcome for group in groups)
    return Counts(*(found[outcome] for outcome in Outcome))
