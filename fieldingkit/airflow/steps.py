"""The steps that one try of a task takes of its sweep, and the target groups that another task's sweep changed."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import attrs

from fieldingkit.airflow.checkpoint import TaskStateCheckpoint
from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.inverse import preview_undo
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepJob, SweepProgress, SweepReport
from fieldingkit.sweeps.steps import Step, discover, settle
from fieldingkit.sweeps.stragglers import sweep_stragglers
from fieldingkit.sweeps.verification import verify

__all__ = ["PreviewFunction", "StepResult", "changed_groups", "preview_changed", "take_step"]


PreviewFunction = Callable[[AsyncClient, Collection[str] | None], Awaitable[SweepPreview | None]]
"""Reads the target groups of a sweep before anything is sent; returns None to discover them as usual.

The second argument is None for a new sweep, and otherwise has the target groups that an earlier try could not check.
"""


class StepResult(NamedTuple):
    """The result of a step."""

    sweep: SweepContext
    """The sweep."""
    tokens: tuple[str, ...]
    """The tokens of the jobs to wait for."""


async def take_step(
    client: AsyncClient,
    plan: SweepPlan,
    checkpoint: TaskStateCheckpoint,
    step: Step,
    *,
    preview: PreviewFunction | None = None,
    verify_statuses: bool = True,
    until_none_left: bool = False,
) -> StepResult:
    """Take the next step of a sweep; after the last one, finish the run and verify it, and sweep its stragglers.

    Args:
        client: The client to use.
        plan: The plan.
        checkpoint: The task's checkpoint. A sweep in it is continued.
        step: The step.
        preview: Called before a new sweep, and before one with target groups that could not be checked.
        verify_statuses: False to leave out the reading of the statuses after the last job.
        until_none_left: True to sweep the stragglers as well, with the same step.

    Raises:
        InvalidCommandError: if the sweep to undo is of another API or account.
        JournalError: if the checkpoint is of another API or account.
        FieldingKitError: if no project can be read; nothing was sent.
    """
    shown = None
    if preview is not None:
        earlier = await checkpoint.load(plan, RunIdentity.of(client, plan))
        unchecked = None if earlier is None else earlier.undecided()
        if unchecked is None or unchecked:
            shown = await preview(client, unchecked)
    sweep = await discover(client, plan, checkpoint, preview=shown)
    tokens = await step(sweep)
    state = sweep.state
    if tokens or state.settled < len(state.chunks):
        return StepResult(sweep, tokens)
    await settle(sweep)  # there is nothing left to do, so this only records the end of the run
    if verify_statuses and (state.verification_due or (until_none_left and sweep.as_of is None)):
        sweep = attrs.evolve(sweep, as_of=None)  # its statuses are read now
        await verify(sweep)
    return StepResult(*await sweep_stragglers(sweep, step)) if until_none_left else StepResult(sweep, ())


async def preview_changed(
    client: AsyncClient,
    unchecked: Collection[str] | None,
    *,
    plan: SweepPlan,
    details: Mapping[str, Any],
    check_history: bool,
    on_progress: Callable[[SweepProgress], object],
) -> SweepPreview | None:
    """Return what a sweep of the target groups that another task changed would send; None if it does not undo them.

    Target groups whose status was changed again are skipped, and those whose outcome was unknown stay unknown.

    Args:
        client: The client to use.
        unchecked: The target groups that an earlier try could not check; None for a new sweep.
        plan: The plan.
        details: The details of the other task's result.
        check_history: False to read no changelogs.
        on_progress: Called with the number of changelogs to read, and the seconds that this takes.

    Raises:
        InvalidCommandError: if the other sweep is of another API or account.
        FieldingKitError: if the target groups cannot be read.
    """
    identity = RunIdentity.of(client, plan)
    other = attrs.evolve(identity, base_url=details["base_url"], account_id=details["account_id"])
    if difference := other.mismatch(identity):
        raise InvalidCommandError(f"changed_by: {difference}; nothing was sent", field="changed_by")
    if Action(details["action"]).opposite != plan.action:
        return None
    report = _changed_report(details, plan)
    return await preview_undo(client, report, check_history=check_history, only=unchecked, on_progress=on_progress)


def changed_groups(details: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the target groups that another task's sweep changed, by project.

    Args:
        details: The details of its result.
    """
    groups: dict[str, tuple[str, ...]] = {}
    for entry in details["changed"]:
        groups[entry["project_id"]] = (*groups.get(entry["project_id"], ()), *entry["target_group_ids"])
    return groups


def _changed_report(details: Mapping[str, Any], plan: SweepPlan) -> SweepReport:
    """Return the report of a pause or a resume, with the target groups that it changed or may have changed."""
    action = Action(details["action"])
    (status,) = action.sources
    updated = [
        GroupOutcome(
            target_group_id=id_,
            project_id=entry["project_id"],
            outcome=Outcome.UPDATED,
            previous_status=status,
            job_id=entry["job_id"],
        )
        for entry in details["changed"]
        for id_ in entry["target_group_ids"]
    ]
    unknown = [row for row in details["problems"] if row["outcome"] == Outcome.UNKNOWN]
    uncertain = [
        GroupOutcome(
            target_group_id=row["target_group_id"],
            project_id=row["project_id"],
            outcome=Outcome(row["outcome"]),
            verified=row["outcome"] == Outcome.UNCHANGED,
            name=row["name"],
            short_id=row["short_id"],
        )
        for row in (*unknown, *details["unclaimed"])
    ]
    return SweepReport(
        plan=attrs.evolve(plan, action=action),
        groups=(*updated, *uncertain),
        jobs=tuple(map(_job, details["jobs"])),
        base_url=details["base_url"],
        account_id=details["account_id"],
        started_at=datetime.fromisoformat(details["started_at"]),
    )


def _job(fields: Mapping[str, Any]) -> SweepJob:
    """Return a job from its plain fields, in which times are text."""
    plain: dict[str, Any] = {
        name: datetime.fromisoformat(value) if value is not None and name.endswith("_at") else value
        for name, value in fields.items()
    }
    return SweepJob(**plain)
