"""The document of a watch: its state in the words and figures that the page and the table show."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from fieldingkit.monitoring.findings import Finding
from fieldingkit.monitoring.forecasts import ForecastStatus, GoalForecast
from fieldingkit.monitoring.group_rules import parts_of
from fieldingkit.monitoring.rules import RuleName
from fieldingkit.monitoring.snapshots import GroupSnapshot
from fieldingkit.monitoring.watches.state import WatchedGroup, WatchState
from fieldingkit.rendering.text import visible_name
from fieldingkit.rendering.watches.model import (
    CellView,
    DeadlineView,
    FindingView,
    ForecastView,
    GroupView,
    WatchDocument,
)
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_progress import CompletesInterval
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus
from fieldingkit.workflows.due_reconciliations import DueProject, show_money

__all__ = ["to_document"]

LABELS: Final[Mapping[RuleName, str]] = {
    RuleName.NO_COMPLETES: "No completes",
    RuleName.LOW_CONVERSION: "Low conversion",
    RuleName.HIGH_DROP_OFF: "High drop-off",
    RuleName.LENGTH_OFF_BID: "Length off the bid",
    RuleName.INCIDENCE_OFF_BID: "Incidence off the bid",
    RuleName.PRICE_AT_CAP: "Price at its cap",
    RuleName.END_BEFORE_GOAL: "Ends before its goal",
    RuleName.PAUSED_BY_API: "Paused by the API",
    RuleName.CELL_STUCK: "Quota cell stuck",
    RuleName.SOFT_LAUNCH_REACHED: "Soft launch reached",
    RuleName.RECONCILIATION_DUE: "Reconciliation due",
}
"""The rules in words."""

_HOURS: Final = 24
_HOUR: Final = timedelta(hours=1)


def to_document(
    state: WatchState, *, account_id: str | int | None, base_url: str, every: float | None
) -> WatchDocument:
    """Return a state as its renderers need it.

    Args:
        state: The state.
        account_id: The account's number.
        base_url: The API's base URL.
        every: Seconds from one read to the next; None if it was read once.
    """
    confirmed = {one.key for one in state.findings.found}
    notes = state.project_findings
    urgent = {one.project_id for one in notes}
    return WatchDocument(
        at=state.at,
        read_at=state.read_at,
        every=every,
        account_id=None if account_id is None else str(account_id),
        base_url=base_url,
        groups=tuple(_group(one, confirmed) for one in state.groups),
        problems=state.problems,
        notes=tuple(_finding(one, confirmed, name=one.name) for one in notes),
        deadline=None if state.due is None else state.due.deadline,
        deadlines=() if state.due is None else tuple(_deadline(one, urgent) for one in state.due.projects),
        due_at=state.due_at,
    )


def _finding(finding: Finding, confirmed: Iterable[object], *, name: str | None = None) -> FindingView:
    return FindingView(
        rule=name or LABELS[finding.rule],
        part=finding.part,
        seen=finding.seen,
        since=finding.since,
        action=finding.action,
        confirmed=finding.key in confirmed,
    )


def _deadline(project: DueProject, urgent: Iterable[str | None]) -> DeadlineView:
    return DeadlineView(
        project=project.project_name or project.project_id or "a project without a name",
        manager=project.project_manager_name or project.project_manager_id or "no manager",
        target_groups=project.target_groups,
        completes=project.completes,
        money=show_money(project.money),
        is_urgent=project.project_id in urgent,
    )


def _group(watched: WatchedGroup, confirmed: Iterable[object]) -> GroupView:
    group, made = watched.group, watched.forecast
    by_completes = group.filling_strategy != FillingStrategy.PRESCREENS
    problems = (f"{one.detail}: {one.reason}" for one in group.unread)
    reason = () if watched.problem is None else (f"its list, so that all figures are earlier ones: {watched.problem}",)
    return GroupView(
        condition=watched.condition.value,
        target_group_id=group.target_group_id,
        name=visible_name(group.name),
        short_id=group.human_readable_id,
        project_id=group.project_id,
        project_name=group.project_name and visible_name(group.project_name),
        status=str(group.status),
        reached=group.completes if by_completes else group.prescreens,
        goal=group.goal,
        counted="completes" if by_completes else "prescreens",
        per_hour=group.completes_per_hour,
        hourly=_hourly(group.intervals or (), watched.details_at or group.read_at),
        counts=_counts(watched) if by_completes else (),
        starts_at=group.starts_at,
        ends_at=group.ends_at,
        closes=_closes(watched),
        forecast=None
        if made is None
        else ForecastView(
            at=made.at,
            completes=made.completes,
            earliest=made.earliest,
            expected=made.expected,
            latest=made.latest,
            sentence=_sentence(made),
            fills=made.fills,
        ),
        facts=dict(_facts(watched)),
        findings=tuple(_finding(one, confirmed) for one in watched.findings),
        cells=tuple(_cells(watched)),
        read_at=group.read_at,
        details_at=watched.details_at,
        problems=(*reason, *problems),
    )


def _hourly(intervals: Sequence[CompletesInterval], at: datetime) -> tuple[int, ...]:
    """Return the completes of the hours up to a time, or to the end of the interval that is in progress."""
    if not intervals:
        return ()
    times, counts = [one.timestamp for one in intervals], [0, *(one.count for one in intervals)]
    latest = max(times[-1], at)
    hours = min(_HOURS, int((latest - times[0]) / _HOUR) + 1)
    totals = [counts[bisect_right(times, latest - hour * _HOUR)] for hour in range(hours, -1, -1)]
    return tuple(max(0, after - before) for before, after in pairwise(totals))


def _counts(watched: WatchedGroup) -> tuple[tuple[datetime, int], ...]:
    """Return the completes over time, up to those of now."""
    group = watched.group
    start = group.starts_at
    counts = [(start, 0)] if start is not None else []
    counts += [
        (one.timestamp, one.count)
        for one in group.intervals or ()
        if one.timestamp < group.read_at and (start is None or one.timestamp > start)
    ]
    return (*(one for one in counts if one[0] < group.read_at), (group.read_at, group.completes))


def _closes(watched: WatchedGroup) -> str:
    """Return the forecast of the close in a few words."""
    group, made = watched.group, watched.forecast
    if group.status != TargetGroupStatus.LIVE:
        return str(group.status)
    return "not known" if made is None else _when(made)


def _when(made: GoalForecast) -> str:
    if made.status is ForecastStatus.FULL:
        return "full"
    if made.status is ForecastStatus.TOO_EARLY:
        return "too early"
    if made.status is ForecastStatus.UNKNOWN:
        return "not known"
    if made.earliest is None:
        return "not in 90 days"
    if made.latest is None:
        return f"from {_day(made.earliest)}"
    if (made.latest - made.earliest) < timedelta(hours=20) and made.latest.date() == made.earliest.date():
        return f"{_day(made.earliest)} {made.earliest:%H}-{made.latest:%H} h"
    return " - ".join(dict.fromkeys((_day(made.earliest), _day(made.latest))))


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def _sentence(made: GoalForecast) -> str:
    if made.status is ForecastStatus.FULL:
        return "The goal is reached."
    if made.status is ForecastStatus.TOO_EARLY:
        return "It is too early for a forecast."
    if made.status is ForecastStatus.UNKNOWN:
        return "There is no forecast, because the start of fielding was not read."
    if made.earliest is None:
        text = "It probably does not close within 90 days"
    elif made.latest is None:
        expected = "" if made.expected is None else f", probably about {_minute(made.expected)}"
        text = f"It closes {_minute(made.earliest)} at the earliest{expected}, or never"
    else:
        middle = "" if made.expected is None else f", probably about {_minute(made.expected)}"
        text = f"It closes between {_minute(made.earliest)} and {_minute(made.latest)}{middle}"
    if made.chance_by_end is None:
        return f"{text}."
    by_end = "" if made.completes_by_end is None else f", with {made.completes_by_end:,.0f} of {made.goal:,} by its end"
    return f"{text}. It fills in time with a probability of {made.chance_by_end:.0%}{by_end}."


def _minute(at: datetime) -> str:
    return f"{at.day} {at:%b %H:%M} UTC"


def _facts(watched: WatchedGroup) -> Iterator[tuple[str, str]]:
    """Yield the figures that are known."""
    group, made = watched.group, watched.forecast
    if group.ends_at is not None:
        yield "End of fielding", _minute(group.ends_at)
    if group.completes_per_hour is not None:
        yield "Completes per hour", f"{group.completes_per_hour:.1f}"
    if group.last_complete_at is not None:
        yield "Latest complete", _minute(group.last_complete_at)
    yield from _money("Price", group.price)
    yield from _money("Cost so far", group.cost)
    if made is not None:
        yield from _money("Cost by the end", made.projected_cost)
    yield from _rates(group)


def _money(name: str, money: Money | None) -> Iterator[tuple[str, str]]:
    if money is not None and money.value is not None:
        yield name, show_money([money])


def _rates(group: GroupSnapshot) -> Iterator[tuple[str, str]]:
    if group.conversion_rate is not None:
        entrants = "" if group.entrants is None else f" of {group.entrants:,}"
        yield "Conversion", f"{group.conversion_rate:.0%}{entrants}"
    if group.drop_off_rate is not None:
        yield "Drop-off", f"{group.drop_off_rate:.0%}"
    if group.incidence_rate is not None:
        bid = "" if group.bid_incidence_rate is None else f", bid {group.bid_incidence_rate:.0%}"
        yield "Incidence", f"{group.incidence_rate:.0%}{bid}"
    if group.median_length_of_interview_seconds is not None:
        minutes = group.bid_length_of_interview_minutes
        bid = "" if minutes is None else f", bid {minutes}"
        yield "Length in minutes", f"{group.median_length_of_interview_seconds / 60:.1f}{bid}"


def _cells(watched: WatchedGroup) -> Iterator[CellView]:
    stuck = {one.part for one in watched.findings if one.rule is RuleName.CELL_STUCK}
    made = {} if watched.forecast is None else {one.name: one for one in watched.forecast.cells}
    for part, cell in parts_of(watched.group).items():
        forecast = made.get(cell.name)
        yield CellView(
            name=part,
            completes=cell.completes,
            goal=cell.goal,
            closes="" if forecast is None else _when(forecast),
            is_stuck=part in stuck,
        )
