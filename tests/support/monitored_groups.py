"""Snapshots of target groups in which all is well, to be changed by tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from fieldingkit.monitoring import CellSnapshot, Detail, GroupSnapshot, Snapshot
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def hours_after(hours: float) -> datetime:
    """Return the time so many hours after noon."""
    return NOON + timedelta(hours=hours)


def cell(name: str = "women", completes: int | None = 20, goal: int | None = 50) -> CellSnapshot:
    """Return a quota cell."""
    return CellSnapshot(profile="GENDER", name=name, cell_id=None, completes=completes, prescreens=None, goal=goal)


def live_group(**changes: Any) -> GroupSnapshot:
    """Return a live target group in which all is well, with some changes."""
    group: dict[str, Any] = {
        "read_at": NOON,
        "project_id": "p1",
        "target_group_id": "t1",
        "name": "Germany",
        "status": TargetGroupStatus.LIVE,
        "completes": 40,
        "prescreens": 60,
        "goal": 100,
        "filling_strategy": FillingStrategy.COMPLETES,
        "last_complete_at": hours_after(-1),
        "conversion_rate": 0.4,
        "drop_off_rate": 0.05,
        "incidence_rate": 0.5,
        "median_length_of_interview_seconds": 600,
        "price": Money(value=Decimal("2.50"), currency_code="USD"),
        "starts_at": hours_after(-24),
        "ends_at": hours_after(48),
        "bid_incidence_rate": 0.5,
        "bid_length_of_interview_minutes": 10,
        "entrants": 100,
        "cells": (cell("women"), cell("men")),
    }
    return GroupSnapshot(**{**group, **changes})


def full_snapshot(*groups: GroupSnapshot, at: datetime = NOON, **changes: Any) -> Snapshot:
    """Return a snapshot with all details."""
    return Snapshot(**{"at": at, "groups": groups, "details": tuple(Detail), **changes})
