"""The rules of one target group: pure functions of its state that yield what they see and what they do not know."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Any, Final, NamedTuple

import attrs

from fieldingkit.monitoring.findings import GroupState
from fieldingkit.monitoring.forecasts import Forecast, ForecastStatus
from fieldingkit.monitoring.rules import (
    CellStuck,
    EndBeforeGoal,
    HighDropOff,
    LowConversion,
    NoCompletes,
    OffBid,
    PausedByApi,
    PriceAtCap,
    RuleName,
    SoftLaunchReached,
)
from fieldingkit.monitoring.snapshots import CellSnapshot, Detail, GroupSnapshot
from fieldingkit.rendering.text import format_moment, pluralize
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_changelog import StatusChangeReason
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus

__all__ = [
    "ASSISTANT",
    "FORECAST",
    "GROUP_RULES",
    "REASON_ACTIONS",
    "TOO_EARLY",
    "GroupFacts",
    "GroupRule",
    "Missing",
    "Seen",
    "parts_of",
]


class GroupFacts(NamedTuple):
    """All that is known of one target group."""

    group: GroupSnapshot
    """Its state."""
    state: GroupState
    """The times of its status and its quota cells, from the earlier snapshots and this one."""
    forecast: Forecast | None
    """Its forecast; None if there is none."""
    assistant: FieldingAssistantAssignment | None
    """Its fielding assistant; None if there is none, or it was not read."""


@attrs.frozen
class Seen:
    """A trouble."""

    seen: str
    """The figures."""
    action: str
    """The next step."""
    since: datetime | None = None
    """The time since which it is so; None if the figures do not say it."""
    part: str | None = None
    """The quota cell."""


@attrs.frozen
class Missing:
    """A figure that is not known."""

    reason: str
    """The figure and the reason."""
    part: str | None = None
    """The quota cell."""


_Outcome = Iterator[Seen | Missing]

ASSISTANT: Final = "assistant"
"""The name of the fielding assistant among the details that could not be read."""
FORECAST: Final = "forecast"
"""The name of the forecast among them."""
TOO_EARLY: Final = "the forecast: it is too early"
"""The reason why a target group has no forecast that passes with time."""

_HOUR: Final = timedelta(hours=1)
_LIVE: Final = frozenset({TargetGroupStatus.LIVE})
_PAUSED: Final = frozenset({TargetGroupStatus.PAUSED})


def parts_of(group: GroupSnapshot) -> dict[str, CellSnapshot]:
    """Return the quota cells by profile and name; cells that have both in common are numbered."""
    parts: dict[str, CellSnapshot] = {}
    for cell in group.cells or ():
        name = f"{cell.profile}: {cell.name}"
        numbers = (f"{name} ({number})" for number in count(2))
        parts[next(part for part in chain([name], numbers) if part not in parts)] = cell
    return parts


def _unread(group: GroupSnapshot, figure: str, detail: Detail | str) -> Missing:
    """Return the reason why a figure is None."""
    reasons = [one.reason for one in group.unread if one.detail == detail]
    return Missing(f"{figure}: {'; '.join(reasons) or 'the API sent none'}")


def _no_completes(rule: NoCompletes, facts: GroupFacts) -> _Outcome:
    group = facts.group
    since = group.last_complete_at if group.completes or group.last_complete_at is not None else group.starts_at
    if since is None:
        figure = "the time of the latest complete" if group.completes else "the start of fielding"
        yield _unread(group, figure, "list" if group.completes else Detail.PERIOD)
        return
    none_yet = group.last_complete_at is None
    resumed = [time for time in (group.starts_at, facts.state.since) if time is not None and time > since]
    since = max([since, *resumed])
    if (group.read_at - since) / _HOUR >= rule.hours:
        yield Seen(
            f"no complete since {format_moment(since)}, which is more than {rule.hours:g} hours; "
            f"{'none yet' if none_yet else pluralize(group.completes, 'complete') + ' before'}",
            "check the survey's link and redirects with a test respondent, then the price and the quotas",
            since,
        )


def _low_conversion(rule: LowConversion, facts: GroupFacts) -> _Outcome:
    group = facts.group
    if group.entrants is None:
        yield _unread(group, "the number of entrants", Detail.ENTRANTS)
    elif group.entrants >= rule.entrants:
        if group.conversion_rate is None:
            yield _unread(group, "the conversion rate", "list")
        elif group.conversion_rate < rule.below:
            yield Seen(
                f"a conversion rate of {group.conversion_rate:.1%} after {pluralize(group.entrants, 'entrant')}; "
                f"the limit is {rule.below:.1%}",
                "compare the screening questions with the profiles, and ask for what is screened out in the profiles",
            )


def _high_drop_off(rule: HighDropOff, facts: GroupFacts) -> _Outcome:
    group = facts.group
    if group.entrants is None:
        yield _unread(group, "the number of entrants", Detail.ENTRANTS)
    elif group.entrants >= rule.entrants:
        if group.drop_off_rate is None:
            yield _unread(group, "the drop-off rate", "list")
        elif group.drop_off_rate > rule.above:
            yield Seen(
                f"a drop-off rate of {group.drop_off_rate:.1%} after {pluralize(group.entrants, 'entrant')}; "
                f"the limit is {rule.above:.1%}",
                "find the question at which respondents leave, and check the survey on a phone",
            )


def _length_off_bid(rule: OffBid, facts: GroupFacts) -> _Outcome:
    group = facts.group
    if group.completes < rule.completes:
        return
    bid, seconds = group.bid_length_of_interview_minutes, group.median_length_of_interview_seconds
    if bid is None:
        yield _unread(group, "the expected length of interview", Detail.BID)
    elif seconds is None:
        yield _unread(group, "the median length of interview", "list")
    elif not bid * (1 - rule.under) <= seconds / 60 <= bid * (1 + rule.over):
        yield Seen(
            f"a median length of interview of {seconds / 60:.1f} minutes; the bid is {bid} minutes",
            "change the expected length of interview to the real one, or shorten the survey"
            if seconds / 60 > bid
            else "change the expected length of interview to the real one, and check the answers of fast respondents",
        )


def _incidence_off_bid(rule: OffBid, facts: GroupFacts) -> _Outcome:
    group = facts.group
    if group.completes < rule.completes:
        return
    bid, rate = group.bid_incidence_rate, group.incidence_rate
    if bid is None:
        yield _unread(group, "the expected incidence rate", Detail.BID)
    elif rate is None:
        yield _unread(group, "the incidence rate", "list")
    elif not bid * (1 - rule.under) <= rate <= bid * (1 + rule.over):
        yield Seen(
            f"an incidence rate of {rate:.1%}; the bid is {bid:.1%}",
            "change the expected incidence rate to the real one, and check the profiles if that is not expected",
        )


def _cap_of(rule: PriceAtCap, facts: GroupFacts) -> Money | None:
    """Return the cap of the fielding assistant, or else that of the price's currency."""
    pricing = None if facts.assistant is None else facts.assistant.pricing
    if pricing is not None and pricing.maximum_cpi is not None:
        return pricing.maximum_cpi
    currency = (None if facts.group.price is None else facts.group.price.currency_code) or ""
    return Money(value=rule.caps[currency], currency_code=currency) if currency in rule.caps else None


def _is_assistant_unread(facts: GroupFacts) -> bool:
    """Return True if it is not known whether there is a fielding assistant."""
    return facts.assistant is None and any(one.detail == ASSISTANT for one in facts.group.unread)


def _price_at_cap(rule: PriceAtCap, facts: GroupFacts) -> _Outcome:
    price, cap = facts.group.price, _cap_of(rule, facts)
    if _is_assistant_unread(facts):
        yield _unread(facts.group, "the maximum price of the fielding assistant", ASSISTANT)
    elif price is None or price.value is None or price.currency_code is None:
        if rule.caps or cap is not None:
            yield _unread(facts.group, "the price", Detail.PRICE)
    elif cap is not None and (cap.value is None or cap.currency_code != price.currency_code):
        yield Missing(f"the cap of the price: it is in {cap.currency_code}, the price in {price.currency_code}")
    elif cap is not None and cap.value is not None and price.value >= cap.value:
        yield Seen(
            f"a price of {price.value:f} {price.currency_code}; the cap is {cap.value:f}",
            "raise the cap, or relax the quotas and profiles",
        )


def _no_forecast(group: GroupSnapshot, reason: str) -> Missing:
    """Return why the forecast is not known: the failure of a read, or else a reason."""
    reasons = dict.fromkeys(one.reason for one in group.unread if one.detail in (FORECAST, Detail.PERIOD))
    return Missing(f"the forecast: {'; '.join(reasons) or reason}")


def _end_before_goal(rule: EndBeforeGoal, facts: GroupFacts) -> _Outcome:
    made = facts.forecast
    if made is None:
        yield _no_forecast(facts.group, "none was given")
    elif made.status is ForecastStatus.UNKNOWN:
        yield _no_forecast(facts.group, "the start of fielding was not read")
    elif made.status is ForecastStatus.TOO_EARLY:
        yield Missing(TOO_EARLY)
    elif made.chance_by_end is None or made.end is None:
        yield _no_forecast(facts.group, "it has no end of fielding")
    elif made.chance_by_end < rule.chance:
        by_end = (
            "" if made.completes_by_end is None else f"; {made.completes_by_end:.0f} of {made.goal} completes by then"
        )
        cell = "" if made.limiting_cell is None else f"; the limiting cell is {made.limiting_cell}"
        yield Seen(
            f"fills before its end on {format_moment(made.end)} with a probability of {made.chance_by_end:.0%}"
            f"{by_end}{cell}",
            f"extend the end of fielding, raise the price, or relax {made.limiting_cell or 'the profiles'}",
        )


REASON_ACTIONS: Final[Mapping[str, str]] = {
    StatusChangeReason.MAX_CPI_LIMIT_REACHED: "raise the maximum price, or relax the quotas; then resume",
    StatusChangeReason.LIVE_RESPONDENT_UNIQUE_CODES_EXHAUSTED: "upload more unique codes, then resume",
    StatusChangeReason.PAST_SCHEDULED_END_DATE: "complete it, or extend the end of fielding and resume",
    StatusChangeReason.TOTAL_COMPLETES_REACHED: "complete it, or raise the goal and resume",
    StatusChangeReason.NO_COMPLETES_IN_SEVERAL_DAYS: "check the survey's link, the price and the quotas; then resume",
    StatusChangeReason.NO_COMPLETES_AFTER_MANY_PRESCREENS: "check the survey's link and its redirects; then resume",
    StatusChangeReason.HIGH_MEDIAN_LOI: "correct the expected length of interview, or shorten the survey; then resume",
    StatusChangeReason.EXCESSIVE_REDIRECT_ERRORS: "correct the redirects of the survey, then resume",
    StatusChangeReason.EXCESSIVE_ENCRYPTION_ERRORS: "correct the signature of the survey's links, then resume",
    StatusChangeReason.EXCESSIVE_QUALIFICATION_SETUP_ERRORS: "correct the profiles, then resume",
    StatusChangeReason.HIGH_DROP_RATES: "find the question at which respondents leave, then resume",
    StatusChangeReason.LOW_EPC: "raise the price or the conversion rate, then resume",
    StatusChangeReason.HIGH_CLIENT_SIDE_TERMINATION_RATE: "move the screening questions to the profiles, then resume",
}
"""The next step after a status change that the API itself made, by its reason."""


def _paused_by_api(_: PausedByApi, facts: GroupFacts) -> _Outcome:
    code = facts.group.reason_code
    if code is None:
        yield from _unread_reason(facts)
    elif code != StatusChangeReason.PAST_SOFT_LAUNCH_END_DATE and not _is_soft_launch(code, facts):
        action = REASON_ACTIONS.get(code, "find the cause in its changelog, then resume")
        yield Seen(f"the API paused it: {code}", action, _stopped_at(facts))


def _stopped_at(facts: GroupFacts) -> datetime | None:
    """Return the time of the pause by the changelog, or else the time at which it was first seen to be paused."""
    return facts.group.status_changed_at or facts.state.since


def _is_soft_launch(code: str, facts: GroupFacts) -> bool:
    """Return True if the API paused a soft launch that reached its part, which has a rule of its own."""
    launch = None if facts.assistant is None else facts.assistant.soft_launch
    return code == StatusChangeReason.TOTAL_COMPLETES_REACHED and launch is not None


def _unread_reason(facts: GroupFacts) -> _Outcome:
    """Yield the reason why the API's reason is not known; a person's pause has none."""
    if any(one.detail == Detail.REASON for one in facts.group.unread):
        yield _unread(facts.group, "the reason of the pause", Detail.REASON)


def _cell_stuck(rule: CellStuck, facts: GroupFacts) -> _Outcome:
    group = facts.group
    if group.cells is None:
        yield _unread(group, "the quota cells", Detail.CELLS)
        return
    states = {cell.part: cell for cell in facts.state.cells}
    for part, cell in parts_of(group).items():
        if cell.completes is None or cell.goal is None:
            yield Missing("the cell's completes and goal: the API sent no readable ones", part)
        elif cell.completes < cell.goal and (state := states.get(part)) is not None:
            since = max(state.since, facts.state.since or state.since)
            others = group.completes - state.group_completes
            if (group.read_at - since) / _HOUR >= rule.hours and others >= rule.completes:
                yield Seen(
                    f"no complete since {format_moment(since)} at {cell.completes} of {cell.goal}; "
                    f"the target group had {pluralize(others, 'complete')}",
                    "relax the cell, move a part of its goal to others, or raise the price",
                    since,
                    part,
                )


def _soft_launch_reached(_: SoftLaunchReached, facts: GroupFacts) -> _Outcome:
    group = facts.group
    action = "check length, incidence, drop-off and conversion; then resume, or correct and repeat"
    launch = None if facts.assistant is None else facts.assistant.soft_launch
    part = 0 if launch is None else -(-group.goal * launch.filling_goal_percentage // 100)
    reached = group.prescreens if group.filling_strategy == FillingStrategy.PRESCREENS else group.completes
    if group.status == TargetGroupStatus.PAUSED and group.reason_code == StatusChangeReason.PAST_SOFT_LAUNCH_END_DATE:
        yield Seen(f"the soft launch is past its end, with {reached} of {group.goal}", action, _stopped_at(facts))
    elif launch is not None and reached >= part:
        yield Seen(f"the soft launch is at {reached} of {part}; the goal is {group.goal}", action)
    elif launch is not None and group.read_at >= launch.end_at:
        yield Seen(f"the soft launch is past its end, with {reached} of {part}", action, launch.end_at)
    elif _is_assistant_unread(facts):
        yield _unread(group, "the soft launch", ASSISTANT)
    elif group.status == TargetGroupStatus.PAUSED:
        yield from _unread_reason(facts)


class GroupRule(NamedTuple):
    """A rule of target groups."""

    apply: Callable[[Any, GroupFacts], _Outcome]
    """The function of the rule's thresholds and a target group."""
    statuses: frozenset[TargetGroupStatus]
    """The statuses to which it applies."""
    detail: Detail | None = None
    """The detail of a snapshot that it cannot do without."""


GROUP_RULES: Final[Mapping[RuleName, GroupRule]] = {
    RuleName.NO_COMPLETES: GroupRule(_no_completes, _LIVE),
    RuleName.LOW_CONVERSION: GroupRule(_low_conversion, _LIVE, Detail.ENTRANTS),
    RuleName.HIGH_DROP_OFF: GroupRule(_high_drop_off, _LIVE, Detail.ENTRANTS),
    RuleName.LENGTH_OFF_BID: GroupRule(_length_off_bid, _LIVE, Detail.BID),
    RuleName.INCIDENCE_OFF_BID: GroupRule(_incidence_off_bid, _LIVE, Detail.BID),
    RuleName.PRICE_AT_CAP: GroupRule(_price_at_cap, _LIVE, Detail.PRICE),
    RuleName.END_BEFORE_GOAL: GroupRule(_end_before_goal, _LIVE),
    RuleName.PAUSED_BY_API: GroupRule(_paused_by_api, _PAUSED, Detail.REASON),
    RuleName.CELL_STUCK: GroupRule(_cell_stuck, _LIVE, Detail.CELLS),
    RuleName.SOFT_LAUNCH_REACHED: GroupRule(_soft_launch_reached, _LIVE | _PAUSED, Detail.REASON),
}
"""The rules of target groups, by name."""
