"""The canary of a sweep: its first target groups, which are settled and read again before the others are sent."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs

from fieldingkit.errors import ClientClosedError, FieldingKitError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.discovery import read_groups
from fieldingkit.sweeps.report import Outcome, Straggler, SweepReport, UnlistedProject

__all__ = ["Proceed", "canary_ids", "read_canary"]

Proceed = Callable[[SweepReport], Awaitable[bool]]
"""Decides, by the report of the first target groups, whether the others are sent."""

_PROJECTS_AT_ONCE = 16


def canary_ids(context: SweepContext) -> frozenset[str]:
    """Return the first target groups of a plan with ``first``; none if there is nothing to decide after them.

    That is so if there are no others, or if some of the others were sent before: an earlier process decided then.
    """
    ids: set[str] = set()
    others = False
    for chunk in context.state.chunks:
        if len(ids) < (context.plan.first or 0) or ids.issuperset(chunk.ids):
            ids.update(chunk.ids)
        elif chunk.sent_at is not None:
            return frozenset()
        else:
            others = True
    return frozenset(ids) if others else frozenset()


async def read_canary(context: SweepContext, ids: frozenset[str]) -> SweepReport:
    """Return the report of the first target groups, after reading their statuses.

    Args:
        context: The sweep; the jobs of these target groups have ended.
        ids: The first target groups.
    """
    plan = context.plan
    whole = context.state.report(plan)
    groups = tuple(group for group in whole.groups if group.target_group_id in ids)
    claimed = [group for group in groups if group.outcome in (Outcome.UPDATED, Outcome.UNCHANGED)]
    by_project: dict[str, list[str]] = {}
    for group in claimed:
        by_project.setdefault(group.project_id, []).append(group.target_group_id)
    statuses: dict[str, TargetGroupStatus] = {}
    unverified: dict[str, str] = {}

    async def read(project_id: str) -> None:
        try:
            result = await read_groups(context.client, plan.account_id, project_id, by_project[project_id])
        except ClientClosedError:
            raise
        except FieldingKitError as exc:
            unverified[project_id] = exc.message
        else:
            statuses.update((id_, found.status) for id_, found in result.found.items() if found.status is not None)
            unverified.update((project_id, reason) for reason in result.unread.values())

    await run_limited(list(by_project), read, limit=_PROJECTS_AT_ONCE)
    stragglers = tuple(
        Straggler(
            target_group_id=group.target_group_id,
            project_id=group.project_id,
            status=statuses.get(group.target_group_id),
            reason="moved since",
            name=group.name,
            short_id=group.short_id,
        )
        for group in claimed
        if group.project_id not in unverified and statuses.get(group.target_group_id) != plan.action.target
    )
    return attrs.evolve(
        whole,
        groups=groups,
        unlisted=(),
        stragglers=stragglers,
        unverified=tuple(UnlistedProject(*item) for item in unverified.items()),
        verified_at=datetime.fromtimestamp(context.client.clock.wall(), UTC),
    )
