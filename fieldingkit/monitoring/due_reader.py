"""``read_due``: the completes that must be reconciled next, of the projects that a query names."""

import attrs

from fieldingkit.monitoring.snapshot_reader import Reader
from fieldingkit.resources.reconciliations import DueMonth
from fieldingkit.sweeps.plan import TargetGroupQuery
from fieldingkit.workflows.due_reconciliations import DueReconciliations, due, sum_money

__all__ = ["read_due"]


async def read_due(reader: Reader, query: TargetGroupQuery) -> DueReconciliations:
    """Return what must be reconciled until the next deadline, or what is left at the one that is past.

    Args:
        reader: The client and the account.
        query: Its projects are selected. Its other filters say nothing of completes: a project that they no longer
            match would seem reconciled.

    Raises:
        FieldingKitError: if the list cannot be read to its end.
    """
    found = _selected(await due(reader.client, account_id=reader.account_id), query)
    if found.seconds_left > 0 or found.projects:
        return found
    return _selected(await due(reader.client, DueMonth.NEXT_MONTH, account_id=reader.account_id), query)


def _selected(found: DueReconciliations, query: TargetGroupQuery) -> DueReconciliations:
    named, excluded = query.project_ids, query.exclude_project_ids or ()
    if named is None and not excluded:
        return found

    def is_selected(project_id: str | None) -> bool:
        return (named is None or project_id in named) and project_id not in excluded

    groups = tuple(one for one in found.target_groups if is_selected(one.project_id))
    return attrs.evolve(
        found,
        completes=sum(one.eligible_completes or 0 for one in groups),
        money=sum_money(one.monetary_amount for one in groups),
        projects=tuple(one for one in found.projects if is_selected(one.project_id)),
        target_groups=groups,
    )
