"""Continuation: choose the run that the same command goes back to, and merge the reports of a run and its successor."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, InvalidCommandError, TransportError
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.discovery import FoundGroups, read_groups
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import RunSummary
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepReport
from fieldingkit.sweeps.state import FoundGroup

__all__ = ["RunChoice", "choose_run", "find_earlier", "merge"]

_NOT_ACTED_ON = frozenset({Outcome.UPDATED, Outcome.SKIPPED, Outcome.UNKNOWN})
_KEPT = frozenset({Outcome.UPDATED, Outcome.UNCHANGED, Outcome.FAILED, Outcome.SKIPPED})
"""The outcomes of an earlier run that stand if the target group cannot be read."""


class RunChoice(NamedTuple):
    """What a sweep should do with the runs of a journal."""

    kind: Literal["new", "resume", "continue"]
    """``new`` for a new run; ``resume`` for exactly the run that was named; ``continue`` for a new run that first
    finishes the open jobs of an interrupted one, and discovers anew what to send."""
    run: RunSummary | None = None
    """The run to resume or to continue."""
    too_old: RunSummary | None = None
    """An interrupted run of the same plan that is not continued because of its age."""
    chain: tuple[str, ...] = ()
    """The ids of the run and of those that it continues itself, whose reports are merged."""


def choose_run(
    runs: Sequence[RunSummary],
    identity: RunIdentity,
    fingerprint: str,
    *,
    now: datetime,
    named: bool = False,
    max_age: timedelta = timedelta(hours=1),
) -> RunChoice:
    """Choose between a new run, the run with the given id, and the continuation of an interrupted run.

    A run is interrupted until it has finished and its report was delivered: a run that ended before that has changed
    what no report says.
    An interrupted run is never resumed as it was without its id: "all live target groups" means those that are live
    when the command runs. It is continued instead, so that its open jobs are polled to their end and reported.

    Args:
        runs: The runs of a journal, in any order.
        identity: The API, the account and the run id of the sweep.
        fingerprint: The fingerprint of its plan.
        now: The present time, UTC.
        named: Whether the run id was given; then only the run with this id is chosen.
        max_age: The largest age of a run to continue, and of the run that it continues itself.

    Raises:
        InvalidCommandError: if the named run is of another plan.
    """
    known = {run.run_id: run for run in runs if run.discovered_at is not None}  # nothing was sent by the others
    if named:
        run = known.get(identity.run_id)
        if run is not None and run.fingerprint != fingerprint:
            raise InvalidCommandError(f"the run {run.run_id} is of another plan", field="run_id")
        return RunChoice("new") if run is None else RunChoice("resume", run, chain=_ids(_chain(run, known)))
    superseded = {run.continues for run in known.values()}
    for run in sorted(known.values(), key=lambda run: run.started_at, reverse=True):
        chain = _chain(run, known)
        first = chain[-1]
        place = (run.base_url, run.account_id)
        reported = run.finished_at is not None and run.reported_at is not None
        if reported or run.run_id in superseded or first.fingerprint != fingerprint:
            continue
        if place != (identity.base_url, identity.account_id):
            continue
        if now - first.started_at <= max_age:
            return RunChoice("continue", run, chain=_ids(chain))
        return RunChoice("new", too_old=run)
    return RunChoice("new")


def _chain(run: RunSummary, known: Mapping[str, RunSummary]) -> list[RunSummary]:
    """Return a run and those that it continues, the first one last."""
    chain = [run]
    while (earlier := known.get(chain[-1].continues or "")) is not None and earlier not in chain:
        chain.append(earlier)
    return chain


def _ids(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    return tuple(run.run_id for run in runs)


def merge(*reports: SweepReport) -> SweepReport:
    """Return one report of a run and the runs that continue it.

    Each target group appears once, with its last outcome and its status before the first change, so that an undo of
    the merged report covers all runs. The run id, times and stragglers are those of the last run.

    Args:
        reports: The reports, in the order of the runs.
    """
    *earlier, last = reports
    if not earlier:
        return last
    rows: dict[str, GroupOutcome] = {}
    for report in reports:
        for row in report.groups:
            rows[row.target_group_id] = _merge_rows(rows.get(row.target_group_id), row)
    projects = {project.project_id: project for report in reports for project in report.projects}
    return attrs.evolve(
        last,
        plan=attrs.evolve(reports[0].plan, run_id=last.run_id),
        groups=tuple(rows.values()),
        jobs=tuple(job for report in reports for job in report.jobs),
        projects=tuple(projects.values()),
        continues=earlier[-1].run_id,
    )


def _merge_rows(earlier: GroupOutcome | None, later: GroupOutcome) -> GroupOutcome:
    """Return the outcome of a target group that two runs contain."""
    if earlier is None:
        return later
    was, now = earlier.outcome, later.outcome
    named = attrs.evolve(later, name=later.name or earlier.name, short_id=later.short_id or earlier.short_id)
    if was is Outcome.UNKNOWN and now is Outcome.SKIPPED:
        previous = earlier.previous_status or later.previous_status
        return attrs.evolve(named, previous_status=previous, job_id=earlier.job_id)
    if was is now is Outcome.SKIPPED and later.reason == earlier.reason:
        return attrs.evolve(earlier, name=named.name, short_id=named.short_id)
    if later.job_id is None and now in _NOT_ACTED_ON and earlier.job_id is not None:
        return earlier  # the later run did not send it, and the earlier run has a job with it
    if now is Outcome.UNCHANGED and was is Outcome.UPDATED:
        return attrs.evolve(earlier, verified=True, name=named.name, short_id=named.short_id)
    may_be_ours = was is Outcome.UNKNOWN or (was is Outcome.UNCHANGED and earlier.verified)
    if now is Outcome.UNCHANGED and (may_be_ours or earlier.job_id is not None):
        return attrs.evolve(
            named,
            verified=True,
            previous_status=earlier.previous_status or later.previous_status,
            job_id=earlier.job_id,
            reason=earlier.reason,
        )
    if was is Outcome.UPDATED or later.previous_status is None:
        return attrs.evolve(named, previous_status=earlier.previous_status)
    return named


async def find_earlier(client: AsyncClient, plan: SweepPlan, found: FoundGroups, earlier: SweepReport) -> FoundGroups:
    """Return what a plan finds, and the target groups of earlier runs that it does not find any more, read again.

    A target group that an earlier job may still change is not sent again: its outcome stays unknown, unless it has the
    target status, or a status that does not allow the action.

    Args:
        client: The client to use.
        plan: The plan.
        found: The target groups that the plan finds now.
        earlier: The report of the earlier runs.
    """
    by_id = {group.target_group_id: group for group in found.groups}
    missing: dict[str, list[str]] = {}
    for row in earlier.groups:
        if row.target_group_id not in by_id:
            missing.setdefault(row.project_id, []).append(row.target_group_id)
    unlisted = {project.project_id: project.reason for project in found.unlisted}

    async def read(project_id: str) -> None:
        ids, reason = missing[project_id], unlisted.get(project_id)
        if reason is None:
            try:
                groups = await read_groups(client, plan.account_id, project_id, ids)
            except (ApiError, TransportError, DecodeError) as exc:
                reason = exc.message
            else:
                by_id.update(groups.found)
                by_id.update((id_, _unread(id_, project_id, text)) for id_, text in groups.unread.items())
        absent = "it was not found any more" if reason is None else reason
        by_id.update((id_, _unread(id_, project_id, absent)) for id_ in ids if id_ not in by_id)

    await run_limited(list(missing), read, limit=16)
    rows = earlier.by_id
    groups = (_after(plan, group, rows.get(id_)) for id_, group in by_id.items())
    return FoundGroups(tuple(groups), found.unlisted, found.projects)


def _unread(target_group_id: str, project_id: str, reason: str) -> FoundGroup:
    return FoundGroup(target_group_id, project_id, outcome=Outcome.UNKNOWN, reason=f"it could not be read: {reason}")


def _after(plan: SweepPlan, group: FoundGroup, earlier: GroupOutcome | None) -> FoundGroup:
    """Return a target group with the outcome that an earlier run leaves it, if it must not be sent again."""
    if earlier is None or group.outcome is not None:
        return group
    named = attrs.evolve(group, name=group.name or earlier.name, short_id=group.short_id or earlier.short_id)
    if group.status is None and earlier.outcome in _KEPT:
        return attrs.evolve(named, outcome=earlier.outcome, reason=earlier.reason)
    ended = group.status is not None and group.status not in plan.action.sources | {plan.action.target}
    if earlier.outcome is Outcome.UNKNOWN and ended:
        # No job can change it any more, so that repeating the command would find out nothing else.
        reason = f"it is {group.status} now; it is not known whether it was {plan.action.target} before"
        return attrs.evolve(named, outcome=Outcome.SKIPPED, reason=reason)
    if earlier.outcome is Outcome.SKIPPED and ended and earlier.previous_status in plan.action.sources:
        return attrs.evolve(named, outcome=Outcome.SKIPPED, reason=earlier.reason)  # it ended like that before
    if earlier.outcome is Outcome.UNKNOWN and not ended and group.status != plan.action.target:
        return attrs.evolve(named, outcome=Outcome.UNKNOWN, reason=earlier.reason)
    return named
