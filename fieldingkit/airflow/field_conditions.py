"""Conditions of a field: it is closed, it will end before its goal, or its soft launch has a step to take."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import attrs

from fieldingkit.airflow.conditions import Condition, ConditionResult, GroupCondition
from fieldingkit.airflow.params import parse_fields
from fieldingkit.client import AsyncClient
from fieldingkit.errors import WorkflowError
from fieldingkit.monitoring.evaluation import evaluate
from fieldingkit.monitoring.group_forecasts import forecast_group
from fieldingkit.monitoring.rules import EndBeforeGoal, RuleName, Rules
from fieldingkit.monitoring.snapshot_reader import snapshot
from fieldingkit.monitoring.snapshots import Detail, GroupSnapshot, Snapshot
from fieldingkit.monitoring.soft_launches.limits import SoftLaunchCheck, SoftLaunchLimit
from fieldingkit.monitoring.soft_launches.workflow import soft_launch_is_due
from fieldingkit.rendering.text import pluralize
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["ClosedCondition", "ForecastCondition", "SoftLaunchCondition"]

_FORECAST_DETAILS = {Detail.PERIOD: "ends_at", Detail.COMPLETES: "intervals", Detail.CELLS: "cells"}
"""The details that a forecast needs, with a field that is None if the detail could not be read."""
_ENDED = (TargetGroupStatus.COMPLETED, TargetGroupStatus.ARCHIVED)
_MAX_REASONS = 3


@attrs.frozen(kw_only=True)
class ClosedCondition(GroupCondition):
    """All target groups are closed: completed, archived, or with their goal reached."""

    async def read(self, client: AsyncClient) -> ConditionResult:
        """Read once whether it is met. A query that matches no target group does not meet it.

        Args:
            client: The client to use.

        Raises:
            WorkflowError: if a part of the target groups cannot be read.
            FieldingKitError: if nothing can be read.
        """
        seen = await _snapshot(client, self)
        _check_complete(seen)
        value = {
            "target_groups": len(seen.groups),
            "statuses": dict(Counter(group.status.value for group in seen.groups)),
            "goals_reached": sum(map(_is_full, seen.groups)),
        }
        return ConditionResult(bool(seen.groups) and all(map(_is_closed, seen.groups)), value)


@attrs.frozen(kw_only=True)
class ForecastCondition(GroupCondition):
    """A live target group will probably end before its goal is reached."""

    chance: float = 0.5
    """The lowest probability of filling in time that is accepted, from 0 to 1."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        EndBeforeGoal(chance=self.chance)

    async def read(self, client: AsyncClient) -> ConditionResult:
        """Read once whether it is met. It can no longer be met when all target groups are closed.

        Args:
            client: The client to use.

        Raises:
            WorkflowError: if a part of the target groups cannot be read, and no other one meets it.
            FieldingKitError: if nothing can be read.
        """
        seen = await _snapshot(client, self, live_only=True)
        read = [group for group in seen.groups if not any(_unread(group))]
        forecasts = {group.target_group_id: await asyncio.to_thread(forecast_group, [group]) for group in read}
        findings = evaluate(seen, _only_end_before_goal(self.chance), forecasts=forecasts)
        value = {
            "target_groups": len(seen.groups),
            "findings": [finding.to_dict() for finding in findings.found],
            "unknown": [figure.to_dict() for figure in findings.unknown],
        }
        if findings.found:
            return ConditionResult(True, value)
        _check_complete(seen)
        return ConditionResult(False, value, "" if seen.groups else await self._reason_for_none(client))

    async def _reason_for_none(self, client: AsyncClient) -> str:
        """Return why there will be no live target group any more; empty if there may be one."""
        seen = await _snapshot(client, self)
        _check_complete(seen)
        if not seen.groups or not all(map(_is_closed, seen.groups)):
            return ""
        return f"no forecast was past the end of fielding, and {pluralize(len(seen.groups), 'target group')} closed"


def _until(value: object) -> SoftLaunchLimit:
    return parse_fields(SoftLaunchLimit, "until", value)


def _check(value: object) -> SoftLaunchCheck:
    return parse_fields(SoftLaunchCheck, "check", value)


@attrs.frozen(kw_only=True)
class SoftLaunchCondition(Condition):
    """A soft launch has another step to take than to wait for completes."""

    account_id: str | int | None = None
    """The account's number; None for the client's account."""
    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    until: SoftLaunchLimit = attrs.field(converter=_until)
    """The completes or the percentage of the goal to field first; a mapping of its fields is accepted as well."""
    check: SoftLaunchCheck = attrs.field(converter=_check)
    """The limits of the figures; a mapping of its fields is accepted as well."""

    @property
    def group(self) -> GetTargetGroup:
        """The command that reads the draft."""
        return GetTargetGroup(
            account_id=self.account_id, project_id=self.project_id, target_group_id=self.target_group_id
        )

    async def read(self, client: AsyncClient) -> ConditionResult:
        """Read once whether it is met.

        Args:
            client: The client to use.

        Raises:
            FieldingKitError: if the state cannot be read.
        """
        is_due = await soft_launch_is_due(client, self.group, until=self.until, check=self.check)
        return ConditionResult(is_due, {"target_group_id": self.target_group_id})


async def _snapshot(client: AsyncClient, condition: GroupCondition, *, live_only: bool = False) -> Snapshot:
    """Return the target groups of a condition; of live ones, with the details of a forecast.

    Raises:
        WorkflowError: if its only target group is not in the project.
    """
    details, status = ([*_FORECAST_DETAILS], (TargetGroupStatus.LIVE,)) if live_only else ([], None)
    if condition.query is not None:
        query = attrs.evolve(condition.query, status=status)
        return await snapshot(client, query, details=details, account_id=condition.account_id)
    project = TargetGroupQuery(project_ids=(cast("str", condition.project_id),))
    listed = _only(await snapshot(client, project, details=(), account_id=condition.account_id), condition)
    _check_complete(listed)
    if not listed.groups:
        raise WorkflowError(f"project {condition.project_id} has no target group {condition.target_group_id}")
    if not live_only:
        return listed
    # A query has no filter by id; one by short id saves the details of the other target groups.
    named = None if (short_id := listed.groups[0].human_readable_id) is None else (short_id,)
    query = attrs.evolve(project, status=status, human_readable_ids=named)
    return _only(await snapshot(client, query, details=details, account_id=condition.account_id), condition)


def _only(seen: Snapshot, condition: GroupCondition) -> Snapshot:
    return attrs.evolve(
        seen, groups=tuple(group for group in seen.groups if group.target_group_id == condition.target_group_id)
    )


def _check_complete(seen: Snapshot) -> None:
    """Raise an error that names what could not be read."""
    reasons = [f"project {project.project_id}: {project.reason}" for project in seen.unlisted]
    reasons += [reason for group in seen.groups for reason in _unread(group)]
    if reasons:
        more = f"; and {len(reasons) - _MAX_REASONS} more" if len(reasons) > _MAX_REASONS else ""
        raise WorkflowError(f"not all could be read: {'; '.join(reasons[:_MAX_REASONS])}{more}")


def _unread(group: GroupSnapshot) -> Iterator[str]:
    """Yield the details of a forecast that could not be read, with the reason of each."""
    for one in group.unread:
        field = _FORECAST_DETAILS.get(cast("Detail", one.detail))
        if field is not None and getattr(group, field) is None:
            yield f"{one.detail} of target group {group.target_group_id}: {one.reason}"


def _is_full(group: GroupSnapshot) -> bool:
    by_prescreens = group.filling_strategy == FillingStrategy.PRESCREENS
    return 0 < group.goal <= (group.prescreens if by_prescreens else group.completes)


def _is_closed(group: GroupSnapshot) -> bool:
    return group.status in _ENDED or (group.status != TargetGroupStatus.DRAFT and _is_full(group))


def _only_end_before_goal(chance: float) -> Rules:
    """Return rules that are all off but one."""
    rules: dict[str, Any] = {name.value: attrs.evolve(Rules()[name], enabled=False) for name in RuleName}
    rules[RuleName.END_BEFORE_GOAL.value] = EndBeforeGoal(chance=chance)
    return Rules(**rules)
