"""Reports: jobs that write the respondents of a period as CSV.

The contract does not describe the files. The columns are the sandbox's own, and every type is CSV, although the API
writes some types as Excel files.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Self

import attrs

from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.central_time import central_midnight, reconciliation_deadline
from fieldingkit.sandbox.model.jobs import Failure, Job, JobStatus
from fieldingkit.sandbox.model.outcomes import Outcome
from fieldingkit.sandbox.model.respondents import Respondent
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["REPORT_TYPES", "ReportJob", "report_rows", "to_csv"]

_CODES: Final[Mapping[Outcome, int]] = {
    "drop_off": 1,
    "screenout": 2,
    "quota_full": 3,
    "quality_terminate": 4,
    "complete": 5,
}
"""The codes of the outcomes."""

_Row = dict[str, object]


@attrs.frozen(kw_only=True)
class ReportJob(Job):
    """A job that writes a report. The file shows the respondents as they are when the job is executed."""

    report_type: str
    """The type, such as `sample-bought`."""
    level: str
    """The level: `account`, `business_unit`, `project` or `target_group`."""
    filter_ids: tuple[str, ...]
    """The ids at this level; none for the whole account."""
    start_date: date
    """The first day of the period, in Central Time."""
    end_date: date
    """The day after the period, in Central Time."""
    options: Mapping[str, Any] | None
    """The options of the request."""
    recipients: tuple[str, ...]
    """The users who get the report by email."""
    groups: Callable[[datetime], Iterable[TargetGroup]]
    """Returns the target groups of the report at a date."""
    content: bytes = attrs.field(default=b"", repr=False)
    """The file; empty before the job is executed."""
    failure: Failure | None = None
    """The reason of the failure, if the job failed. A fault sets it before the job is executed."""

    @property
    def _outcome(self) -> JobStatus:
        return "Failed" if self.failure else "Completed"

    def execute(
        self, groups: Mapping[str, TargetGroup], at: datetime, failing_items: Callable[..., str | None]
    ) -> Self:
        """Write the file, unless a fault lets the job fail."""
        del groups, failing_items
        if self.failure is not None:
            return attrs.evolve(self, applied_at=at)
        rows = report_rows(self.report_type, self.groups(at), (self.start_date, self.end_date), at)
        return attrs.evolve(self, applied_at=at, content=to_csv(_COLUMNS[self.report_type], rows))


def report_rows(
    report_type: str, groups: Iterable[TargetGroup], period: tuple[date, date], at: datetime
) -> Iterator[_Row]:
    """Yield the rows of a report, by target group and arrival.

    Args:
        report_type: The type.
        groups: The target groups.
        period: The first day, and the day after the last one, in Central Time.
        at: The current date.
    """
    since, until = map(central_midnight, period)
    describe = _TYPES[report_type]
    for group in groups:
        group.run_at(at)
        for respondent in group.ledger.respondents():
            members = describe(respondent, at)
            if members is not None and since <= (respondent.ended_at or respondent.entered_at) < until:
                yield {**_respondent(respondent, group), **members}


def to_csv(columns: Sequence[str], rows: Iterable[_Row]) -> bytes:
    """Return rows as CSV with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _respondent(respondent: Respondent, group: TargetGroup) -> _Row:
    price = None if respondent.price is None else respondent.price.json()
    return {
        "rid": respondent.rid,
        "project_id": group.project_id,
        "target_group_id": group.id,
        "target_group": group.name,
        "supplier_id": respondent.supplier_id,
        "entered_at": write_timestamp(respondent.entered_at),
        "ended_at": respondent.ended_at and write_timestamp(respondent.ended_at),
        "price": price and price["value"],
        "currency_code": price and price["currency_code"],
    }


def _complete(respondent: Respondent, _: datetime) -> _Row | None:
    return {"unique_code": respondent.unique_code} if respondent.outcome == "complete" else None


def _terminated(respondent: Respondent, _: datetime) -> _Row | None:
    outcome = respondent.outcome
    return None if outcome in {"complete", "drop_off"} else {"outcome": outcome, "code": _CODES[outcome]}


def _analyzed(respondent: Respondent, _: datetime) -> _Row | None:
    return {
        "outcome": respondent.outcome,
        "code": _CODES[respondent.outcome],
        "stage": respondent.stage,
        "targets": " ".join(respondent.matched.values()),
    }


def _reconciled(respondent: Respondent, _: datetime) -> _Row | None:
    if respondent.reconciled is None:
        return None
    request_id, code, at = respondent.reconciled
    return {
        "outcome": respondent.outcome,
        "request_id": request_id,
        "reason_code": code,
        "reconciled_at": write_timestamp(at),
    }


def _eligible(respondent: Respondent, at: datetime) -> _Row | None:
    if respondent.outcome != "complete" or respondent.ended_at is None:
        return None
    deadline = reconciliation_deadline(respondent.ended_at)
    return {"reconcile_until": write_timestamp(deadline)} if at < deadline else None


_TYPES: Final[Mapping[str, Callable[[Respondent, datetime], _Row | None]]] = {
    "completes": _complete,
    "sample-bought": _complete,
    "term-details": _terminated,
    "respondent-analysis": _analyzed,
    "reconciliations-status": _reconciled,
    "reconciliation-eligible-rids": _eligible,
}
"""Functions that return the own columns of a type; None for a respondent who is not in the report."""

REPORT_TYPES: Final = tuple(_TYPES)
"""The types of reports."""

_COMMON: Final = (
    *("rid", "project_id", "target_group_id", "target_group", "supplier_id"),
    *("entered_at", "ended_at", "price", "currency_code"),
)
_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "completes": (*_COMMON, "unique_code"),
    "sample-bought": (*_COMMON, "unique_code"),
    "term-details": (*_COMMON, "outcome", "code"),
    "respondent-analysis": (*_COMMON, "outcome", "code", "stage", "targets"),
    "reconciliations-status": (*_COMMON, "outcome", "request_id", "reason_code", "reconciled_at"),
    "reconciliation-eligible-rids": (*_COMMON, "reconcile_until"),
}
"""The columns of each type."""
