"""``due``: the completes that must be reconciled by the 25th, by project and manager, with their money."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Literal

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.paging import iter_pages
from fieldingkit.resources.money import Money
from fieldingkit.resources.reconciliations import (
    DueMonth,
    EligibleTargetGroup,
    EligibleTargetGroupList,
    ListEligibleTargetGroups,
)
from fieldingkit.results import Serializable
from fieldingkit.workflows.central_time import central_date, next_month, reconciliation_deadline
from fieldingkit.workflows.creation import check_client
from fieldingkit.workflows.reading import send_read

__all__ = ["DueProject", "DueReconciliations", "due", "list_eligible", "now_of", "show_money", "sum_money"]


@attrs.frozen(kw_only=True)
class DueProject(Serializable):
    """The completes of one project and one manager that must be reconciled."""

    project_id: str | None
    """The project's ULID; None if the API does not send it."""
    project_name: str | None
    """The project's name; None if the API does not send it."""
    project_manager_id: str | None
    """The id of the project manager of the target groups."""
    project_manager_name: str | None
    """The project manager's name."""
    project_manager_email: str | None
    """The project manager's email address."""
    target_groups: int
    """The number of target groups."""
    completes: int
    """The number of completes, as far as it is known."""
    money: tuple[Money, ...]
    """Their cost: one sum for each currency, as far as it is known."""


@attrs.frozen(kw_only=True, repr=False)
class DueReconciliations(Serializable):
    """The completes of an account that must be reconciled by the 25th of a month."""

    deadline: datetime
    """The end of the 25th, US Central Time, in UTC: a reconciliation at this moment comes too late."""
    seconds_left: float
    """Seconds until the deadline by the API's clock; negative if it is past."""
    completes: int
    """The number of completes, as far as it is known."""
    money: tuple[Money, ...]
    """Their cost: one sum for each currency, as far as it is known."""
    projects: tuple[DueProject, ...]
    """The projects and their managers, by name."""
    target_groups: tuple[EligibleTargetGroup, ...]
    """The target groups."""
    warnings: tuple[str, ...] = ()
    """The reasons why the sums may be too low; empty if they agree with the API's own."""

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per project, manager and currency, for data frames."""
        return [
            {
                **{name: value for name, value in project.to_dict().items() if name != "money"},
                "amount": amount.value,
                "currency_code": amount.currency_code,
            }
            for project in self.projects
            for amount in project.money or (Money(),)
        ]

    def __repr__(self) -> str:
        amount = show_money(self.money) if self.money or self.completes else "no cost"
        return short_repr("DueReconciliations", f"{self.completes} completes", amount)

    def _repr_html_(self) -> str:
        rows = self.rows()
        head = list(rows[0]) if rows else []
        return html_table(repr(self)[1:-1], head, ([row[name] for name in head] for row in rows), len(rows))


async def due(
    client: AsyncClient,
    month: DueMonth | Literal["current_month", "next_month"] = DueMonth.CURRENT_MONTH,
    *,
    account_id: str | int | None = None,
) -> DueReconciliations:
    """Return the completes that must be reconciled by the 25th of a month, per project and manager, with their money.

    The completes of a month can be reconciled until the end of the 25th of the next month, US Central Time: those of
    last month until the 25th of this month, and those of this month until the 25th of the next one.

    Args:
        client: The client to use; with a blocking one, ``client.call(due)``.
        month: The month of the deadline.
        account_id: The account's number; the client's account by default.

    Raises:
        FieldingKitError: if the list cannot be read to its end.
    """
    check_client(client)
    wanted = _month(month)
    groups, warnings = await list_eligible(client, wanted, account_id=account_id)
    now = now_of(client)
    first = central_date(now).replace(day=1)
    deadline = reconciliation_deadline(first if wanted is DueMonth.CURRENT_MONTH else next_month(first))
    return DueReconciliations(
        deadline=deadline,
        seconds_left=(deadline - now).total_seconds(),
        completes=sum(group.eligible_completes or 0 for group in groups),
        money=sum_money(group.monetary_amount for group in groups),
        projects=_projects(groups),
        target_groups=groups,
        warnings=warnings,
    )


def _month(month: DueMonth | str) -> DueMonth:
    try:
        found = DueMonth(month)
    except ValueError:
        found = None
    if found is None or not found.known:
        raise InvalidCommandError(f"month must be current_month or next_month; got {month!r}", field="month")
    return found


def now_of(client: AsyncClient) -> datetime:
    """Return the time by the API's clock, if a response has shown it, or else by the client's, in UTC."""
    return datetime.fromtimestamp(client.clock.wall() if client.api_time is None else client.api_time, UTC)


async def list_eligible(
    client: AsyncClient, month: DueMonth, *, account_id: str | int | None
) -> tuple[tuple[EligibleTargetGroup, ...], tuple[str, ...]]:
    """Return the target groups with completes that are due in a month, and what speaks against their sums."""
    command = ListEligibleTargetGroups(account_id=account_id, due_month=month, page_size=100)
    pages: list[EligibleTargetGroupList] = []
    async with aclosing(iter_pages(partial(send_read, client), command)) as found:
        pages += [page async for page in found]
    # A target group may be on two pages if the list changes meanwhile, and may have an entry for each currency.
    entries = {(group.target_group_id, _currency(group.monetary_amount)): group for page in pages for group in page}
    groups = (*entries.values(),)
    return groups, (*_warnings(groups, pages),)


def _warnings(groups: Sequence[EligibleTargetGroup], pages: Sequence[EligibleTargetGroupList]) -> Iterable[str]:
    unknown = sum(group.eligible_completes is None for group in groups)
    if unknown:
        yield f"the API sent no readable number of completes for {unknown} target groups"
    unpriced = sum(not _is_known(group.monetary_amount) for group in groups)
    if unpriced:
        yield f"the API sent no readable amount for {unpriced} target groups"
    sums = [page.summary.completes for page in pages if page.summary is not None and page.summary.completes is not None]
    counted = sum(group.eligible_completes or 0 for group in groups)
    if sums and counted not in {sums[-1], sum(sums)}:  # of the whole list, or of its page: the contract leaves it open
        yield f"the API counts {sums[-1]} completes, and its list of target groups has {counted}"
    yield from _other_amounts(groups, pages)


def _other_amounts(groups: Sequence[EligibleTargetGroup], pages: Sequence[EligibleTargetGroupList]) -> Iterable[str]:
    """Yield a warning if the API's own amount is another one; the contract does not say how it adds up currencies."""
    money = sum_money(group.monetary_amount for group in groups)
    own = [page.summary.monetary_amount for page in pages if page.summary is not None]
    of_list, of_pages = sum_money(own[-1:]), sum_money(own)
    if len(of_list) != 1 or {one.currency_code for one in money} - {of_list[0].currency_code}:
        return
    if _without_zeros(money) not in {_without_zeros(of_list), _without_zeros(of_pages)}:
        yield f"the API counts {show_money(of_list)}, and its list of target groups has {show_money(money)}"


def _without_zeros(money: tuple[Money, ...]) -> tuple[Money, ...]:
    return tuple(one for one in money if one.value)


def _currency(amount: Money | None) -> str | None:
    return None if amount is None else amount.currency_code


def _projects(groups: Sequence[EligibleTargetGroup]) -> tuple[DueProject, ...]:
    """Return the sums for each project and manager, by name."""
    of_project: dict[tuple[str | None, str | None], list[EligibleTargetGroup]] = {}
    for group in groups:
        of_project.setdefault((group.project_id, group.project_manager_id), []).append(group)
    projects = [
        DueProject(
            project_id=project_id,
            project_name=found[0].project_name,
            project_manager_id=manager_id,
            project_manager_name=found[0].project_manager_name,
            project_manager_email=found[0].project_manager_email,
            target_groups=len(found),
            completes=sum(group.eligible_completes or 0 for group in found),
            money=sum_money(group.monetary_amount for group in found),
        )
        for (project_id, manager_id), found in of_project.items()
    ]
    return tuple(sorted(projects, key=lambda one: (one.project_name or "", one.project_id or "")))


def _is_known(amount: Money | None) -> bool:
    return amount is not None and amount.value is not None and amount.currency_code is not None


def sum_money(amounts: Iterable[Money | None]) -> tuple[Money, ...]:
    """Return the sum of each currency, by its code; amounts that are not known are left out."""
    sums: dict[str, Decimal] = {}
    for amount in amounts:
        if amount is not None and amount.value is not None and amount.currency_code is not None:
            sums[amount.currency_code] = sums.get(amount.currency_code, Decimal(0)) + amount.value
    return tuple(Money(value=sums[code], currency_code=code) for code in sorted(sums))


def show_money(money: Sequence[Money]) -> str:
    """Return sums of money as text, such as ``12.50 USD + 3.00 EUR``; ``an unknown amount`` if there is none."""
    return " + ".join(f"{one.value:,f} {one.currency_code}" for one in money) or "an unknown amount"
