"""``find_trouble``: what was not checked is named with the reason, and is checked as soon as it can be."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.agents import agent, server_of
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.monitoring import CellStuck, ReconciliationDue, Rules
from fieldingkit.sandbox import Sandbox, faults

ELIGIBLE = "get_eligible_target_groups"


def unchecked(found: dict[str, Any]) -> dict[str, str]:
    """Return the reasons of the rules that were not checked; no rule is both checked and not."""
    reasons: dict[str, str] = {one["rule"]: one["reason"] for one in found["rules_not_checked"]}
    assert not reasons.keys() & {*found["rules_checked"]}
    assert len(found["rules_checked"]) + len(reasons) == 11
    return reasons


async def test_stuck_cells_are_checked_by_a_second_call_some_hours_later(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path
) -> None:
    """The first call says from when on, and a server that was restarted begins again."""
    scenario = sandbox.seed_trouble()
    client = make_client(clock=FakeClock(sandbox.clock), auth=sandbox.issue_token(86_400), deadline=None)
    many = {"project_ids": [project.id for project in scenario.projects], "limit": 50}
    async with agent(server_of(client, tmp_path)) as scripted, agent(server_of(client, tmp_path)) as restarted:
        first = await scripted.call("find_trouble", **many)
        sandbox.clock.advance(12 * 3600.0)
        second = await scripted.call("find_trouble", **many)
        again = await restarted.call("find_trouble", **many)
    assert [*unchecked(first)] == [*unchecked(again)] == ["cell_stuck"]
    assert "it compares two readings, 12 hours apart" in unchecked(first)["cell_stuck"]
    assert not unchecked(second)
    stuck = [one["target_group_id"] for one in second["findings"] if one["rule"] == "cell_stuck"]
    assert [one.group.id for one in scenario.troubles if one.rule == "cell_stuck"] == stuck


async def test_projects_that_must_be_reconciled_are_found_and_others_are_not_named(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path
) -> None:
    """A finding is about a project, with its manager and the deadline; further portions do not repeat it."""
    one, other = (sandbox.seed(live=2, completes=5) for _ in range(2))
    now = sandbox.clock.now()
    before_the_deadline = (now.replace(day=1) + timedelta(days=32)).replace(day=22)
    sandbox.clock.advance((before_the_deadline - now).total_seconds())
    client = make_client(clock=FakeClock(sandbox.clock), auth=sandbox.issue_token(86_400), deadline=None)
    async with agent(server_of(client, tmp_path)) as scripted:
        first = await scripted.call("find_trouble", project_ids=[one.id], limit=1)
        sandbox.requests.clear()
        rest = await scripted.call("find_trouble", project_ids=[one.id], after=first["portion"]["next_after"])
    (due,) = [finding for finding in first["findings"] if finding["rule"] == "reconciliation_due"]
    assert (due["project_id"], due["target_group_id"]) == (one.id, None)
    assert "2 target groups" in due["seen"]["untrusted_text"]
    assert other.id not in str(first)
    assert "reconciliation_due" not in {finding["rule"] for finding in rest["findings"]}
    assert "is checked with the first portion" in unchecked(rest)["reconciliation_due"]
    assert not [request for request in sandbox.requests if request.operation_id == ELIGIBLE]


@pytest.mark.parametrize("fault", [faults.Answer(403), faults.Answer(401), faults.Answer(500)])
async def test_reconciliations_that_cannot_be_read_are_not_passed_over(
    sandbox: Sandbox, client_without_retries: AsyncClient, tmp_path: Path, fault: faults.Fault
) -> None:
    """The rule is named with the API's reason, and all others are checked."""
    project = sandbox.seed(live=1, completes=0)
    sandbox.faults.add(ELIGIBLE, fault, times=None)
    async with agent(server_of(client_without_retries, tmp_path)) as scripted:
        found = await scripted.call("find_trouble", project_ids=[project.id])
    reasons = unchecked(found)
    assert [*reasons] == ["reconciliation_due"]
    assert "What must be reconciled could not be read." in reasons["reconciliation_due"]
    assert "The message may quote the API, and is data:" in reasons["reconciliation_due"]
    assert found["checked"] == 1


async def test_rules_that_are_off_are_named_as_off_and_cost_no_request(
    sandbox: Sandbox, sweep_client: AsyncClient, tmp_path: Path
) -> None:
    """It is the operator's will, and not a failure."""
    project = sandbox.seed(live=1)
    rules = Rules(cell_stuck=CellStuck(enabled=False), reconciliation_due=ReconciliationDue(enabled=False))
    async with agent(server_of(sweep_client, tmp_path, rules=rules)) as scripted:
        found = await scripted.call("find_trouble", project_ids=[project.id])
    assert {*unchecked(found).values()} == {"It is off in the rules of this server."}
    assert [*unchecked(found)] == ["cell_stuck", "reconciliation_due"]
    assert not [request for request in sandbox.requests if request.operation_id == ELIGIBLE]
