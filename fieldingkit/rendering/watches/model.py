"""The state of a watch as its renderers need it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

import attrs

__all__ = ["CONDITIONS", "CellView", "DeadlineView", "FindingView", "ForecastView", "GroupView", "WatchDocument"]

CONDITIONS: Final = ("trouble", "unknown", "well")
"""The conditions of a target group, the worst first."""


def _share(part: int, whole: int) -> float:
    return max(0.0, min(1.0, part / whole))


@attrs.frozen(kw_only=True)
class FindingView:
    """A finding."""

    rule: str
    """The rule in words."""
    part: str | None
    """The quota cell, or the deadline; None if it is about the whole."""
    seen: str
    """The figures that were seen."""
    since: datetime
    """The time since which it is so, UTC."""
    action: str
    """The next step."""
    confirmed: bool = True
    """False if it is not known whether it is over."""


@attrs.frozen(kw_only=True)
class CellView:
    """A quota cell."""

    name: str
    """The profile and the cell."""
    completes: int | None
    """The completes; None if they are not known."""
    goal: int | None
    """The goal; None if it is not known."""
    closes: str
    """The forecast of its close, in a few words; empty if there is none."""
    is_stuck: bool = False
    """True if a finding is about it."""

    @property
    def fill(self) -> float | None:
        """The share of the goal, from 0 to 1; None if it is not known or the goal is 0."""
        return _share(self.completes, self.goal) if self.completes is not None and self.goal else None


@attrs.frozen(kw_only=True)
class ForecastView:
    """A forecast."""

    at: datetime
    """The time of the forecast, UTC."""
    completes: int
    """The completes at that time."""
    earliest: datetime | None
    """The start of the range, UTC; None if it is not known."""
    expected: datetime | None
    """The middle of the range, UTC; None if it is not known."""
    latest: datetime | None
    """The end of the range, UTC; None if it may never close."""
    sentence: str
    """The forecast in a sentence."""
    fills: bool | None
    """True if it fills in time, False if not, None if that is not certain."""


@attrs.frozen(kw_only=True)
class GroupView:
    """A target group."""

    condition: str
    """One of ``CONDITIONS``."""
    target_group_id: str
    """The target group's ULID."""
    name: str
    """The name."""
    short_id: str | None
    """The short id that people see."""
    project_id: str
    """The project's ULID."""
    project_name: str | None
    """The project's name."""
    status: str
    """The status."""
    reached: int
    """The completes, or the prescreens if these count."""
    goal: int
    """The goal."""
    counted: str
    """``completes`` or ``prescreens``."""
    per_hour: float | None
    """The completes per hour; None if it is not known."""
    hourly: tuple[int, ...]
    """The completes of the latest hours, at most 24, oldest first; empty if they are not known."""
    counts: tuple[tuple[datetime, int], ...]
    """Times with the number of completes by then, oldest first."""
    starts_at: datetime | None
    """The start of fielding, UTC."""
    ends_at: datetime | None
    """The end of fielding, UTC."""
    closes: str
    """The forecast of its close, in a few words."""
    forecast: ForecastView | None
    """The forecast; None if there is none."""
    facts: Mapping[str, str]
    """Further figures by their names; unknown ones are left out."""
    findings: tuple[FindingView, ...]
    """The findings, the most urgent one first."""
    cells: tuple[CellView, ...]
    """The quota cells."""
    read_at: datetime
    """The time of the figures of the lists, UTC."""
    details_at: datetime | None
    """The time of all other figures, UTC; None if they were not read yet."""
    problems: tuple[str, ...]
    """The parts that could not be read, with the reasons."""

    @property
    def fill(self) -> float:
        """The share of the goal that is reached, from 0 to 1."""
        return _share(self.reached, self.goal) if self.goal else 1.0


@attrs.frozen(kw_only=True)
class DeadlineView:
    """The completes of a project and a manager that must be reconciled."""

    project: str
    """The project."""
    manager: str
    """The manager."""
    target_groups: int
    """The number of target groups."""
    completes: int
    """The number of completes."""
    money: str
    """Their cost."""
    is_urgent: bool
    """True if a finding is about it."""


@attrs.frozen(kw_only=True)
class WatchDocument:
    """The state of a watch."""

    at: datetime
    """The time of the latest attempt to read, UTC."""
    read_at: datetime
    """The time of the latest one in which something could be read, UTC."""
    every: float | None
    """Seconds from one read to the next; None if it was read once."""
    account_id: str | None
    """The account's number."""
    base_url: str
    """The API's base URL."""
    groups: tuple[GroupView, ...]
    """The target groups, those in trouble first."""
    problems: tuple[str, ...] = ()
    """The reads that failed, with the reasons."""
    notes: tuple[FindingView, ...] = ()
    """The findings that are not about a target group."""
    deadline: datetime | None = None
    """The end of the time for reconciliations, UTC; None if it is not known."""
    deadlines: tuple[DeadlineView, ...] = ()
    """The completes that must be reconciled until then."""
    due_at: datetime | None = None
    """The time at which they were read, UTC."""

    @cached_property
    def by_condition(self) -> Mapping[str, tuple[GroupView, ...]]:
        """The target groups of each condition."""
        return {condition: tuple(one for one in self.groups if one.condition == condition) for condition in CONDITIONS}

    @property
    def headline(self) -> str:
        """The state in a sentence."""
        total, counts = len(self.groups), {name: len(some) for name, some in self.by_condition.items()}
        unread = bool(self.problems or any(one.problems for one in self.groups))
        if not total:
            return f"No matching target groups{', but not all could be read' if unread else ''}"
        of_all = f"{total:,} target group{'' if total == 1 else 's'}"
        if counts["trouble"]:
            return f"{counts['trouble']:,} of {of_all} {'is' if counts['trouble'] == 1 else 'are'} in trouble" + (
                ", and not all could be read" if unread else ""
            )
        if self.notes:
            return "Reconciliations are due"
        if unread:
            return f"No trouble seen in {of_all}, but not all could be read"
        return f"All is well in {of_all}"

    @property
    def condition(self) -> str:
        """The worst condition; unknown if there is no target group, of which nothing can be said."""
        if self.by_condition["trouble"] or self.notes:
            return "trouble"
        return "unknown" if self.by_condition["unknown"] or self.problems or not self.groups else "well"
