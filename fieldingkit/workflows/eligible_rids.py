"""The RIDs of the completes that can be reconciled, from a report of the API."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import UUID

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, WorkflowError
from fieldingkit.resources.money import Money
from fieldingkit.resources.reconciliations import DueMonth, EligibleTargetGroup
from fieldingkit.resources.reports import GenerateReport, ReportLevel, ReportType
from fieldingkit.workflows.central_time import central_date
from fieldingkit.workflows.due_reconciliations import list_eligible, now_of, sum_money
from fieldingkit.workflows.reports import run_report

__all__ = ["Cost", "EligibleComplete", "EligibleCompletes", "read_eligible", "rids_of"]

_GROUPS_A_REPORT = 100
_CENT = Decimal("0.01")
_PRICES = frozenset({"price", "cpi", "cost", "costperinterview"})
_CURRENCIES = frozenset({"currency", "currencycode"})
_GROUPS = frozenset({"targetgroupid"})
_KINDS = (_PRICES, _CURRENCIES, _GROUPS)


class EligibleComplete(NamedTuple):
    """A complete that can be reconciled."""

    price: Money | None = None
    """Its price; None if the report does not have it."""
    target_group_id: str | None = None
    """Its target group; None if the report does not have it."""


class Cost(NamedTuple):
    """The cost of some completes."""

    money: tuple[Money, ...]
    """One sum for each currency."""
    is_exact: bool
    """True if it is the sum of the prices of these completes; False if it is their share of the cost of all."""


@attrs.frozen(kw_only=True)
class EligibleCompletes:
    """The completes that can be reconciled."""

    groups: tuple[EligibleTargetGroup, ...]
    """The target groups; one whose completes are due in two months occurs twice."""
    rids: Mapping[str, EligibleComplete]
    """The completes by their RIDs in lower case."""
    unplaced: int = 0
    """The number of target groups that may be of the project: the API did not send theirs. They are not counted."""
    warnings: tuple[str, ...] = ()
    """The reasons why the numbers may be wrong."""

    @property
    def unseen(self) -> int:
        """The number of completes that the API counts, and whose RIDs are not in its report."""
        return max(0, sum(group.eligible_completes or 0 for group in self.groups) - len(self.rids))

    @property
    def completes(self) -> int:
        """The number of completes."""
        return len(self.rids) + self.unseen

    @property
    def money(self) -> tuple[Money, ...]:
        """The cost of all completes."""
        return sum_money(group.monetary_amount for group in self.groups)

    def in_projects_of(self, rids: Iterable[str]) -> "EligibleCompletes":
        """Return the completes of the projects that some of them belong to; all if a project is not known."""
        project_of = {group.target_group_id: group.project_id for group in self.groups}
        projects = {project_of.get(self.rids[rid].target_group_id or "") for rid in rids}
        if not projects or None in projects:
            return self
        return attrs.evolve(
            self,
            groups=tuple(group for group in self.groups if group.project_id in projects),
            rids={rid: one for rid, one in self.rids.items() if project_of.get(one.target_group_id or "") in projects},
        )

    def cost_of(self, rids: Iterable[str], unseen: int = 0) -> Cost:
        """Return the cost of some of the completes: exact if the report has their prices.

        Args:
            rids: Their RIDs.
            unseen: The number of further completes, without RIDs.
        """
        prices = [self.rids[rid].price for rid in rids]
        if not unseen and None not in prices:
            return Cost(sum_money(prices), is_exact=True)
        share = Decimal(len(prices) + unseen) / (self.completes or 1)
        return Cost(
            tuple(attrs.evolve(one, value=(one.value * share).quantize(_CENT)) for one in self.money if one.value),
            is_exact=False,
        )


async def read_eligible(
    client: AsyncClient, *, account_id: str | int | None, project_id: str | None
) -> EligibleCompletes:
    """Read the completes of an account or a project that can be reconciled: how many, at what cost, and their RIDs.

    Raises:
        WorkflowError: if the report cannot be read, or has no RIDs.
        FieldingKitError: if the list of target groups cannot be read.
    """
    found: list[EligibleTargetGroup] = []
    unplaced: set[str] = set()
    warnings: list[str] = []
    for month in (DueMonth.CURRENT_MONTH, DueMonth.NEXT_MONTH):
        groups, problems = await list_eligible(client, month, account_id=account_id)
        found += [group for group in groups if project_id in {None, (group.project_id or "").upper()}]
        unplaced |= {group.target_group_id for group in groups if project_id is not None and not group.project_id}
        warnings += problems
    if unplaced:
        warnings.append(f"the API did not send the project of {len(unplaced)} target groups; they are not counted")
    ids = [*dict.fromkeys(group.target_group_id for group in found)]
    since, until = _period(now_of(client))
    rids: dict[str, EligibleComplete] = {}
    with TemporaryDirectory(prefix="fieldingkit-") as folder:
        for start in range(0, len(ids), _GROUPS_A_REPORT):
            command = GenerateReport(
                account_id=account_id,
                report_type=ReportType.RECONCILIATION_ELIGIBLE_RIDS,
                level=ReportLevel.TARGET_GROUP,
                filter_ids=ids[start : start + _GROUPS_A_REPORT],
                start_date=since,
                end_date=until,
            )
            try:
                report = await run_report(client, command, Path(folder) / f"{start}.csv")
            except FieldingKitError as exc:  # only a report may have been requested
                raise WorkflowError(
                    f"the completes that can be reconciled are not known, because their report cannot be read: "
                    f"{exc.message}. No list was sent",
                    conflicts=[exc],
                    command=command,
                ) from exc
            rids |= rids_of(report.path, command)
    return EligibleCompletes(
        groups=tuple(found), rids=rids, unplaced=len(unplaced), warnings=tuple(dict.fromkeys(warnings))
    )


def _period(now: datetime) -> tuple[date, date]:
    """Return the days whose completes may be eligible: from the first of last month to today."""
    today = central_date(now.astimezone(UTC))
    last_month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return last_month, today + timedelta(days=1)


def rids_of(path: Path, command: GenerateReport) -> dict[str, EligibleComplete]:
    """Return the completes by their RIDs, from the file of a report.

    The API does not document the columns: the RIDs are those of the column named "RID", the prices those of columns
    such as "price" or "CPI", and "currency" or "currency code", and the target groups those of "target group id". A
    kind with several columns is not read.

    Raises:
        WorkflowError: if the file has no readable RIDs.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [*csv.DictReader(file, strict=True)]
            names = {_folded(name): name for name in (rows[0] if rows else ()) if name}
    except (UnicodeDecodeError, csv.Error) as exc:
        raise WorkflowError(f"the report of eligible RIDs is no CSV file: {exc}", command=command) from exc
    if not rows:
        return {}
    if "rid" not in names:
        columns = ", ".join(filter(None, rows[0]))
        raise WorkflowError(f"the report of eligible RIDs has no column RID: {columns:.200}", command=command)
    price, currency, group = (_only([names[name] for name in kinds & names.keys()]) for kinds in _KINDS)
    found: dict[str, EligibleComplete] = {}
    for number, row in enumerate(rows, 2):
        try:
            rid = str(UUID(row[names["rid"]]))
        except (ValueError, TypeError, AttributeError):
            raise WorkflowError(
                f"the report of eligible RIDs has a line that cannot be read: line {number}", command=command
            ) from None
        found[rid] = EligibleComplete(_money(row.get(price), row.get(currency)), row.get(group))
    return found


def _only(columns: Sequence[str]) -> str:
    """Return the only column of a kind; nothing of several, such as a price and a cost, because either may be right."""
    return columns[0] if len(columns) == 1 else ""


def _folded(name: str) -> str:
    return re.sub("[^a-z]", "", name.casefold())


def _money(value: str | None, currency: str | None) -> Money | None:
    try:
        amount = Decimal(value or "")
    except InvalidOperation:
        return None
    return Money(value=amount, currency_code=currency) if amount.is_finite() and currency else None
