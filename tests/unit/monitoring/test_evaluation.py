"""evaluate: each rule finds its trouble and nothing else, and a figure that is not known is no good sign."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from support.monitored_groups import NOON, cell, full_snapshot, hours_after, live_group

from fieldingkit import AsyncClient
from fieldingkit.monitoring import (
    Detail,
    EndBeforeGoal,
    Finding,
    Findings,
    Forecast,
    ForecastStatus,
    PriceAtCap,
    ReconciliationDue,
    Rules,
    Snapshot,
    UnreadDetail,
    compare,
    evaluate,
    snapshot,
)
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, Pricing, SoftLaunch
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_changelog import StatusChangeReason
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import TargetGroupQuery
from fieldingkit.sweeps.report import UnlistedProject
from fieldingkit.workflows.due_reconciliations import DueProject, DueReconciliations

RULES = Rules(
    price_at_cap=PriceAtCap(caps={"USD": Decimal("3.00")}),
    end_before_goal=EndBeforeGoal(enabled=False),
    reconciliation_due=ReconciliationDue(enabled=False),
)
PAUSED: dict[str, Any] = {"status": TargetGroupStatus.PAUSED}
FORECAST = Forecast(
    name="",
    status=ForecastStatus.OPEN,
    at=NOON,
    completes=40,
    goal=100,
    end=hours_after(48),
    chance_by_end=0.2,
    completes_by_end=80.0,
    limiting_cell="women",
)


def dollars(amount: str) -> Money:
    """Return an amount in USD."""
    return Money(value=Decimal(amount), currency_code="USD")


def evaluated(changes: dict[str, Any], earlier: Findings | None = None, rules: Rules = RULES, **more: Any) -> Findings:
    """Return the findings of one target group that has some changes."""
    return evaluate(full_snapshot(live_group(**changes)), rules, earlier=earlier, **more)


def test_a_target_group_in_which_all_is_well_has_no_findings() -> None:
    """There are no findings, and no unknown figures."""
    assert evaluated({}).is_well
    assert evaluated(PAUSED).is_well, "a person paused it"


@pytest.mark.parametrize(
    ("rule", "seen", "changes"),
    [
        ("no_completes", "no complete since 2026-03-05 06:00:00 UTC", {"last_complete_at": hours_after(-6)}),
        ("no_completes", "none yet", {"completes": 0, "last_complete_at": None}),
        ("low_conversion", "a conversion rate of 9.9% after 50 entrants", {"conversion_rate": 0.099, "entrants": 50}),
        ("high_drop_off", "a drop-off rate of 26.0% after 50 entrants", {"drop_off_rate": 0.26, "entrants": 50}),
        ("length_off_bid", "of 12.5 minutes; the bid is 10", {"median_length_of_interview_seconds": 751}),
        ("length_off_bid", "of 5.0 minutes; the bid is 10", {"median_length_of_interview_seconds": 299}),
        ("incidence_off_bid", "an incidence rate of 37.0%; the bid is 50.0%", {"incidence_rate": 0.37}),
        ("price_at_cap", "a price of 3.00 USD; the cap is 3.00", {"price": dollars("3.00")}),
        ("paused_by_api", "low_epc", {**PAUSED, "reason_code": StatusChangeReason.LOW_EPC}),
        ("paused_by_api", "unheard_of", {**PAUSED, "reason_code": StatusChangeReason("unheard_of")}),
        (
            "soft_launch_reached",
            "the soft launch is past its end, with 40 of 100",
            {**PAUSED, "reason_code": StatusChangeReason.PAST_SOFT_LAUNCH_END_DATE},
        ),
    ],
)
def test_each_rule_finds_its_trouble_and_nothing_else(rule: str, seen: str, changes: dict[str, Any]) -> None:
    """The finding has the figures, the time and the next step."""
    findings = evaluated(changes)
    (found,) = findings.found
    assert (found.rule, found.name, found.target_group_id) == (rule, "Germany", "t1")
    assert seen in found.seen
    assert found.action
    assert not findings.unknown


@pytest.mark.parametrize(
    "changes",
    [
        {"last_complete_at": hours_after(-6) + timedelta(seconds=1)},
        {"last_complete_at": hours_after(-9), "starts_at": hours_after(-5)},
        {"conversion_rate": 0.01, "drop_off_rate": 0.9, "entrants": 49},
        {"conversion_rate": None, "drop_off_rate": None, "entrants": 49},
        {"conversion_rate": 0.1, "drop_off_rate": 0.25},
        {"median_length_of_interview_seconds": 750, "incidence_rate": 0.375},
        {"median_length_of_interview_seconds": 300, "incidence_rate": 1.0},
        {"completes": 9, "median_length_of_interview_seconds": None, "incidence_rate": None},
        {"price": dollars("2.99")},
        {"price": Money(value=Decimal(9), currency_code="EUR")},
        {"status": TargetGroupStatus.COMPLETED, "reason_code": StatusChangeReason.TOTAL_COMPLETES_REACHED},
        {**PAUSED, "last_complete_at": None, "conversion_rate": None, "cells": None, "price": None},
    ],
)
def test_a_figure_within_its_limits_is_no_finding(changes: dict[str, Any]) -> None:
    """The limits themselves are accepted, too few data say nothing, and only live target groups are measured."""
    assert evaluated(changes).is_well


@pytest.mark.parametrize(
    ("rule", "reason", "changes"),
    [
        ("no_completes", "the time of the latest complete: the API sent none", {"last_complete_at": None}),
        ("no_completes", "the start", {"completes": 0, "last_complete_at": None, "starts_at": None}),
        ("low_conversion", "the conversion rate", {"conversion_rate": None}),
        ("high_drop_off", "the drop-off rate", {"drop_off_rate": None}),
        ("length_off_bid", "the median length", {"median_length_of_interview_seconds": None}),
        ("length_off_bid", "the expected length", {"bid_length_of_interview_minutes": None}),
        ("incidence_off_bid", "the incidence rate", {"incidence_rate": None}),
        ("incidence_off_bid", "the expected incidence", {"bid_incidence_rate": None}),
        ("price_at_cap", "the price", {"price": None}),
        ("price_at_cap", "the price", {"price": Money(value=Decimal(3))}),
        ("cell_stuck", "the quota cells", {"cells": None}),
        ("cell_stuck", "completes and goal", {"cells": (cell(completes=None),)}),
    ],
)
def test_a_figure_that_is_not_known_is_listed(rule: str, reason: str, changes: dict[str, Any]) -> None:
    """It is no finding, and the findings do not say that all is well."""
    findings = evaluated(changes)
    assert [(one.rule, one.target_group_id) for one in findings.unknown] == [(rule, "t1")]
    assert reason in findings.unknown[0].reason
    assert not findings.found
    assert not findings.is_well


def test_an_unread_detail_is_listed_with_the_reason_of_the_failure() -> None:
    """The reason of the snapshot is quoted for each rule that needs the detail."""
    unread = (UnreadDetail(detail="entrants", reason="503"), UnreadDetail(detail="reason", reason="404"))
    live = evaluated({"entrants": None, "unread": unread})
    assert {one.rule for one in live.unknown} == {"low_conversion", "high_drop_off"}
    assert {one.reason for one in live.unknown} == {"the number of entrants: 503"}
    paused = evaluated({**PAUSED, "unread": unread})
    assert {one.rule for one in paused.unknown} == {"paused_by_api", "soft_launch_reached"}


def test_without_its_assistant_a_target_group_is_not_free_of_what_the_assistant_limits() -> None:
    """A maximum price and a soft launch may be there: an earlier finding stays open, also for an empty mapping."""
    unread = (UnreadDetail(detail="assistant", reason="403"),)
    pricing = Pricing(type="dynamic", maximum_cpi=dollars("2.00"))
    launch = SoftLaunch(filling_goal_percentage=10, end_at=hours_after(9), demographics_strictness_percentage=0)
    assistants = {"t1": FieldingAssistantAssignment(pricing=pricing, soft_launch=launch)}
    rules = attrs.evolve(RULES, price_at_cap=PriceAtCap())
    first = evaluated({}, rules=rules, assistants=assistants)
    second = evaluated({"unread": unread}, first, rules, assistants={})
    assert {one.rule for one in first.found} == {"price_at_cap", "soft_launch_reached"}
    assert {(one.rule, one.reason) for one in second.unknown} == {
        ("price_at_cap", "the maximum price of the fielding assistant: 403"),
        ("soft_launch_reached", "the soft launch: 403"),
    }
    assert second.unconfirmed == first.found
    assert not compare(first, second).has_news


def test_a_detail_that_was_not_asked_for_is_listed_once() -> None:
    """A paused target group without a reason code says nothing if the reason was not read."""
    groups = [live_group(target_group_id=id_, entrants=None, **PAUSED) for id_ in ("t1", "t2")]
    findings = evaluate(full_snapshot(*groups, details=(Detail.BID, Detail.PRICE, Detail.CELLS)), RULES)
    assert [(one.rule, one.target_group_id) for one in findings.unknown] == [
        ("low_conversion", None),
        ("high_drop_off", None),
        ("paused_by_api", None),
        ("soft_launch_reached", None),
    ]


def test_without_forecasts_and_reconciliations_two_rules_are_unknown() -> None:
    """Rules that are on and cannot be applied are listed; without any cap there is no rule of the price."""
    findings = evaluate(full_snapshot(live_group()))
    assert [one.rule for one in findings.unknown] == ["end_before_goal", "reconciliation_due"]
    assert "price_at_cap" not in findings.rules


def test_a_project_that_could_not_be_listed_is_unknown() -> None:
    """Nothing is said of its target groups."""
    findings = evaluate(full_snapshot(unlisted=(UnlistedProject("p2", "503"),)), RULES)
    assert [(one.rule, one.project_id, one.reason) for one in findings.unknown] == [
        (None, "p2", "its target groups: 503")
    ]


@pytest.mark.parametrize(
    ("changes", "found", "unknown"),
    [
        ({}, True, ""),
        ({"chance_by_end": 0.5}, False, ""),
        ({"chance_by_end": None, "end": None}, False, "no end of fielding"),
        ({"status": ForecastStatus.TOO_EARLY, "chance_by_end": None}, False, "too early"),
        ({"status": ForecastStatus.FULL, "chance_by_end": 1.0}, False, ""),
    ],
)
def test_an_end_before_the_goal_is_found_by_the_forecast(changes: dict[str, Any], found: bool, unknown: str) -> None:
    """The finding has the probability, the completes by the end and the limiting cell."""
    rules = attrs.evolve(RULES, end_before_goal=EndBeforeGoal())
    findings = evaluated({}, rules=rules, forecasts={"t1": attrs.evolve(FORECAST, **changes)})
    assert [one.rule for one in findings.found] == ["end_before_goal"] * found
    assert unknown in "".join(one.reason for one in findings.unknown)
    assert bool(findings.unknown) == bool(unknown)
    if found:
        assert findings.found[0].seen == (
            "fills before its end on 2026-03-07 12:00:00 UTC with a probability of 20%; "
            "80 of 100 completes by then; the limiting cell is women"
        )
    assert [one.reason for one in evaluated({}, rules=rules, forecasts={}).unknown] == ["the forecast: none was given"]


def test_the_cap_of_the_fielding_assistant_is_that_of_its_target_group() -> None:
    """It goes before the cap of the currency; a cap in another currency is unknown."""
    lower = FieldingAssistantAssignment(pricing=Pricing(type="dynamic", maximum_cpi=dollars("2.50")))
    assert [one.rule for one in evaluated({}, assistants={"t1": lower}).found] == ["price_at_cap"]
    euros = Money(value=Decimal(1), currency_code="EUR")
    other = FieldingAssistantAssignment(pricing=Pricing(type="dynamic", maximum_cpi=euros))
    findings = evaluated({}, assistants={"t1": other})
    assert not findings.found
    assert [one.reason for one in findings.unknown] == ["the cap of the price: it is in EUR, the price in USD"]


@pytest.mark.parametrize(
    ("percent", "end", "seen"),
    [
        (40, 5, "the soft launch is at 40 of 40; the goal is 100"),
        (41, 5, ""),
        (41, 0, "the soft launch is past its end, with 40 of 41"),
    ],
)
def test_a_soft_launch_is_reached_at_its_part_of_the_goal_or_its_end(percent: int, end: float, seen: str) -> None:
    """The part and the end are those of the fielding assistant."""
    launch = SoftLaunch(
        end_at=hours_after(end), filling_goal_percentage=percent, demographics_strictness_percentage=100
    )
    found = evaluated({}, assistants={"t1": FieldingAssistantAssignment(soft_launch=launch)}).found
    assert "".join(one.seen for one in found) == seen
    assert {one.rule for one in found} <= {"soft_launch_reached"}


@pytest.mark.parametrize("reason", ["low_epc", "past_soft_launch_end_date"])
def test_a_pause_is_known_since_the_time_of_the_changelog(reason: str) -> None:
    """The snapshot that shows it may be hours later. Without that time, it is known since it was first seen."""
    paused = {**PAUSED, "reason_code": StatusChangeReason(reason)}
    (found,) = evaluated({**paused, "status_changed_at": hours_after(-3)}).found
    assert found.since == hours_after(-3)
    first = evaluated(paused)
    (found,) = evaluated({**paused, "read_at": hours_after(2)}, first).found
    assert found.since == first.found[0].since == NOON


def test_a_soft_launch_that_the_api_paused_is_one_finding() -> None:
    """The reason of the API is that of its part of the goal, and is not to be repeated as a pause."""
    launch = SoftLaunch(end_at=hours_after(9), filling_goal_percentage=40, demographics_strictness_percentage=0)
    assistants = {"t1": FieldingAssistantAssignment(soft_launch=launch)}
    changes = {**PAUSED, "reason_code": StatusChangeReason.TOTAL_COMPLETES_REACHED}
    assert [one.rule for one in evaluated(changes, assistants=assistants).found] == ["soft_launch_reached"]
    assert [one.rule for one in evaluated(changes).found] == ["paused_by_api"]


def test_an_empty_cell_is_stuck_since_the_start_of_fielding() -> None:
    """The first snapshot shows it; a cell with completes, or without a known start, may have had one just now."""
    cells = (cell("women", completes=0), cell("men"))
    [found] = evaluated({"cells": cells}).found
    assert (found.rule, found.part, found.since) == ("cell_stuck", "GENDER: women", hours_after(-24))
    assert "the target group had 40 completes" in found.seen
    assert not evaluated({"cells": cells, "starts_at": None}).found
    assert not evaluated({"cells": cells, "starts_at": hours_after(-11)}).found
    assert not evaluated({"cells": (cell("women", completes=1), cell("men"))}).found


def test_an_empty_cell_that_is_new_is_not_stuck_yet() -> None:
    """A profile that was replaced has new cells, which count from the time at which they are first seen."""
    before = evaluated({})
    assert not evaluated({"cells": (cell("others", completes=0),)}, before).found


def stuck(*times_and_completes: tuple[float, int, int]) -> tuple[Finding, ...]:
    """Return the last findings of a series: hours, completes of a cell and of its target group."""
    findings = None
    for hours, completes, total in times_and_completes:
        at = hours_after(hours)
        cells = (cell(completes=completes), cell("men", total - completes))
        group = live_group(read_at=at, last_complete_at=at, completes=total, cells=cells)
        findings = evaluate(full_snapshot(group, at=at), RULES, earlier=findings)
    assert findings is not None
    return findings.found


def test_a_cell_is_stuck_if_the_others_get_completes_meanwhile() -> None:
    """The time is that of the first snapshot with the same number of completes."""
    (found,) = stuck((0, 19, 40), (1, 20, 41), (8, 20, 44), (13, 20, 46))
    assert (found.rule, found.part, found.since) == ("cell_stuck", "GENDER: women", hours_after(1))
    assert "at 20 of 50; the target group had 5 completes" in found.seen


@pytest.mark.parametrize(
    "series",
    [
        [(13, 20, 46)],
        [(1, 20, 41), (12.9, 20, 46)],
        [(1, 20, 41), (13, 20, 45)],
        [(1, 20, 41), (12, 21, 45), (13, 21, 46)],
        [(1, 50, 41), (13, 50, 46)],
    ],
    ids=["first snapshot", "too early", "too few others", "a complete", "full"],
)
def test_a_cell_that_may_yet_get_completes_is_not_stuck(series: list[tuple[float, int, int]]) -> None:
    """It takes the hours and the completes of the rule."""
    assert not stuck(*series)


def test_a_cell_keeps_its_time_while_it_cannot_be_read() -> None:
    """Completes only grow: the same number before and after means that there was none in between."""
    counted = {"cells": (cell(),)}
    unread: list[Snapshot] = [
        full_snapshot(live_group(cells=None), at=hours_after(1)),
        full_snapshot(live_group(cells=(cell(completes=None),)), at=hours_after(2)),
        full_snapshot(unlisted=(UnlistedProject("p1", "503"),), at=hours_after(3)),
    ]
    findings = evaluated(counted)
    for taken in unread:
        findings = evaluate(taken, RULES, earlier=findings)
        assert not findings.found
    late = live_group(read_at=hours_after(12), last_complete_at=hours_after(12), completes=45, **counted)
    (found,) = evaluate(full_snapshot(late, at=hours_after(12)), RULES, earlier=findings).found
    assert (found.rule, found.since) == ("cell_stuck", NOON)


def test_the_time_of_a_pause_does_not_count_for_cells() -> None:
    """A cell is stuck some hours after the target group was seen live again."""
    findings = evaluated(PAUSED)
    for hours, stuck_then in ((5, False), (16.9, False), (17, True)):
        at = hours_after(hours)
        group = live_group(read_at=at, last_complete_at=at, completes=40 + int(hours), cells=(cell(),))
        findings = evaluate(full_snapshot(group, at=at), RULES, earlier=findings)
        assert [one.since for one in findings.found] == [hours_after(5)] * stuck_then


def test_cells_with_the_same_name_have_states_of_their_own() -> None:
    """They are numbered."""
    same = (cell("women", 20), cell("women", 20), cell("women", 50))
    first = evaluated({"cells": same})
    later = live_group(
        read_at=hours_after(12), last_complete_at=hours_after(12), completes=50, cells=(cell("women", 30), *same[1:])
    )
    found = evaluate(full_snapshot(later, at=hours_after(12)), RULES, earlier=first).found
    assert [one.part for one in found] == ["GENDER: women (2)"]


def test_the_time_of_a_pause_does_not_count_once_it_was_seen() -> None:
    """A target group that was seen paused has no hours without a complete from before it was seen live again."""
    paused = evaluated(PAUSED)
    resumed = live_group(read_at=hours_after(9), last_complete_at=hours_after(-1))
    first = evaluate(full_snapshot(resumed, at=hours_after(9)), RULES, earlier=paused)
    assert not first.found
    later = attrs.evolve(resumed, read_at=hours_after(15))
    (found,) = evaluate(full_snapshot(later, at=hours_after(15)), RULES, earlier=first).found
    assert (found.rule, found.since) == ("no_completes", hours_after(9))


def test_a_trouble_is_known_since_the_first_snapshot_that_shows_it() -> None:
    """The time stays when the figures change, or are unknown in between."""
    first = evaluated({"conversion_rate": 0.05})
    unread = evaluate(full_snapshot(live_group(read_at=hours_after(1), conversion_rate=None)), RULES, earlier=first)
    assert unread.unconfirmed == first.found
    last = evaluate(full_snapshot(live_group(read_at=hours_after(2), conversion_rate=0.06)), RULES, earlier=unread)
    assert [(one.rule, one.since) for one in last.found] == [("low_conversion", NOON)]


def test_reconciliations_are_due_some_days_before_their_deadline() -> None:
    """Each project and manager is a finding; what makes the sums too low is unknown."""
    project = DueProject(
        project_id="p1",
        project_name="Coffee",
        project_manager_id="m1",
        project_manager_name="Ada",
        project_manager_email=None,
        target_groups=2,
        completes=30,
        money=(dollars("75.00"),),
    )
    due = DueReconciliations(
        deadline=hours_after(60),
        seconds_left=0,
        completes=30,
        money=project.money,
        projects=(project,),
        target_groups=(),
        warnings=("no amount for 1 target group",),
    )
    rules = attrs.evolve(RULES, reconciliation_due=ReconciliationDue(days=2.5))
    findings = evaluate(full_snapshot(), rules, due=due)
    (found,) = findings.found
    assert (found.name, found.target_group_id, found.part) == ("Coffee", None, "Ada, until 2026-03-08 00:00:00 UTC")
    assert found.seen == "30 completes of 2 target groups, 75.00 USD; 2.5 days left until 2026-03-08 00:00:00 UTC"
    assert [one.reason for one in findings.unknown] == ["no amount for 1 target group"]
    earlier = full_snapshot(at=hours_after(-0.1))
    assert not evaluate(earlier, rules, due=due).found
    late = evaluate(full_snapshot(at=hours_after(61)), rules, due=due).found
    assert "the deadline was" in late[0].seen
    none = attrs.evolve(due, projects=(), warnings=())
    unlisted = full_snapshot(unlisted=(UnlistedProject("p1", "503"),))
    over = compare(findings, evaluate(unlisted, rules, earlier=findings, due=none))
    assert [one.reason for one in over.ended] == ["it is no longer so"], "the list of target groups says nothing of it"
    assert evaluate(unlisted, rules, earlier=findings).unconfirmed == findings.found, "they were not read"


async def test_the_troubles_of_a_sandbox_are_found_and_nothing_else(sandbox: Sandbox, client: AsyncClient) -> None:
    """A target group that the API paused is found among others in which all is well."""
    sandbox.seed(live=2, paused=1, draft=1, completed=1, goal=100, completes=40)
    project = sandbox.seed(live=1, goal_reached=True)
    findings = evaluate(await snapshot(client, TargetGroupQuery()), RULES)
    assert [(one.rule, one.target_group_id) for one in findings.found] == [("paused_by_api", project.groups[0].id)]
    assert findings.found[0].seen == "the API paused it: total_completes_reached"
    assert not findings.unknown
