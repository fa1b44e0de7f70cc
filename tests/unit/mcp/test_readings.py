"""The readings of earlier calls: a stuck quota cell is found by two of them, whichever calls they were."""

from datetime import timedelta

import pytest
from support.monitored_groups import NOON, cell, full_snapshot, hours_after, live_group

from fieldingkit.mcp import readings as readings_file
from fieldingkit.mcp.readings import EarlierReadings
from fieldingkit.monitoring import Findings, GroupSnapshot, Snapshot
from fieldingkit.monitoring.evaluation import evaluate
from fieldingkit.resources.target_groups import TargetGroupStatus


def group(hours: float, women: int = 20, total: int = 40, **changes: object) -> GroupSnapshot:
    """Return a live target group with two quota cells, read some hours after noon."""
    at = hours_after(hours)
    cells = (cell("women", women), cell("men", total - women, 500))
    known = {"read_at": at, "last_complete_at": at, "completes": total, "cells": cells, "goal": 1000}
    return live_group(**{**known, **changes})


def call(readings: EarlierReadings, *groups: GroupSnapshot, selection: str = "p1") -> Findings:
    """Evaluate target groups as a call does, and remember them."""
    snapshot: Snapshot = full_snapshot(*groups, at=groups[0].read_at, selection=selection)
    found = evaluate(snapshot, earlier=readings.before(snapshot), forecasts={})
    readings.add(snapshot, found)
    return found


def stuck(found: Findings) -> list[str | None]:
    """Return the target groups with a stuck cell."""
    return [one.target_group_id for one in found.found if one.rule == "cell_stuck"]


def test_the_first_reading_says_from_when_on_it_can_be_known() -> None:
    """Until then, no finding is no sign that the cells fill."""
    readings, first = EarlierReadings(), group(0)
    assert not stuck(call(readings, first))
    why = readings.too_early([first], 12)
    assert why is not None
    assert why.startswith(
        "Not checked yet for 1 of 1 target group with quota cells: it compares two readings, 12 hours"
    )
    assert "read the first one at 2026-03-05 12:00:00 UTC" in why
    assert "Ask again from 2026-03-06 00:00:00 UTC on, as long as this server runs." in why


def test_a_later_reading_finds_the_cell_that_had_no_complete_since_the_first() -> None:
    """Of another selection, too; a reading in between changes nothing."""
    readings = EarlierReadings()
    call(readings, group(0), group(0, target_group_id="t2"))
    call(readings, group(5, total=44), selection="another")
    late = group(12, total=48)
    found = call(readings, late, selection="a third")
    assert stuck(found) == ["t1"]
    assert [one.since for one in found.found if one.rule == "cell_stuck"] == [NOON]
    assert readings.too_early([late], 12) is None


def test_a_cell_that_got_a_complete_meanwhile_is_not_stuck() -> None:
    """It was checked, and is well."""
    readings = EarlierReadings()
    call(readings, group(0))
    late = group(12, women=21, total=48)
    assert not stuck(call(readings, late))
    assert readings.too_early([late], 12) is None


def test_readings_neither_open_nor_end_findings_of_another_call() -> None:
    """A trouble of one selection is no earlier finding of another, and what a call leaves out is not over."""
    readings = EarlierReadings()
    silent = live_group(last_complete_at=hours_after(-9))
    other = live_group(target_group_id="t2")
    assert [one.rule for one in call(readings, silent, selection="one").found] == ["no_completes"]
    found = call(readings, other, selection="two")
    assert (found.found, found.unconfirmed) == ((), ())
    before = readings.before(full_snapshot(silent, other, selection="three"))
    assert (before.open, {one.target_group_id for one in before.groups}) == ((), {"t1", "t2"})


@pytest.mark.parametrize(
    "changes",
    [
        {"cells": ()},
        {"cells": None},
        {"cells": (cell("women", 50), cell("men", 0))},
        {"status": TargetGroupStatus.PAUSED},
    ],
    ids=["no cells", "unread cells", "full and empty cells", "paused"],
)
def test_a_target_group_without_cells_to_compare_is_not_too_early(changes: dict[str, object]) -> None:
    """One reading is enough for full cells, and for empty ones with a known start; unread ones are unknown figures."""
    readings, one = EarlierReadings(), group(0, **changes)
    call(readings, one)
    assert readings.too_early([one], 12) is None


def test_cells_that_could_not_be_read_once_are_compared_with_the_reading_before() -> None:
    """A failed read in between is no new first reading."""
    readings = EarlierReadings()
    call(readings, group(0))
    call(readings, group(6, total=44, cells=None))
    assert stuck(call(readings, group(12, total=48))) == ["t1"]


def test_an_old_reading_is_forgotten() -> None:
    """After a week without a reading, the next one is a first one."""
    readings = EarlierReadings()
    call(readings, group(0))
    late = group(timedelta(days=7, seconds=1) / timedelta(hours=1), total=90)
    assert not stuck(call(readings, late))
    assert readings.too_early([late], 12) is not None


def test_the_readings_of_the_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that reads all its account for weeks fills no memory."""
    monkeypatch.setattr(readings_file, "_MOST", 2)
    readings = EarlierReadings()
    for hours, id_ in enumerate(["t1", "t2", "t1", "t3"]):
        call(readings, group(hours, target_group_id=id_))
    groups = [group(4, target_group_id=id_) for id_ in ("t1", "t2", "t3")]
    assert {one.target_group_id for one in readings.before(full_snapshot(*groups)).groups} == {"t1", "t3"}
