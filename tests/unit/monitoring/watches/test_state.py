"""The state of a watch: its order, and its document."""

import json

from support.monitored_groups import NOON, cell, full_snapshot, hours_after, live_group

from fieldingkit.monitoring import (
    Condition,
    Findings,
    RuleName,
    UnreadDetail,
    WatchedGroup,
    WatchState,
    compare,
    evaluate,
    forecast_group,
)
from fieldingkit.monitoring.findings import Finding
from fieldingkit.monitoring.watches.state import by_trouble, by_urgency


def finding(rule: RuleName, group: str | None = "t1") -> Finding:
    """Return a finding."""
    return Finding(
        rule=rule, project_id="p1", target_group_id=group, name="Germany", seen="seen", since=NOON, action="act"
    )


def watched(name: str, *rules: RuleName, **changes: object) -> WatchedGroup:
    """Return a target group with findings."""
    group = live_group(name=name, target_group_id=name)
    fields = {"group": group, "details_at": NOON, "findings": by_urgency(map(finding, rules)), **changes}
    return WatchedGroup(**fields)  # type: ignore[arg-type]  # fields of several types in one mapping


def state_of(*groups: WatchedGroup) -> WatchState:
    """Return a state of target groups."""
    findings = Findings(at=NOON, found=tuple(one for group in groups for one in group.findings))
    return WatchState(at=NOON, read_at=NOON, groups=groups, findings=findings, changes=compare(None, findings))


def test_groups_in_trouble_come_first_by_urgency_then_those_not_known() -> None:
    """A target group that the API paused comes before one that is off its bid; one not fully read before one well."""
    unread = live_group(name="unread", unread=(UnreadDetail(detail="price", reason="500"),))
    groups = [
        watched("well"),
        watched("off bid", RuleName.INCIDENCE_OFF_BID),
        watched("unread", group=unread),
        watched("not listed", problem="403"),
        watched("paused", RuleName.PAUSED_BY_API),
        watched("both", RuleName.INCIDENCE_OFF_BID, RuleName.PAUSED_BY_API),
    ]
    names = [one.group.name for one in by_trouble(groups)]
    assert names == ["both", "paused", "off bid", "not listed", "unread", "well"]


def test_a_group_that_may_not_fill_comes_before_a_surer_one() -> None:
    """Among those that are well, the lower chance comes first."""
    sure, unsure = (
        watched(name, forecast=forecast_group([live_group(completes=completes, starts_at=hours_after(-48))]))
        for name, completes in (("a sure one", 95), ("unsure", 20))
    )
    assert [one.group.name for one in by_trouble([sure, unsure])] == ["unsure", "a sure one"]


def test_every_rule_has_a_place_in_the_order() -> None:
    """A new rule is not forgotten."""
    assert {one.rule for one in by_urgency(map(finding, RuleName))} == set(RuleName)


def test_the_condition_says_trouble_unknown_or_well() -> None:
    """A trouble wins over what is not known."""
    assert watched("a").condition is Condition.WELL
    assert watched("a", problem="403").condition is Condition.UNKNOWN
    assert watched("a", RuleName.CELL_STUCK, problem="403").condition is Condition.TROUBLE


def test_the_document_has_rows_forecasts_and_cells_and_is_json() -> None:
    """One flat row a target group, for programs; the figures that only the next evaluation needs are left out."""
    group = live_group(cells=(cell("men", 10, 50),), last_complete_at=hours_after(-7))
    findings = evaluate(full_snapshot(group))
    state = WatchState(
        at=NOON,
        read_at=hours_after(-1),
        groups=(WatchedGroup(group=group, details_at=NOON, forecast=forecast_group([group]), findings=findings.found),),
        findings=findings,
        changes=compare(None, findings),
    )
    document = json.loads(json.dumps(state.to_document()))
    (row,) = document["groups"]
    assert (row["condition"], row["findings"], row["price"]) == ("trouble", ["no_completes"], "2.50")
    assert row["cells"][0]["fill"] == 0.2
    assert row["forecast"]["status"] == "open"
    assert row["details_at"] == "2026-03-05T12:00:00.000Z"
    assert [one["rule"] for one in document["new"]] == ["no_completes"]
    assert "intervals" not in row
    assert document["complete"] is True
    assert (document["at"], document["read_at"]) == ("2026-03-05T12:00:00.000Z", "2026-03-05T11:00:00.000Z")


def test_the_repr_counts_groups_and_those_in_trouble() -> None:
    """A state is short in a notebook."""
    state = state_of(watched("a", RuleName.CELL_STUCK), watched("b"))
    assert repr(state) == "<WatchState 2 target groups, 1 in trouble>"
    assert repr(state.groups[0]) == "<WatchedGroup 'a', trouble>"
