"""Stragglers: sweep the target groups that the verification of a sweep found without the target status."""

from collections.abc import Iterable, Mapping

import attrs

from fieldingkit.sweeps import verification
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.discovery import FoundGroups
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan, derive_run_id
from fieldingkit.sweeps.state import FoundGroup
from fieldingkit.sweeps.status_age import StatusAge
from fieldingkit.sweeps.steps import Step, new_run, resume_run, settle

__all__ = ["sweep_stragglers"]

_MAX_ROUNDS = 5
"""How often stragglers are swept, each time as a run of its own."""
_MAX_AGE = 3600.0
"""Seconds after the end of a run in which a later process still sweeps its stragglers."""
_ROUND = "-again-"
"""The part of the run id of such a run before its number."""


async def sweep_stragglers(context: SweepContext, step: Step = settle) -> tuple[SweepContext, tuple[str, ...]]:
    """Sweep the stragglers of a verified sweep in runs that continue each other, at most five, until there are none.

    Runs that an earlier process began are resumed. The stragglers that it found are read again first; an hour after the
    end of the run they are only reported, because people may have moved them since.

    Args:
        context: The sweep, after its verification.
        step: Advances each of the runs.

    Returns:
        The last run, and the tokens of the jobs to wait for. Once they have ended, a later call continues.
    """
    tokens: tuple[str, ...] = ()
    base, _, last = context.plan.run_id.partition(_ROUND)
    for number in range(_MAX_ROUNDS):
        run_id = derive_run_id(base, f"{_ROUND}{int(last or 0) + number + 1}")
        following = await _resume_round(context, run_id)
        if following is None and _ended_recently(context):
            if context.as_of is not None and context.state.stragglers:
                context = attrs.evolve(context, as_of=None)  # their statuses are read now
                await verification.verify(context)
            following = await _new_round(context, run_id)
        if following is None:
            break
        if following.as_of is None:
            tokens = await step(following)
            if not tokens and following.state.settled == len(following.state.chunks):
                await settle(following)  # there is nothing left to do, so this only records the end of the run
            if following.state.finished_at is None:
                return following, tokens
            await verification.verify(following)
        context = following
    return context, tokens


def _ended_recently(context: SweepContext) -> bool:
    ended_at = context.state.finished_at
    return ended_at is not None and context.client.clock.wall() - ended_at <= _MAX_AGE


async def _new_round(context: SweepContext, run_id: str) -> SweepContext | None:
    """Return a new run for the stragglers of another one; None if it has none that the action applies to."""
    found = [
        FoundGroup(item.target_group_id, item.project_id, item.status, name=item.name, short_id=item.short_id)
        for item in context.state.stragglers
        if item.status in context.plan.action.sources
    ]
    if not found:
        return None
    groups: dict[str, list[str]] = {}
    for group in found:
        groups.setdefault(group.project_id, []).append(group.target_group_id)
    plan = _plan_of_round(context, groups, run_id)
    checkpoint, started_at = context.checkpoint.for_run(run_id), context.client.clock.wall()
    identity = RunIdentity.of(context.client, plan)
    await checkpoint.discovering(plan, identity, started_at=started_at, continues=context.plan.run_id)
    following = new_run(
        context.client,
        plan,
        checkpoint,
        FoundGroups(tuple(found), context.state.unlisted, context.state.projects),
        (*context.continued, context),
        started_at=started_at,
        progress=context.progress,
    )
    # The verification may have failed to read what an earlier process had reported.
    earlier = context.earlier | following.earlier
    following = attrs.evolve(following, earlier=earlier, status_age=StatusAge(context.client.clock.now()))
    following.state.verifying = True
    await checkpoint.discovered(following.state)
    return following


async def _resume_round(context: SweepContext, run_id: str) -> SweepContext | None:
    """Return a run for stragglers that an earlier process began; None if there is none with this id."""
    checkpoint = context.checkpoint.for_run(run_id)
    plan = await checkpoint.plan()
    if plan is None:
        return None
    plan = _plan_of_round(context, plan.target_groups or {}, run_id)
    state = await checkpoint.load(plan, RunIdentity.of(context.client, plan))
    if state is None:
        return None
    state.unlisted = context.state.unlisted  # they may have been listed since
    continued = (*context.continued, context)
    resumed = await resume_run(context.client, plan, state, checkpoint, continued=continued, progress=context.progress)
    if context.as_of is None or state.verification_due:
        resumed = attrs.evolve(resumed, as_of=None)  # its statuses are read now
    state.verifying = resumed.as_of is None
    return resumed


def _plan_of_round(context: SweepContext, groups: Mapping[str, Iterable[str]], run_id: str) -> SweepPlan:
    """Return the plan of a run for stragglers, with the options of the plan that found them."""
    first = (*context.continued, context)[0]
    return attrs.evolve(first.plan, query=None, target_groups=groups, check_status_first=True, run_id=run_id)
