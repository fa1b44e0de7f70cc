"""Allocations of target groups in the sandbox: read with counters, replaced in any status, followed by respondents."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Caller, one
from support.sandbox_drafts import created, launch

from fieldingkit.sandbox import Sandbox

GROUP = {"group_name": "Best", "min_percentage": 10, "max_percentage": 50, "supplier_ids": ["4321", "4350"]}


def body(*groups: dict[str, Any], blocked: tuple[str, ...] = (), most: int = 100, **private: Any) -> dict[str, Any]:
    """Return the body of an update."""
    return {
        "open_exchange_allocations": {
            "blocked_supplier_ids": [*blocked],
            "exchange_min_percentage": 0,
            "exchange_max_percentage": most,
            "groups": [*groups],
        },
        "private_exchange_allocations": {"blocked_supplier_ids": [], "groups": [], **private},
    }


def counts(allocations: Any) -> dict[int, tuple[int, int]]:
    """Return completes and prescreens of each supplier of the open exchange."""
    opened = allocations["open_exchange_allocations"]
    listed = [*opened["exchange_suppliers"], *opened["blocked_suppliers"]]
    listed += [supplier for group in opened["groups"] for supplier in group["suppliers"]]
    return {supplier["id"]: (supplier["completes"], supplier["pre_screens"]) for supplier in listed}


@pytest.mark.parametrize("status", ["draft", "live", "paused", "completed"])
async def test_allocations_are_replaced_in_any_status(sandbox: Sandbox, call: Caller, status: str) -> None:
    """A seeded target group admits everybody; an update is what is read afterwards, with names and ids."""
    path = f"{call.group_path(one(sandbox, status))}/allocation-specification"
    before = (await call("GET", path)).json["open_exchange_allocations"]
    assert [supplier["id"] for supplier in before["exchange_suppliers"]] == [980, 3334, 4321, 4350, 4351]
    assert (before["blocked_suppliers"], before["groups"]) == ([], [])
    private = [{"group_name": "Own", "min_percentage": 0, "max_percentage": 9, "supplier_id": "4351"}]
    assert (await call("PUT", path, json=body(GROUP, blocked=("3334",), most=60, groups=private))).status == 204
    after = (await call("GET", path)).json
    opened = after["open_exchange_allocations"]
    assert [supplier["name"] for supplier in opened["blocked_suppliers"]] == ["BCD Panels"]
    assert [supplier["id"] for supplier in opened["exchange_suppliers"]] == [980, 4351]
    assert [supplier["id"] for supplier in opened["groups"][0]["suppliers"]] == [4321, 4350]
    assert after["private_exchange_allocations"]["groups"][0]["supplier"]["id"] == 4351


async def test_a_group_keeps_its_id(sandbox: Sandbox, call: Caller) -> None:
    """A group with its id is the same one; without it, it is a new one; an unknown id is a 400."""
    path = f"{call.group_path(one(sandbox, 'live'))}/allocation-specification"
    await call("PUT", path, json=body(GROUP))
    (group,) = (await call("GET", path)).json["open_exchange_allocations"]["groups"]
    assert (await call("PUT", path, json=body({**GROUP, "group_id": group["group_id"]}))).status == 204
    (same,) = (await call("GET", path)).json["open_exchange_allocations"]["groups"]
    assert same["group_id"] == group["group_id"]
    await call("PUT", path, json=body(GROUP))
    (other,) = (await call("GET", path)).json["open_exchange_allocations"]["groups"]
    assert other["group_id"] != group["group_id"]
    refused = await call("PUT", path, json=body({**GROUP, "group_id": group["group_id"]}))
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, "group_id")


async def test_suppliers_are_counted_from_the_ledger(sandbox: Sandbox, call: Caller) -> None:
    """The completes of all suppliers are those of the target group, and a group's those of its suppliers."""
    group = await created(sandbox, call)
    await launch(call, group, sandbox.clock)
    sandbox.clock.advance(timedelta(days=2).total_seconds())
    allocations = (await call("GET", f"{call.group_path(group)}/allocation-specification")).json
    found = counts(allocations)
    assert sum(completes for completes, _ in found.values()) == group.completes > 0
    assert sum(prescreens for _, prescreens in found.values()) == group.ledger.prescreens
    (best,) = allocations["open_exchange_allocations"]["groups"]
    assert best["completes"] == found[4321][0] + found[4350][0]
    assert best["total_remaining"] == max(0, group.goal // 2 - best["completes"])
    assert found[3334] == (0, 0)


async def test_a_blocked_supplier_brings_nobody_any_more(sandbox: Sandbox, call: Caller) -> None:
    """Those who came keep their supplier; those who come later are of the others."""
    group = await created(sandbox, call)
    await launch(call, group, sandbox.clock)
    sandbox.clock.advance(timedelta(hours=4).total_seconds())
    path = f"{call.group_path(group)}/allocation-specification"
    before = counts((await call("GET", path)).json)
    assert (await call("PUT", path, json=body(blocked=("4321",)))).status == 204
    assert counts((await call("GET", path)).json) == before
    sandbox.clock.advance(timedelta(hours=4).total_seconds())
    after = counts((await call("GET", path)).json)
    assert after[4321] == before[4321]
    assert after[4351][0] > before[4351][0]
    assert sum(completes for completes, _ in after.values()) == group.completes


async def test_a_target_group_without_suppliers_gets_nobody(sandbox: Sandbox, call: Caller) -> None:
    """When all suppliers are blocked, no complete arrives."""
    group = await created(sandbox, call)
    await launch(call, group, sandbox.clock)
    path = f"{call.group_path(group)}/allocation-specification"
    completes = group.completes
    assert (await call("PUT", path, json=body(blocked=("980", "3334", "4321", "4350", "4351")))).status == 204
    sandbox.clock.advance(timedelta(days=1).total_seconds())
    assert group.completes == completes


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"private_exchange_allocations": None}, "private_exchange_allocations"),
        ({"open_exchange_allocations": None}, "open_exchange_allocations"),
        (body({**GROUP, "supplier_ids": ["7"]}), "supplier_ids"),
        (body({**GROUP, "max_percentage": 101}), "max_percentage"),
        (body(blocked=("7",)), "blocked_supplier_ids"),
    ],
)
async def test_malformed_allocations_change_nothing(
    sandbox: Sandbox, call: Caller, change: dict[str, Any], name: str
) -> None:
    """A 400 names the member, and the allocations stay as they are."""
    path = f"{call.group_path(one(sandbox, 'live'))}/allocation-specification"
    before = (await call("GET", path)).json
    refused = await call("PUT", path, json={**body(GROUP), **change})
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, name)
    assert (await call("GET", path)).json == before
