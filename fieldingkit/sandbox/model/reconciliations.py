"""Reconciliations: respondents whose outcome a customer changes until the 25th of the next month."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, Self

import attrs

from fieldingkit.sandbox.model.central_time import reconciliation_deadline
from fieldingkit.sandbox.model.jobs import Job
from fieldingkit.sandbox.model.outcomes import Outcome
from fieldingkit.sandbox.model.respondents import Respondent
from fieldingkit.sandbox.model.settlements import settle
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["REASONS", "Counts", "Reason", "ReconciliationJob", "Results", "Row", "left_out", "read_rows", "reconcile"]

_COMPLETE: Final = "11"
_LEFT_OUT: Final = "930"
_STATUSES: Final = frozenset({"live", "paused", "completed"})


class Reason(NamedTuple):
    """A reason of a reconciliation."""

    code: str
    name: str
    description: str
    allowed: bool = True


REASONS: Final = (
    Reason(_COMPLETE, "Adjusted Complete", "Respondent was adjusted from another status to complete."),
    Reason(_LEFT_OUT, "Not Approved", "Respondent was not on the list of approved completes."),
    Reason("931", "Poor Quality", "The answers of the respondent were of poor quality."),
    Reason("932", "Speeding", "The respondent answered too fast."),
    Reason("933", "Duplicate", "The respondent took part before.", allowed=False),
)
"""All reasons."""

_CODES: Final = frozenset(reason.code for reason in REASONS if reason.allowed)


class Row(NamedTuple):
    """A row of a list."""

    rid: str
    """The id of the session, in any case; it may be malformed."""
    code: str
    """The reason code; it may be unknown."""


@attrs.frozen(kw_only=True)
class Counts:
    """The results of a list, or of the part of it that concerns a target group."""

    submitted: int = 0
    expired: int = 0
    invalid: int = 0
    positive_reversed: int = 0
    negative_reversed: int = 0

    def add(self, **numbers: int) -> "Counts":
        """Return the sums of these counts and others."""
        return attrs.evolve(self, **{name: getattr(self, name) + number for name, number in numbers.items()})


@attrs.frozen(kw_only=True)
class Results:
    """The results of a list."""

    counts: Counts
    """All rows, and the completes that were left out."""
    by_group: Mapping[str, Counts]
    """The counts by the id of the target group; rows that stand for no respondent have none."""
    expired: tuple[Row, ...] = ()
    """The rows that came too late."""
    invalid: tuple[Row, ...] = ()
    """The rows that could not be used."""
    remaining: tuple[str, ...] = ()
    """The RIDs of the completes that are left in the project of a list of approved completes."""


@attrs.frozen(kw_only=True)
class ReconciliationJob(Job):
    """A list of respondents to reconcile."""

    name: str
    """The name of the list."""
    submitted_by: str
    """The user who submitted it."""
    submission_type: Literal["approved_rids", "rejected_rids"]
    """The kind of list."""
    rows: tuple[Row, ...] = attrs.field(repr=False)
    """The rows."""
    content: bytes = attrs.field(repr=False)
    """The file."""
    act: Callable[["ReconciliationJob", datetime], Results]
    """Reconciles the respondents."""
    results: Results | None = None
    """The results; None before it is complete."""

    def execute(
        self, groups: Mapping[str, TargetGroup], at: datetime, failing_items: Callable[..., str | None]
    ) -> Self:
        """Reconcile the respondents."""
        del groups, failing_items
        return attrs.evolve(self, applied_at=at, results=self.act(self, at))


def read_rows(content: bytes, *, code: str | None = None) -> tuple[Row, ...]:
    """Return the rows of a file, without a header; the code is the second cell if none is given."""
    cells = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace")))
    rows = [[cell.strip() for cell in row] for row in cells if row]
    if code is not None:
        return tuple(Row(row[0], code if len(row) == 1 else "") for row in rows)
    return tuple(Row(row[0], row[1] if len(row) == 2 else "") for row in rows)


def left_out(groups: Iterable[TargetGroup], job: ReconciliationJob, at: datetime) -> tuple[Row, ...]:
    """Return a row for each complete of the target groups that the list does not name and that is not too late."""
    named = {row.rid.lower() for row in job.rows}
    return tuple(
        Row(one.rid, _LEFT_OUT)
        for group in groups
        if group.status_at(at) in _STATUSES
        for one in group.ledger.respondents()
        if one.outcome == "complete" and one.rid not in named and not _is_late(one, job)
    )


def _is_late(respondent: Respondent, job: ReconciliationJob) -> bool:
    return reconciliation_deadline(respondent.completed_at) <= job.created_at


class _Changes:
    """The respondents of one target group, and their changes."""

    def __init__(self, group: TargetGroup) -> None:
        self.group = group
        self.people = {one.number: one for one in group.ledger.respondents()}
        self.outcomes: dict[int, Outcome] = {}
        self.codes: dict[int, str] = {}
        self.counts = Counts()

    def add(self, number: int, code: str, job: ReconciliationJob) -> str | None:
        """Reconcile a respondent, and return the name of the count; None if nothing changes."""
        respondent = self.people[number]
        is_complete = self.outcomes.get(number, respondent.outcome) == "complete"
        if _is_late(respondent, job):
            return "expired"
        if is_complete == (code == _COMPLETE):
            return None
        self.outcomes[number] = "quality_terminate" if is_complete else "complete"
        self.codes[number] = code
        return "negative_reversed" if is_complete else "positive_reversed"


def reconcile(
    job: ReconciliationJob,
    added: Sequence[Row],
    *,
    find: Callable[[str], tuple[TargetGroup, int] | None],
    at: datetime,
) -> Results:
    """Reconcile the respondents of a list.

    Args:
        job: The list.
        added: The rows that follow from those that the list leaves out.
        find: Returns the target group and the number of a respondent, by RID; None for anybody else.
        at: The current time.
    """
    expired: list[Row] = []
    invalid: list[Row] = []
    changes: dict[str, _Changes] = {}
    for index, row in enumerate((*job.rows, *added)):
        found = find(row.rid)
        if found is None or row.code not in _CODES or found[0].status_at(at) not in _STATUSES:
            invalid.append(row)
            continue
        group, number = found
        of_group = changes.setdefault(group.id, changes.get(group.id) or _Changes(group))
        count = of_group.add(number, row.code, job)
        if count == "expired":
            expired.append(row)
        counted = {"submitted": int(index < len(job.rows)), **({} if count is None else {count: 1})}
        of_group.counts = of_group.counts.add(**counted)
    for one in changes.values():
        details = {number: (job.id, code, at) for number, code in one.codes.items()}
        settle(one.group, one.outcomes, at=at, origin="reconciliation", reconciled=details)
    total = Counts(submitted=len(job.rows), invalid=len(invalid))
    for one in changes.values():
        total = total.add(**{**attrs.asdict(one.counts), "submitted": 0})
    return Results(
        counts=total,
        by_group={group_id: one.counts for group_id, one in changes.items()},
        expired=tuple(expired),
        invalid=tuple(invalid),
    )
