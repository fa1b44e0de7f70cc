"""The inverse of a sweep: a plan that restores exactly the target groups that the sweep changed."""

import os
from collections.abc import Callable
from datetime import datetime

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, InvalidCommandError, TransportError
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog, TargetGroupChangeType
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.discovery import find_groups, send_read
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview, make_preview
from fieldingkit.sweeps.report import Outcome, SweepProgress, SweepReport
from fieldingkit.sweeps.state import FoundGroup

__all__ = ["preview_undo", "undo", "undo_plan", "undo_run_id"]

_SUFFIX = "-undo"
_MAX_RUN_ID = 100
_READS_AT_ONCE = 16


async def undo(
    client: AsyncClient,
    report: SweepReport,
    *,
    journal: Journal | str | os.PathLike[str] | None = None,
    on_progress: Callable[[SweepProgress], object] | None = None,
    check_history: bool = True,
) -> SweepReport:
    """Undo a pause or a resume: sweep the plan that ``undo_plan`` returns for its report.

    Target groups whose status was changed again after the sweep are skipped; see ``preview_undo``.

    Args:
        client: The client to use; with a blocking one, ``client.call(undo, report)``.
        report: The report of the sweep to undo.
        journal: Where to record every step: an open journal, or the path of one.
        on_progress: Called with the progress after each step, in the client's event loop.
        check_history: False to undo without reading the changelog of each target group first, which takes one request
            a target group.

    Raises:
        InvalidCommandError: if nothing undoes the action, or the report is of another API or account.
        JournalError: if another process writes to the journal, or it cannot be written.
        FieldingKitError: if the target groups cannot be read; nothing was sent.
    """
    _check_account(client, report)
    shown = await preview_undo(client, report) if check_history else None
    return await sweep(client, undo_plan(report), journal=journal, on_progress=on_progress, preview=shown)


async def preview_undo(client: AsyncClient, report: SweepReport) -> SweepPreview:
    """Return what an undo would send, after reading the changelog of each target group. Nothing is changed.

    A target group is sent if its status was changed exactly once since the API created the job that changed it. If it
    was changed again, it is skipped; if the changelog does not show it, it is unknown. All times are the API's.

    Args:
        client: The client to use; with a blocking one, ``client.call(preview_undo, report)``.
        report: The report of the sweep to undo.

    Raises:
        InvalidCommandError: if nothing undoes the action, or the report is of another API or account.
        FieldingKitError: if the target groups cannot be read.
    """
    plan = undo_plan(report)
    _check_account(client, report)
    found = await find_groups(client, plan)
    created = {job.job_id: job.api_created_at for job in report.jobs}
    checked: dict[str, FoundGroup] = {}

    async def check(group: FoundGroup) -> None:
        job_id = report.by_id[group.target_group_id].job_id
        settled = await _check_history(client, plan, group, report.action, created.get(job_id or ""))
        if settled is not None:
            checked[group.target_group_id] = attrs.evolve(group, outcome=settled[0], reason=settled[1])

    to_send = [group for group in found.groups if group.settled(plan.action) is None]
    await run_limited(to_send, check, limit=_READS_AT_ONCE)
    groups = tuple(checked.get(group.target_group_id, group) for group in found.groups)
    return make_preview(client, plan, found._replace(groups=groups))


def _check_account(client: AsyncClient, report: SweepReport) -> None:
    """Refuse a report of another API or account than the client's."""
    identity = RunIdentity.of(client, report.plan)
    reported = attrs.evolve(identity, base_url=report.base_url, account_id=report.account_id)
    if difference := reported.mismatch(identity):
        raise InvalidCommandError(f"{difference}; nothing was sent", field="report")


async def _check_history(
    client: AsyncClient, plan: SweepPlan, group: FoundGroup, undone: Action, since: datetime | None
) -> tuple[Outcome, str] | None:
    """Return the outcome of a target group that must not be undone; None if only the sweep has changed its status."""
    if since is None:
        return Outcome.UNKNOWN, "not undone: the API's time of the job that changed it is not known"
    command = GetTargetGroupChangelog(
        account_id=plan.account_id,
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        change_types=[TargetGroupChangeType.STATUS_CHANGE],
    )
    await wait_for_capacity(client)
    try:
        page = await send_read(client, command)
    except (ApiError, TransportError, DecodeError) as exc:
        return Outcome.UNKNOWN, f"not undone: its changelog could not be read: {exc.message}"
    times = [entry.occurred_at for entry in page.changelog if entry.occurred_at is not None]
    if len(times) < len(page.changelog) or (page.next_cursor and times != sorted(times, reverse=True)):
        return Outcome.UNKNOWN, "not undone: its changelog does not show the latest change"
    later = [moment for moment in times if moment >= since]
    if len(later) > 1:
        return Outcome.SKIPPED, f"not undone: its status was changed again at {max(later):%Y-%m-%d %H:%M:%S} UTC"
    if not later:
        return Outcome.UNKNOWN, f"not undone: its changelog does not show the {undone}"
    return None


def undo_run_id(run_id: str) -> str:
    """Return the run id of the undo of a run."""
    return f"{run_id[: _MAX_RUN_ID - len(_SUFFIX)]}{_SUFFIX}"


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
        run_id=undo_run_id(plan.run_id),
        check_status_first=True,
    )
