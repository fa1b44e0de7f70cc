"""Snapshots: the state of target groups and of their quota cells at one time, as rows with stable names and units."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import TargetGroupProfiles
from fieldingkit.resources.target_group_changelog import ChangelogEntry, StatusChangeReason, TargetGroupChangeType
from fieldingkit.resources.target_group_progress import CompletesInterval
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus
from fieldingkit.results import Serializable, to_plain
from fieldingkit.sweeps.report import UnlistedProject
from fieldingkit.workflows.profile_difference import name_of, text_of

__all__ = [
    "CellSnapshot",
    "Detail",
    "DetailName",
    "GroupSnapshot",
    "Snapshot",
    "UnreadDetail",
    "cells_of",
    "completes_per_hour",
    "last_status_change",
]

DetailName = Literal["price", "period", "cells", "bid", "completes", "entrants", "reason"]
"""A detail as plain text."""

_HOUR = timedelta(hours=1)
_PACE_PERIOD = timedelta(hours=24)
_SHORT_COLUMNS = ("name", "status", "completes", "goal", "completes_per_hour", "price", "ends_at")


class Detail(StrEnum):
    """A part of a snapshot that the lists of target groups lack; it takes one request per target group."""

    PRICE = "price"
    """The price, the cost so far, and the project's name (``GetTargetGroupOverview``)."""
    PERIOD = "period"
    """The start and the end of fielding (``ListFieldingRuns``)."""
    CELLS = "cells"
    """The quota cells (``ListProfiles``)."""
    BID = "bid"
    """The expected incidence rate and length of interview (``GetTargetGroupDetails``)."""
    COMPLETES = "completes"
    """The completes by hour (``GetTargetGroupCompletes``)."""
    ENTRANTS = "entrants"
    """The number of entrants (``GetTargetGroupPerformance``)."""
    REASON = "reason"
    """The last status change, its reason and its time, of paused and completed target groups
    (``GetTargetGroupChangelog``)."""


@attrs.frozen(kw_only=True)
class CellSnapshot(Serializable):
    """The state of one quota cell."""

    profile: str
    """The profile's name."""
    name: str
    """The cell's name, or its conditions."""
    cell_id: str | None
    """The cell's id; the API gives a new one when the profiles are replaced."""
    completes: int | None
    """The number of completes; None if the API sent no readable one."""
    prescreens: int | None
    """The number of prescreens; None if the API sent no readable one."""
    goal: int | None
    """The number of completes wanted; None if the API sent no readable one."""

    @property
    def fill(self) -> float | None:
        """The share of the goal that is reached, from 0; None if it is not known or the goal is 0."""
        return self.completes / self.goal if self.completes is not None and self.goal else None


@attrs.frozen(kw_only=True)
class UnreadDetail(Serializable):
    """A detail of a target group that could not be read, in whole or in part. Its fields are None."""

    detail: str
    """The detail, or ``list`` for the entry in the list of target groups."""
    reason: str
    """The reason."""


@attrs.frozen(kw_only=True, repr=False)
class GroupSnapshot(Serializable):
    """The state of one target group. A field is None if its detail was not asked for, or could not be read."""

    read_at: datetime
    """The time at which its list was read, by the API's clock, UTC; details are read after it."""
    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    human_readable_id: str | None = None
    """The short id that people see."""
    name: str
    """The target group's name."""
    project_name: str | None = None
    """The project's name; from the detail ``price`` or the list of projects."""
    status: TargetGroupStatus
    """The status."""
    completes: int
    """The number of completes."""
    prescreens: int
    """The number of prescreens."""
    goal: int
    """The number of completes or prescreens wanted."""
    filling_strategy: FillingStrategy
    """The kind of respondents that the goal counts."""
    last_complete_at: datetime | None = None
    """The time of the latest complete, UTC."""
    conversion_rate: float | None = None
    """From 0 to 1."""
    drop_off_rate: float | None = None
    """From 0 to 1."""
    incidence_rate: float | None = None
    """From 0 to 1."""
    median_length_of_interview_seconds: int | None = None
    """The median length of an interview, in seconds."""
    average_price: Money | None = None
    """The average cost of a complete."""
    price: Money | None = None
    """The current cost of a complete; detail ``price``."""
    cost: Money | None = None
    """The cost of all completes so far; detail ``price``."""
    starts_at: datetime | None = None
    """The start of fielding, UTC; detail ``period``."""
    ends_at: datetime | None = None
    """The end of fielding, UTC; detail ``period``."""
    bid_incidence_rate: float | None = None
    """The expected incidence rate, from 0 to 1; detail ``bid``."""
    bid_length_of_interview_minutes: int | None = None
    """The expected length of an interview, in minutes; detail ``bid``."""
    entrants: int | None = None
    """The number of respondents who entered; detail ``entrants``."""
    completes_per_hour: float | None = None
    """The completes per hour of the last 24 hours of fielding, or of all of it if shorter; detail ``completes``."""
    reason_code: StatusChangeReason | None = None
    """The API's reason for the last status change; None if it has none, as a person's change; detail ``reason``."""
    status_changed_at: datetime | None = None
    """The time of the last status change, UTC; None if it is not known; detail ``reason``."""
    intervals: tuple[CompletesInterval, ...] | None = None
    """The total number of completes at the end of each hour of fielding; detail ``completes``."""
    cells: tuple[CellSnapshot, ...] | None = None
    """The quota cells, empty if there are none; control profiles are not listed by the API; detail ``cells``."""
    unread: tuple[UnreadDetail, ...] = ()
    """The details that could not be read, with the reason of each."""

    def row(self) -> dict[str, Any]:
        """Return the state as one flat dictionary without cells and intervals; the columns are always the same.

        An amount has two columns: ``price`` and ``price_currency``.
        """
        row: dict[str, Any] = {}
        for field in attrs.fields(GroupSnapshot):
            value = getattr(self, field.name)
            if field.name in {"average_price", "price", "cost"}:
                row[field.name] = None if value is None else value.value
                row[f"{field.name}_currency"] = None if value is None else value.currency_code
            elif field.name == "unread":
                row[field.name] = "; ".join(f"{one.detail}: {one.reason}" for one in self.unread) or None
            elif field.name not in {"intervals", "cells"}:
                row[field.name] = value if isinstance(value, datetime) else to_plain(value)
        return row

    def __repr__(self) -> str:
        return short_repr("GroupSnapshot", repr(self.name), self.status, f"{self.completes} of {self.goal}")


@attrs.frozen(kw_only=True, repr=False)
class Snapshot(Serializable):
    """The state of the target groups of a query."""

    at: datetime
    """The time at which the lists were read, by the API's clock, UTC."""
    groups: tuple[GroupSnapshot, ...]
    """The target groups, project by project."""
    details: tuple[Detail, ...] = ()
    """The details that were asked for."""
    unlisted: tuple[UnlistedProject, ...] = ()
    """The projects whose target groups could not be listed, with the reasons; none of these is in ``groups``."""
    selection: str = ""
    """The account and the filters of the query in words; empty for a snapshot that was not read from a query."""

    @property
    def is_complete(self) -> bool:
        """True if everything that was asked for could be read."""
        return not self.unlisted and not any(group.unread for group in self.groups)

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per target group, for ``pandas.DataFrame(snapshot.rows())`` and the like."""
        return [group.row() for group in self.groups]

    def cell_rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per quota cell, with the ids and the name of its target group."""
        return [
            {
                "read_at": group.read_at,
                "project_id": group.project_id,
                "target_group_id": group.target_group_id,
                "target_group_name": group.name,
                **cell.to_dict(),
                "fill": cell.fill,
            }
            for group in self.groups
            for cell in group.cells or ()
        ]

    def __repr__(self) -> str:
        unread = sum(bool(group.unread) for group in self.groups)
        return short_repr(
            "Snapshot",
            "1 target group" if len(self.groups) == 1 else f"{len(self.groups)} target groups",
            f"{unread} not fully read" if unread else None,
            f"{len(self.unlisted)} projects not listed" if self.unlisted else None,
        )

    def _repr_html_(self) -> str:
        rows = self.rows()
        return html_table(
            repr(self)[1:-1], _SHORT_COLUMNS, ([row[name] for name in _SHORT_COLUMNS] for row in rows), len(rows)
        )


def cells_of(profiles: TargetGroupProfiles) -> tuple[CellSnapshot, ...]:
    """Return the quota cells of a target group's profiles; profiles and targets without a quota have none."""
    return tuple(
        CellSnapshot(
            profile=name_of(profile),
            name=text_of(target) or target.quota.name or target.id or "a cell without a name",
            cell_id=target.id,
            completes=target.quota.completes,
            prescreens=target.quota.prescreens,
            goal=target.quota.quota_nominal if target.quota.completes_goal is None else target.quota.completes_goal,
        )
        for profile in profiles.profiles
        if profile.quotas_enabled
        for target in profile.targets
        if target.quota is not None
    )


def completes_per_hour(intervals: Sequence[CompletesInterval], at: datetime) -> float | None:
    """Return the completes per hour of the last 24 hours of fielding, or since its start if that is later.

    The count of an interval that is still in progress is the count of now.

    Args:
        intervals: The totals at the ends of hours, in order; before the first hour the total is 0.
        at: The time of the reading.

    Returns:
        The rate; None if there is no interval, or fielding has lasted less than an hour.
    """
    if not intervals:
        return None
    points = [
        (intervals[0].timestamp - _HOUR, 0),
        *((min(interval.timestamp, at), interval.count) for interval in intervals),
    ]
    until, latest = points[-1]
    since, earlier = next((point for point in reversed(points) if point[0] <= until - _PACE_PERIOD), points[0])
    return (latest - earlier) / ((until - since) / _HOUR) if until - since >= _HOUR else None


def last_status_change(entries: Sequence[ChangelogEntry]) -> tuple[StatusChangeReason | None, datetime | None]:
    """Return the reason and the time of the latest status change; None if it has none, or there is no status change."""
    changes = [
        (change.reason_code, entry.occurred_at)
        for entry in entries
        for change in entry.changes
        if change.object == TargetGroupChangeType.STATUS_CHANGE and entry.occurred_at is not None
    ]
    return max(changes, key=lambda one: one[1], default=(None, None))
