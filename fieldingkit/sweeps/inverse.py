"""The inverse of a sweep: a plan that restores exactly the target groups that the sweep changed."""

import os
from collections.abc import Callable, Collection
from contextlib import ExitStack

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.discovery import FoundGroups, find_groups
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.history import check_history as read_history
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.interruption import TrackedCheckpoint, note_outcome
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan, derive_run_id
from fieldingkit.sweeps.previews import SweepPreview, make_preview
from fieldingkit.sweeps.progress import ProgressReporter
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepProgress, SweepReport
from fieldingkit.sweeps.state import FoundGroup

__all__ = ["preview_undo", "undo", "undo_plan"]

_SUFFIX = "-undo"


async def undo(
    client: AsyncClient,
    report: SweepReport,
    *,
    journal: Journal | str | os.PathLike[str] | None = None,
    on_progress: Callable[[SweepProgress], object] | None = None,
    check_history: bool = True,
) -> SweepReport:
    """Undo a pause or a resume: sweep the plan that ``undo_plan`` returns for its report.

    Target groups whose status was changed again after the sweep are skipped; see ``preview_undo``. Those whose outcome
    is unknown in the report stay unknown, and so do those that no job reported as updated. With a journal, calling it
    again resumes the undo, and checks again only the target groups that could not be checked.

    Args:
        client: The client to use; with a blocking one, ``client.call(undo, report)``.
        report: The report of the sweep to undo.
        journal: Where to record every step: an open journal, or the path of one.
        on_progress: Called with the progress after each step, in the client's event loop; first with the number of
            changelogs to read, and the seconds that this takes at the client's rate.
        check_history: False to undo without reading the changelog of each target group first, which takes one request
            a target group.

    Raises:
        InvalidCommandError: if nothing undoes the action, or the report is of another API or account.
        JournalError: if another process writes to the journal, or it cannot be written.
        FieldingKitError: if the target groups cannot be read; nothing was sent.

    Any other exception that ends the undo, such as a cancellation, has a note as for ``sweep``.
    """
    _check_account(client, report)
    plan = undo_plan(report)
    with ExitStack() as stack:
        if journal is not None and not isinstance(journal, Journal):
            journal = stack.enter_context(Journal(journal))
        checkpoint = TrackedCheckpoint.of(journal, plan.run_id)
        with note_outcome(plan, checkpoint):
            state = await checkpoint.load(plan, RunIdentity.of(client, plan))
            left = None if state is None else state.undecided()
            shown = None
            if left is None or left:
                shown = await preview_undo(
                    client, report, check_history=check_history, only=left, on_progress=on_progress
                )
        return await sweep(client, plan, journal=journal, on_progress=on_progress, preview=shown)


async def preview_undo(
    client: AsyncClient,
    report: SweepReport,
    *,
    check_history: bool = True,
    only: Collection[str] | None = None,
    on_progress: Callable[[SweepProgress], object] | None = None,
) -> SweepPreview:
    """Return what an undo would send, after reading the changelog of each target group. Nothing is changed.

    A target group is sent if its latest status change is the one that the sweep made: the only one since the API
    created the job, to the target status, before the end of the job, and by the same user, as far as the API names
    them. If it was changed again, it is skipped; if the changelog does not show it, or the outcome of the sweep is
    unknown, or no job reported it as updated, it is unknown. All times are the API's.

    Args:
        client: The client to use; with a blocking one, ``client.call(preview_undo, report)``.
        report: The report of the sweep to undo.
        check_history: False to leave out the changelogs, which take one request a target group.
        only: The target groups to preview; None for all.
        on_progress: Called with the number of changelogs to read, and the seconds that this takes.

    Raises:
        InvalidCommandError: if nothing undoes the action, or the report is of another API or account.
        FieldingKitError: if the target groups cannot be read.
    """
    plan = undo_plan(report)
    _check_account(client, report)
    wanted = _limited(plan, only)
    found = await find_groups(client, wanted) if wanted.target_groups else FoundGroups((), ())
    groups = {group.target_group_id: group for group in found.groups}
    for row in (*report.of(Outcome.UNKNOWN), *report.unclaimed):
        if only is None or row.target_group_id in only:
            groups[row.target_group_id] = _unknown(report, row)
    if check_history:
        rows = [report.by_id[id_] for id_, group in groups.items() if group.settled(plan.action) is None]
        ProgressReporter(client, plan, on_progress).checking(len(rows))
        for id_, verdict in (await read_history(client, report, rows)).items():
            groups[id_] = attrs.evolve(groups[id_], outcome=verdict.outcome, reason=verdict.reason)
    return make_preview(client, plan, FoundGroups(tuple(groups.values()), report.unlisted, report.projects))


def _limited(plan: SweepPlan, only: Collection[str] | None) -> SweepPlan:
    """Return the plan with some of its target groups."""
    if only is None:
        return plan
    groups = {
        project_id: kept
        for project_id, ids in (plan.target_groups or {}).items()
        if (kept := [id_ for id_ in ids if id_ in only])
    }
    return attrs.evolve(plan, target_groups=groups)


def _unknown(report: SweepReport, row: GroupOutcome) -> FoundGroup:
    """Return a target group that an undo does not touch, because the sweep may have changed it or not."""
    reason = f"the outcome of the {report.action} is unknown"
    if row.outcome is Outcome.UNCHANGED:
        reason = f"it was read as {report.action.target}, and it is not known which change was this sweep's"
    return FoundGroup(
        row.target_group_id,
        row.project_id,
        outcome=Outcome.UNKNOWN,
        reason=f"not undone: {reason}",
        name=row.name,
        short_id=row.short_id,
    )


def _check_account(client: AsyncClient, report: SweepReport) -> None:
    """Refuse a report of another API or account than the client's."""
    identity = RunIdentity.of(client, report.plan)
    reported = attrs.evolve(identity, base_url=report.base_url, account_id=report.account_id)
    if difference := reported.mismatch(identity):
        raise InvalidCommandError(f"{difference}; nothing was sent", field="report")


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
        run_id=derive_run_id(plan.run_id, _SUFFIX),
        undoes=plan.run_id,
        check_status_first=True,
        first=None,  # an undo has no first part of its own
    )
