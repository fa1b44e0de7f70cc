"""The scenario of troubles: monitoring finds each of them once, and all operations agree about the figures."""

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldingkit import AsyncClient
from fieldingkit.monitoring import Findings, RuleName, evaluate, forecast_group, snapshot
from fieldingkit.resources.accounts import ListAccounts
from fieldingkit.resources.fielding_assistant import GetFieldingAssistantAssignment
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup, TransitionRefusedError, TroubleScenario
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.outcomes import Outcome
from fieldingkit.sweeps import TargetGroupQuery
from fieldingkit.workflows.due_reconciliations import due

AUTUMN = datetime(2026, 11, 26, 19, tzinfo=UTC)
BEFORE_THE_DEADLINE = datetime(2026, 3, 22, 3, 10, tzinfo=UTC)
STARTED = frozenset({TargetGroupStatus.LIVE, TargetGroupStatus.PAUSED})


def sandbox_at(start: datetime, seed: int = 0) -> Sandbox:
    """Return a sandbox whose clock stands still."""
    return Sandbox(clock=SandboxClock(start, seconds=lambda: 0.0), seed=seed, token_lifetime=10**9)


async def findings(client: AsyncClient, earlier: Findings | None) -> Findings:
    """Return what the default rules find in all target groups."""
    state = await snapshot(client, TargetGroupQuery())
    assistants = {
        group.target_group_id: await client.send(
            GetFieldingAssistantAssignment(project_id=group.project_id, target_group_id=group.target_group_id)
        )
        for group in state.groups
        if group.status in STARTED
    }
    forecasts = {group.target_group_id: forecast_group([group]) for group in state.groups}
    return evaluate(state, earlier=earlier, forecasts=forecasts, assistants=assistants, due=await due(client))


def found_in(findings: Findings) -> list[tuple[str, str | None]]:
    """Return the rules with the target group or the project of each finding."""
    return sorted((str(one.rule), one.target_group_id or one.project_id) for one in findings.found)


def planted_in(scenario: TroubleScenario, at: datetime) -> list[tuple[str, str | None]]:
    """Return the same of the troubles that are open at a date."""
    return sorted(
        (one.rule, one.project.id if one.rule == RuleName.RECONCILIATION_DUE else one.group.id)
        for one in scenario.troubles
        if one.is_open_at(at)
    )


@pytest.mark.parametrize(("start", "seed"), [(AUTUMN, 0), (BEFORE_THE_DEADLINE, 7)])
async def test_the_default_rules_find_each_trouble_and_nothing_else(start: datetime, seed: int) -> None:
    """At the start and an hour later."""
    async with (
        sandbox_at(start, seed) as sandbox,
        AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client,
    ):
        scenario = sandbox.seed_trouble()
        await client.send(ListAccounts())  # from now on the client knows the time of the sandbox
        first = await findings(client, None)
        assert found_in(first) == planted_in(scenario, start)
        assert {one.rule for one in first.unknown} <= {RuleName.END_BEFORE_GOAL}
        sandbox.clock.advance(3600)
        later = await findings(client, first)
        assert found_in(later) == planted_in(scenario, sandbox.clock.now())
        assert not later.unconfirmed


def test_there_is_one_trouble_of_each_kind() -> None:
    """Each rule has one, and its target group is in its project; most target groups are well."""
    scenario = sandbox_at(BEFORE_THE_DEADLINE).seed_trouble()
    assert sorted(one.rule for one in scenario.troubles) == sorted(RuleName)
    assert all(one.group in one.project.groups for one in scenario.troubles)
    assert len(scenario.healthy) > len(scenario.troubles)
    assert all("well" in group.name for group in scenario.healthy)
    assert all("well" not in one.group.name for one in scenario.troubles)


@pytest.mark.parametrize("day", [1, 20, 21, 25, 26, 31])
def test_a_reconciliation_is_due_from_the_21st_to_the_25th(day: int) -> None:
    """On all other days it is still to come, and never past its deadline."""
    now = datetime(2026, 1, day, 12, tzinfo=UTC)
    planted = next(one for one in sandbox_at(now).seed_trouble().troubles if one.rule == "reconciliation_due")
    assert planted.is_open_at(now) == (21 <= day <= 25)
    assert planted.until is not None
    assert planted.until > now


def test_the_same_seed_gives_the_same_scenario() -> None:
    """Completes and respondents are the same at any time of day, but for the target group with a day rhythm."""
    places = ((AUTUMN, 3), (BEFORE_THE_DEADLINE, 3), (AUTUMN, 4))
    worlds = [sandbox_at(start, seed).seed_trouble() for start, seed in places]
    first, again, other = (
        [
            (group.name, group.completes, group.ledger.entrants)
            for project in world.projects
            for group in project.groups
            if "rhythm" not in group.name
        ]
        for world in worlds
    )
    assert first == again != other


class Reader:
    """Reads the API of a sandbox without a socket."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.headers = {"Authorization": f"Bearer {sandbox.token}", "Cint-API-Version": "2025-12-18"}

    def read(self, path: str) -> dict[str, Any]:
        """Return the body of a path below the account."""
        target = f"/v1/demand/accounts/{self.sandbox.account_id}{path}"
        answer = self.sandbox.answer("GET", target, self.headers)
        assert answer.status == 200, answer.body
        body: dict[str, Any] = json.loads(answer.body)
        return body

    def last_count(self, path: str) -> int | None:
        """Return the last total of the completes by hour; None if fielding has not begun."""
        body = self.read(f"{path}/completes-aggregated-by-interval?aggregation_interval=PT1H")
        counts = [interval["count"] for interval in body["aggregated_completes_intervals"]]
        assert counts == sorted(counts)
        return counts[-1] if counts else None

    def check(self, group: TargetGroup) -> None:
        """Assert that all operations report the same figures of a target group."""
        path = f"/projects/{group.project_id}/target-groups/{group.id}"
        overview, performance = self.read(f"{path}/overview"), self.read(f"{path}/performance")
        listed = next(
            one
            for one in self.read(f"/projects/{group.project_id}/target-groups")["target_groups"]
            if one["id"] == group.id
        )["statistics"]
        respondents = group.respondents
        people = Counter(one.outcome for one in respondents)
        passed = sum(one.stage == "survey" for one in respondents)
        completes = people["complete"]
        progress = overview["progress"]
        assert progress == listed["progress"]["value"]
        assert (progress["current_completes"], progress["current_prescreens"]) == (completes, passed)
        assert (performance["completes"], performance["prescreens"]) == (completes, passed)
        assert performance["entrants"] == people.total()
        ends = {one["status"]: one["count"] for one in performance["respondent_analysis"]["live"]}
        left = people["drop_off"]
        assert ends == {"Complete": completes, "In Survey": left, "Terminate": people.total() - completes - left}
        for name in ("conversion_rate", "drop_off_rate", "incidence_rate", "median_length_of_interview_seconds"):
            if completes:
                assert overview[name] == listed[name]["value"] == performance.get(name, overview[name])
        rates = (overview["conversion_rate"], overview["incidence_rate"], overview["drop_off_rate"])
        parts = ((completes, people.total()), (passed, people.total()), (left, passed))
        assert rates == tuple(round(part / whole, 4) if whole else 0 for part, whole in parts)
        paid = sum((one.price.value for one in respondents if one.price), Decimal(0))
        assert Decimal(overview["current_cost"]["value"]) == paid == Decimal(performance["completes_cost"]["value"])
        assert self.last_count(path) in {completes, None}
        for profile in self.read(f"{path}/profiles")["profiles"]:
            quotas = [target["quota"] for target in profile["targets"]]
            assert sum(quota["completes"] for quota in quotas) == completes
            assert sum(quota["prescreens"] for quota in quotas) == passed
        changes = [
            change
            for entry in self.read(f"{path}/changelog?change_types=status_change")["changelog"]
            for change in entry["changes"]
        ]
        assert {overview["status"]} == {change["new_value"] for change in changes[:1]} or not changes


def test_all_operations_agree_about_every_target_group() -> None:
    """At the start, an hour later, and after outcomes have changed."""
    sandbox = sandbox_at(AUTUMN)
    scenario, reader = sandbox.seed_trouble(), Reader(sandbox)
    groups = [group for project in scenario.projects for group in project.groups]
    for group in groups:
        reader.check(group)
    for project in scenario.projects:
        total = reader.read(f"/projects/{project.id}/overview")["statistics"]["current_completes"]
        assert total == sum(group.completes for group in project.groups)
    sandbox.clock.advance(3600)
    for group in groups:
        ends = {one.outcome: one.number for one in group.respondents}
        for outcome in ends.keys() & {"complete", "drop_off"}:
            group.ledger.settle(ends[outcome], "quality_terminate", at=sandbox.clock.now(), origin="s2s")
        reader.check(group)


def act(sandbox: Sandbox, group: TargetGroup, action: str, number: int) -> None:
    """Change a target group, or let time pass."""
    now = sandbox.clock.now()
    match action:
        case "advance":
            sandbox.clock.advance(number**3)
        case "pause" | "resume":
            with contextlib.suppress(TransitionRefusedError):
                group.act(action, by="a colleague")
        case "settle" if group.ledger.entrants:
            outcomes: tuple[Outcome, ...] = ("complete", "screenout", "quality_terminate", "quota_full")
            entrant = 1 + number % group.ledger.entrants
            group.ledger.settle(entrant, outcomes[number % len(outcomes)], at=now, origin="s2s")
        case "price":
            group.set_price(Amount(Decimal(1 + number % 4)), at=now, request=0)
        case "goal":
            group.set_goal(max(1, group.completes + number), at=now, request=0)
        case "assign":
            group.completes = number
        case _:
            pass


@settings(max_examples=15)
@given(
    place=st.integers(0, 22),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["advance", "pause", "resume", "settle", "price", "goal", "assign"]), st.integers(0, 150)
        ),
        max_size=8,
    ),
)
def test_all_operations_agree_after_any_actions(place: int, steps: list[tuple[str, int]]) -> None:
    """The ledger stays the only source of all figures."""
    sandbox = sandbox_at(AUTUMN)
    groups = [group for project in sandbox.seed_trouble().projects for group in project.groups]
    for action, number in steps:
        act(sandbox, groups[place], action, number)
    Reader(sandbox).check(groups[place])
