"""The schedule of a watch: which target groups are read in full next, and what a day of it costs. Pure functions."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import attrs

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.snapshots import Detail, GroupSnapshot
from fieldingkit.resources.target_groups import TargetGroupStatus

__all__ = ["FullRead", "details_to_read", "groups_to_read", "is_changed", "is_due", "requests_per_day", "thinned"]

SETTLED_DETAILS: Final = frozenset({Detail.PERIOD, Detail.BID})
"""The details that only people change. They are read less often than the others, as the fielding assistant is."""
SETTLED_FACTOR: Final = 6
"""The full reads from one read of these details to the next."""
IDLE_FACTOR: Final = 24
"""The factor by which a target group that is not live is read less often."""
STOPPED: Final = frozenset({TargetGroupStatus.PAUSED, TargetGroupStatus.COMPLETED})
"""The statuses that have a reason."""

_DAY: Final = 86_400.0
_TICK: Final = 1.0
"""Seconds by which an age may be too low: the API's clock is known to the second."""
_PAGE: Final = 100
_KEPT_HOURS: Final = 7 * 24.0
_APART_HOURS: Final = 3.0


@attrs.frozen(kw_only=True)
class FullRead:
    """A target group with all its details, which were read together."""

    group: GroupSnapshot
    """Its state at ``group.read_at``."""
    settled_at: datetime
    """The time at which the details were read that only people change, UTC."""


def groups_to_read(
    known: Mapping[str, FullRead], listed: Iterable[GroupSnapshot], *, refresh: float
) -> list[GroupSnapshot]:
    """Return the target groups whose details are due: new and changed ones first, then the oldest.

    A live target group is due after ``refresh`` seconds, another one after 24 times as long. Both are due at once if
    the list shows another status or goal.

    Args:
        known: The latest full reads by the id of the target group.
        listed: The target groups as the lists have them now.
        refresh: Seconds.
    """
    due: list[tuple[bool, float, GroupSnapshot]] = []
    for group in listed:
        read = known.get(group.target_group_id)
        if group.status == TargetGroupStatus.DRAFT:
            continue
        if read is None or is_changed(read.group, group):
            due.append((False, 0.0, group))
            continue
        factor = 1 if group.status == TargetGroupStatus.LIVE else IDLE_FACTOR
        if is_due(read.group.read_at, group.read_at, refresh * factor):
            due.append((True, read.group.read_at.timestamp(), group))
    return [group for *_, group in sorted(due, key=lambda one: one[:2])]


def details_to_read(read: FullRead | None, group: GroupSnapshot, *, refresh: float) -> tuple[Detail, ...]:
    """Return the details to read of a target group that is due.

    Those that only people change are kept for six times ``refresh`` seconds, unless they could not be read, or the
    status or the goal changed.

    Args:
        read: The latest full read; None if there is none.
        group: The target group as the list has it now.
        refresh: Seconds.
    """
    wanted = [detail for detail in Detail if detail is not Detail.REASON or group.status in STOPPED]
    if read is None or is_changed(read.group, group):
        return tuple(wanted)
    if is_due(read.settled_at, group.read_at, refresh * SETTLED_FACTOR):
        return tuple(wanted)
    unread = {one.detail for one in read.group.unread}
    return tuple(detail for detail in wanted if detail not in SETTLED_DETAILS or detail in unread)


def is_changed(before: GroupSnapshot, now: GroupSnapshot) -> bool:
    """Return True if the status or the goal is another one, so that all details must be read again."""
    return (before.status, before.goal) != (now.status, now.goal)


def is_due(before: datetime, now: datetime, after: float) -> bool:
    """Return True if so many seconds have passed."""
    return (now - before).total_seconds() >= after - _TICK


def thinned(snapshots: Iterable[GroupSnapshot], latest: GroupSnapshot) -> list[GroupSnapshot]:
    """Return the snapshots of a target group that its forecasts need: those of a week, three hours or more apart.

    Those of a status change are kept, because a forecast begins after a pause.

    Args:
        snapshots: The earlier ones, oldest first.
        latest: The one to add.
    """
    kept: list[GroupSnapshot] = []
    for one in snapshots:
        far = not kept or (one.read_at - kept[-1].read_at).total_seconds() >= _APART_HOURS * 3600
        recent = (latest.read_at - one.read_at).total_seconds() <= _KEPT_HOURS * 3600
        if recent and (far or one.status != kept[-1].status):
            kept.append(one)
    # Only the latest one needs the completes by hour, which begin with the start of fielding.
    return [*(attrs.evolve(one, intervals=None) for one in kept), latest]


def requests_per_day(groups: int, projects: int = 1, *, every: float = 300.0, refresh: float = 3600.0) -> int:
    """Return the largest number of requests of a day of watching, from the second day on.

    All target groups are taken to be live, and their statuses and goals to stay; a change takes eight requests, the
    first read eight for each target group. Events and repeated attempts are not counted.

    Args:
        groups: The number of target groups.
        projects: The number of projects that they belong to.
        every: Seconds from one read of the lists to the next.
        refresh: Seconds from one full read of a target group to the next.

    Raises:
        ConfigurationError: A number is negative, or a time is not above 0.
    """
    if groups < 0 or projects < 0 or not every > 0 or not refresh > 0:
        raise ConfigurationError("the numbers must not be negative, and the seconds must be above 0")
    refreshes = math.ceil(_DAY / refresh)
    lists = math.ceil(projects / _PAGE) + projects + groups // _PAGE
    details = (len(Detail) - len(SETTLED_DETAILS) - 1) * refreshes
    settled = (len(SETTLED_DETAILS) + 1) * math.ceil(refreshes / SETTLED_FACTOR)
    reconciliations = 2 * (1 + groups // _PAGE) * refreshes  # of this month, and after its deadline of the next one
    return math.ceil(_DAY / every) * lists + groups * (details + settled) + reconciliations
