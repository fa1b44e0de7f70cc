"""The state of target groups as a tool returns it."""

from datetime import datetime
from typing import Final

from fieldingkit.mcp.outputs import Amount, ApiText, Output, amount, api_code, api_text, cut_note
from fieldingkit.mcp.portions import PortionInfo
from fieldingkit.monitoring.snapshots import CellSnapshot, GroupSnapshot

__all__ = ["MOST_CELLS", "GroupFigures", "SnapshotOutput", "Unread", "cells_cut", "figures_of", "unread_of"]

MOST_CELLS: Final = 20
"""Quota cells shown of a target group."""


class Cell(Output):
    """A quota cell."""

    profile: ApiText | None
    """Its profile."""
    name: ApiText | None
    """Its name or conditions."""
    completes: int | None
    """Its completes; null if not known."""
    goal: int | None
    """Its goal; null if not known."""


class Unread(Output):
    """A detail that could not be read. Its figures are null, and nothing follows from that."""

    detail: str | None
    """The detail."""
    reason: ApiText | None
    """The reason."""


class GroupFigures(Output):
    """The state of a target group. A figure is null if its detail was not asked for, or is not known."""

    project_id: str
    """Its project's id."""
    target_group_id: str
    """Its id."""
    name: ApiText | None
    """Its name."""
    status: str | None
    """Its status."""
    completes: int
    """Its completes."""
    prescreens: int
    """Its prescreens."""
    goal: int
    """The completes or prescreens wanted."""
    goal_counts: str | None
    """The kind of respondents that the goal counts: completes, prescreens or automated."""
    last_complete_at: datetime | None
    """The time of the latest complete, UTC."""
    conversion_rate: float | None
    """From 0 to 1."""
    drop_off_rate: float | None
    """From 0 to 1."""
    incidence_rate: float | None
    """From 0 to 1."""
    bid_incidence_rate: float | None
    """The expected incidence rate, from 0 to 1; detail bid."""
    median_length_minutes: float | None
    """The median length of an interview, in minutes."""
    bid_length_minutes: int | None
    """The expected length of an interview, in minutes; detail bid."""
    entrants: int | None
    """The respondents who entered; detail entrants."""
    completes_per_hour: float | None
    """In the last 24 hours of fielding; detail completes."""
    price: Amount | None
    """The current price of a complete; detail price."""
    cost: Amount | None
    """The cost of all completes so far; detail price."""
    starts_at: datetime | None
    """The start of fielding, UTC; detail period."""
    ends_at: datetime | None
    """The end of fielding, UTC; detail period."""
    reason_code: str | None
    """The API's reason for its last status change; null after a person's change; detail reason. Ask explain."""
    cells: list[Cell] | None
    """Its quota cells; detail cells."""
    cells_cut: str | None
    """The quota cells that are not shown; null if all are."""
    unread: list[Unread]
    """The details that could not be read."""


class SnapshotOutput(Output):
    """The state of target groups."""

    portion: PortionInfo
    """The extent of this portion."""
    target_groups: list[GroupFigures]
    """Their state."""


def figures_of(one: GroupSnapshot) -> GroupFigures:
    """Return the state of a target group."""
    seconds = one.median_length_of_interview_seconds
    cells = one.cells or ()
    return GroupFigures(
        project_id=one.project_id,
        target_group_id=one.target_group_id,
        name=api_text(one.name),
        status=api_code(one.status),
        completes=one.completes,
        prescreens=one.prescreens,
        goal=one.goal,
        goal_counts=api_code(one.filling_strategy),
        last_complete_at=one.last_complete_at,
        conversion_rate=one.conversion_rate,
        drop_off_rate=one.drop_off_rate,
        incidence_rate=one.incidence_rate,
        bid_incidence_rate=one.bid_incidence_rate,
        median_length_minutes=None if seconds is None else round(seconds / 60, 1),
        bid_length_minutes=one.bid_length_of_interview_minutes,
        entrants=one.entrants,
        completes_per_hour=None if one.completes_per_hour is None else round(one.completes_per_hour, 2),
        price=amount(one.price),
        cost=amount(one.cost),
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        reason_code=api_code(one.reason_code),
        cells=None if one.cells is None else [_cell(cell) for cell in cells[:MOST_CELLS]],
        cells_cut=cells_cut(len(cells)),
        unread=unread_of(one),
    )


def _cell(cell: CellSnapshot) -> Cell:
    return Cell(profile=api_text(cell.profile), name=api_text(cell.name), completes=cell.completes, goal=cell.goal)


def cells_cut(number: int) -> str | None:
    """Return the sentence about the quota cells that are not shown; None if all are."""
    return cut_note(number - MOST_CELLS, "quota cell", "The user can see them with fieldingkit watch.")


def unread_of(one: GroupSnapshot) -> list[Unread]:
    """Return the details of a target group that could not be read."""
    return [Unread(detail=api_code(part.detail), reason=api_text(part.reason)) for part in one.unread]
