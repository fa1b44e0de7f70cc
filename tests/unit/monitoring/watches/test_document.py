"""The document of a watch: figures in words, and completes by the hour."""

from datetime import timedelta
from typing import Any

import pytest
from support.monitored_groups import NOON, cell, hours_after, live_group
from support.watch_states import hourly, state_of

from fieldingkit.monitoring import GroupSnapshot, RuleName
from fieldingkit.monitoring.watches.document import LABELS, to_document
from fieldingkit.rendering.watches.model import GroupView
from fieldingkit.rendering.watches.plot import make_plot
from fieldingkit.resources.target_group_progress import CompletesInterval
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus


def view_of(group: GroupSnapshot) -> GroupView:
    """Return the view of a target group."""
    (view,) = to_document(state_of(group), account_id=None, base_url="https://api.example", every=None).groups
    return view


def counted(*counts: tuple[float, int]) -> tuple[CompletesInterval, ...]:
    """Return totals at hours after noon."""
    return tuple(CompletesInterval(timestamp=hours_after(hour), count=count) for hour, count in counts)


def test_every_rule_has_a_label() -> None:
    """A new rule is not shown by its name in the file."""
    assert set(LABELS) == set(RuleName)


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u200d", "\u3164\u115f", "\u2800", "\u202e\x1b", "\u0301\ufe0f"])
def test_a_name_of_invisible_characters_is_replaced(name: str) -> None:
    """An empty place in a table would be taken for a defect of the table."""
    view = view_of(live_group(name=name, project_name=name or None))
    assert view.name == "(name without visible text)"
    assert view.project_name in {None, "(name without visible text)"}


@pytest.mark.parametrize("name", ["a", "\u200bGermany", "日本", "🙂", "-", "7"])
def test_other_names_are_shown_as_they_are(name: str) -> None:
    """One visible character is enough."""
    assert view_of(live_group(name=name)).name == name


@pytest.mark.parametrize(
    ("intervals", "shown"),
    [
        ((), ()),
        (((-2, 3), (-1, 5), (0, 5)), (3, 2, 0)),
        (((-5, 3), (0, 5)), (3, 0, 0, 0, 0, 2)),
        (((-3, 3), (-2, 4)), (3, 1, 0, 0)),
        (((-1, 3), (0.5, 7)), (3, 4)),
        (((-1, 9), (0, 7)), (9, 0)),
    ],
)
def test_completes_are_those_of_each_hour(intervals: tuple[tuple[float, int], ...], shown: tuple[int, ...]) -> None:
    """Hours that the API leaves out have none; an hour in progress is the last one; reversals are not negative."""
    assert view_of(live_group(intervals=counted(*intervals))).hourly == shown


def test_completes_by_the_hour_are_those_of_a_day() -> None:
    """Older ones are on the plot only."""
    assert len(view_of(live_group(intervals=hourly(96), starts_at=hours_after(-48))).hourly) == 24


@pytest.mark.parametrize(
    ("changes", "closes"),
    [
        ({"status": TargetGroupStatus.PAUSED}, "paused"),
        ({"completes": 100}, "full"),
        ({"starts_at": hours_after(-3)}, "too early"),
        ({"starts_at": None}, "not known"),
        ({"completes": 60, "starts_at": hours_after(-48), "cells": ()}, "6 Mar - 8 Mar"),
        ({"completes": 1, "goal": 5000, "starts_at": hours_after(-72), "cells": ()}, "not in 90 days"),
    ],
)
def test_the_close_is_said_in_a_few_words(changes: dict[str, Any], closes: str) -> None:
    """In the column of a narrow table."""
    assert view_of(live_group(**changes)).closes == closes


def test_prescreens_are_counted_if_the_goal_is_one_of_prescreens() -> None:
    """Completes are not taken for what the goal counts, and no curve of completes is drawn against it."""
    view = view_of(live_group(filling_strategy=FillingStrategy.PRESCREENS, intervals=hourly(40)))
    assert (view.reached, view.counted, view.counts) == (60, "prescreens", ())
    assert make_plot(view) is None


def test_unknown_figures_are_left_out() -> None:
    """No zero stands for what is not known."""
    view = view_of(live_group(conversion_rate=None, price=None, cells=None, median_length_of_interview_seconds=None))
    assert not {"Conversion", "Price", "Length in minutes"} & view.facts.keys()
    assert view.cells == ()


@pytest.mark.parametrize(("goal", "completes", "fill"), [(0, 0, None), (-3, 2, 0.0), (50, 80, 1.0)])
def test_a_fill_is_a_share(goal: int, completes: int, fill: float | None) -> None:
    """It is from 0 to 1 also if the API's figures make no sense."""
    odd = live_group(cells=(cell("men", completes, goal),), status=TargetGroupStatus.PAUSED)
    assert view_of(odd).cells[0].fill == fill


@pytest.mark.parametrize("hours", [0.1, 7, 100, 24 * 400])
@pytest.mark.parametrize("ends", [None, 0.5, 10_000])
def test_a_plot_stays_in_its_box(hours: float, ends: float | None) -> None:
    """Fields of minutes and of a year have a few marks; the completes so far are within the box."""
    group = live_group(
        starts_at=hours_after(-hours),
        ends_at=None if ends is None else hours_after(ends),
        intervals=counted(*((-hours * part / 100, 40 - part * 40 // 100) for part in range(99, 0, -1))),
    )
    plot = make_plot(view_of(group))
    assert plot is not None
    assert 1 <= len(plot.marks) <= 6
    points = [tuple(map(float, point.split(","))) for point in plot.past.split()]
    assert all(0 <= x <= 1000 and 0 <= y <= 100 for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert plot.end_x is None or 0 < plot.end_x <= 1000


def test_a_plot_needs_a_start_or_counts() -> None:
    """Nothing is drawn of a single figure."""
    assert make_plot(view_of(live_group(starts_at=None, intervals=None))) is None
    assert make_plot(view_of(live_group(starts_at=NOON + timedelta(days=1), intervals=None))) is None
