"""The schedule of a watch: pure functions that decide what is read, and what a day costs."""

from typing import Any

import attrs
import pytest
from support.monitored_groups import hours_after, live_group

from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring import Detail, GroupSnapshot, UnreadDetail, requests_per_day
from fieldingkit.monitoring.watches.schedule import FullRead, details_to_read, groups_to_read, thinned
from fieldingkit.resources.target_groups import TargetGroupStatus

HOUR = 3600.0
LIVE, PAUSED = TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED


def read_of(group: GroupSnapshot, settled_hours_ago: float = 0.0) -> FullRead:
    """Return the full read of a target group."""
    return FullRead(group=group, settled_at=hours_after(-settled_hours_ago))


def later(group: GroupSnapshot, hours: float, **changes: Any) -> GroupSnapshot:
    """Return the entry of a target group in a later list."""
    return attrs.evolve(group, read_at=hours_after(hours), **changes)


def test_a_live_group_is_due_after_the_refresh_time() -> None:
    """Its latest full read is as old as the refresh time."""
    group = live_group()
    known = {"t1": read_of(group)}
    assert groups_to_read(known, [later(group, 0.9)], refresh=HOUR) == []
    for seconds in (3599, 3600):  # the API's clock is known to the second
        assert groups_to_read(known, [later(group, seconds / 3600)], refresh=HOUR)


def test_a_group_that_is_not_live_is_due_a_day_later() -> None:
    """Little changes in a paused target group, so it costs a twenty-fourth."""
    group = live_group(status=PAUSED)
    known = {"t1": read_of(group)}
    assert groups_to_read(known, [later(group, 23.9)], refresh=HOUR) == []
    assert groups_to_read(known, [later(group, 24)], refresh=HOUR) == [later(group, 24)]


@pytest.mark.parametrize("change", [{"status": PAUSED}, {"goal": 200}])
def test_a_group_with_another_status_or_goal_is_due_at_once(change: dict[str, Any]) -> None:
    """The list shows such a change, and all details are read then."""
    group = live_group()
    changed = later(group, 0.1, **change)
    read = read_of(group)
    assert groups_to_read({"t1": read}, [changed], refresh=HOUR) == [changed]
    wanted = set(Detail) if change.get("status") is PAUSED else set(Detail) - {Detail.REASON}
    assert set(details_to_read(read, changed, refresh=HOUR)) == wanted


def test_new_groups_come_before_old_ones_and_drafts_never() -> None:
    """If the time is short, those of which nothing is known come first, then the oldest."""
    groups = [live_group(target_group_id=id_) for id_ in ("new", "old", "older", "draft")]
    listed = [later(one, 3) for one in groups[:3]] + [attrs.evolve(groups[3], status=TargetGroupStatus.DRAFT)]
    known = {"old": read_of(groups[1]), "older": read_of(attrs.evolve(groups[2], read_at=hours_after(-1)))}
    due = groups_to_read(known, reversed(listed), refresh=HOUR)
    assert [one.target_group_id for one in due] == ["new", "older", "old"]


def test_details_that_only_people_change_are_kept_for_six_refreshes() -> None:
    """The period and the bid are read with every sixth full read, or if they could not be read."""
    group, now = live_group(), later(live_group(), 1)
    kept = details_to_read(read_of(group, 4.9), now, refresh=HOUR)
    assert set(kept) == {Detail.PRICE, Detail.CELLS, Detail.COMPLETES, Detail.ENTRANTS}
    assert set(details_to_read(read_of(group, 5), now, refresh=HOUR)) == set(kept) | {Detail.PERIOD, Detail.BID}
    unread = attrs.evolve(group, unread=(UnreadDetail(detail="bid", reason="500"),))
    assert set(details_to_read(read_of(unread), now, refresh=HOUR)) == set(kept) | {Detail.BID}


def test_a_forecast_keeps_a_week_of_snapshots_three_hours_apart_and_status_changes() -> None:
    """The memory of a watch is bounded, and a pause is never forgotten within it."""
    kept: list[GroupSnapshot] = []
    for hour in range(400):
        status = PAUSED if hour == 370 else LIVE
        kept = thinned(kept, live_group(read_at=hours_after(hour), status=status, intervals=()))
    assert len(kept) <= 7 * 24 / 3 + 4
    assert [one.status for one in kept].count(PAUSED) == 1
    assert (kept[-1].read_at, kept[-1].intervals) == (hours_after(399), ())
    assert {one.intervals for one in kept[:-1]} == {None}


def test_the_stated_requests_of_a_thousand_groups() -> None:
    """The number that the documentation states."""
    assert requests_per_day(1000, 10) == 114_576
    assert requests_per_day(0, 0) == 48


@pytest.mark.parametrize("wrong", [{"groups": -1}, {"groups": 1, "every": 0.0}, {"groups": 1, "refresh": -1.0}])
def test_impossible_numbers_are_refused(wrong: dict[str, Any]) -> None:
    """No number of requests is made up for them."""
    with pytest.raises(ConfigurationError, match="must"):
        requests_per_day(**wrong)
