"""The inverse of a sweep: a plan that restores exactly the target groups that the sweep changed."""

import os
from collections.abc import Callable

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome, SweepProgress, SweepReport

__all__ = ["undo", "undo_plan"]

_SUFFIX = "-undo"
_MAX_RUN_ID = 100


async def undo(
    client: AsyncClient,
    report: SweepReport,
    *,
    journal: Journal | str | os.PathLike[str] | None = None,
    on_progress: Callable[[SweepProgress], object] | None = None,
) -> SweepReport:
    """Undo a pause or a resume: sweep the plan that ``undo_plan`` returns for its report.

    Args:
        client: The client to use; with a blocking one, ``client.call(undo, report)``.
        report: The report of the sweep to undo.
        journal: Where to record every step: an open journal, or the path of one.
        on_progress: Called with the progress after each step, in the client's event loop.

    Raises:
        InvalidCommandError: if nothing undoes the action.
        JournalError: if another process writes to the journal, or it cannot be written.
        FieldingKitError: if the target groups cannot be read; nothing was sent.
    """
    return await sweep(client, undo_plan(report), journal=journal, on_progress=on_progress)


def undo_plan(report: SweepReport) -> SweepPlan:
    """Return the plan that undoes a pause or a resume, for exactly the target groups that the sweep changed.

    Those are the updated target groups whose status allowed the action before. Unchanged target groups are left out,
    and so are those without a known previous status (``check_status_first=False``). The run id is the run id of the
    sweep with ``-undo`` appended, so that undoing twice has the effect of undoing once.

    Args:
        report: The report of the sweep to undo.

    Raises:
        InvalidCommandError: if nothing undoes the action.
    """
    plan = report.plan
    if plan.action.opposite is None:
        raise InvalidCommandError(f"a {plan.action} cannot be undone", field="action")
    changed: dict[str, list[str]] = {}
    for group in report.of(Outcome.UPDATED):
        if group.previous_status in plan.action.sources:
            changed.setdefault(group.project_id, []).append(group.target_group_id)
    return attrs.evolve(
        plan,
        action=plan.action.opposite,
        target_groups=changed,
        query=None,
        run_id=f"{plan.run_id[: _MAX_RUN_ID - len(_SUFFIX)]}{_SUFFIX}",
        check_status_first=True,
    )
