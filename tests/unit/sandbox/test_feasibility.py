"""The sandbox's feasibility: consistent with the flow of completes, in the currency of the business unit."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, SandboxClock
from fieldingkit.sandbox.formats import write_timestamp

PATH = "/demand/accounts/101/target-groups/calculate-feasibility"


def plan(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    """Return the settings of a plan that is feasible within ten days."""
    now = sandbox.clock.now()
    period = {"start_at": write_timestamp(now), "end_at": write_timestamp(now + timedelta(days=10))}
    return {
        "business_unit_id": 1234,
        "locale": "eng_us",
        "expected_incidence_rate": 0.25,
        "expected_length_of_interview_minutes": 15,
        "completes_goal": 500,
        "fielding_specification": period,
        **changes,
    }


def money(value: str, currency: str = "USD") -> dict[str, Any]:
    """Return an amount as a request has it."""
    return {"value": value, "currency_code": currency}


def completes(found: Answer) -> tuple[int, int]:
    """Return the range of completes in an answer."""
    assert found.status == 200
    expected = found.json["suggested_completes_goal_range"]
    return expected["min"], expected["max"]


async def test_reach_is_panel_times_incidence_times_price(sandbox: Sandbox, call: Caller) -> None:
    """One of 1,000 panelists enters a day, a quarter qualifies; half the price on the card halves the completes."""
    assert completes(await call("POST", PATH, json=plan(sandbox))) == (8500, 9500)
    on_card = 30 + 15 * 12 + 150
    half = money(f"{on_card / 200:.2f}")
    assert completes(await call("POST", PATH, json=plan(sandbox, cost_per_interview=half))) == (4250, 4750)
    assert completes(await call("POST", PATH, json=plan(sandbox, price=half))) == (4250, 4750)


async def test_what_hardly_anybody_can_answer_has_no_completes(sandbox: Sandbox, call: Caller) -> None:
    """An incidence rate that is almost zero is answered with no completes and the price on the card."""
    found = await call("POST", PATH, json=plan(sandbox, expected_incidence_rate=1e-300))
    assert completes(found) == (0, 0)
    assert found.json["suggested_price"] == found.json["suggested_price_range"]["max"]


async def test_the_suggested_price_reaches_the_goal(sandbox: Sandbox, call: Caller) -> None:
    """At the suggested price even the least completes reach the goal, at one cent less they do not."""
    suggested = (await call("POST", PATH, json=plan(sandbox, completes_goal=5000))).json["suggested_price"]
    at_price = plan(sandbox, cost_per_interview=money(suggested["value"]))
    assert completes(await call("POST", PATH, json=at_price))[0] >= 5000
    below = plan(sandbox, cost_per_interview=money(f"{float(suggested['value']) - 0.01:.2f}"))
    assert completes(await call("POST", PATH, json=below))[0] < 5000


async def test_amounts_are_in_the_currency_of_the_unit(sandbox: Sandbox, call: Caller) -> None:
    """The European unit has euros; an amount in another currency is a 400 that names it."""
    body = plan(sandbox, business_unit_id=5678)
    assert (await call("POST", PATH, json=body)).json["suggested_price"]["currency_code"] == "EUR"
    for name in ("cost_per_interview", "rate_card_price_boost"):
        refused = await call("POST", PATH, json={**body, name: money("2.50")})
        assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, name)


async def test_quotas_share_the_completes(sandbox: Sandbox, call: Caller) -> None:
    """Each target gets its share; without quotas all get the same."""

    def profiling(*percentages: int) -> dict[str, Any]:
        targets = [
            {
                "conditions": [{"object": "selection", "question_id": 43, "option": str(1 + index)}],
                **({"quota": {"completes_goal_percentage": percentage}} if percentage else {}),
            }
            for index, percentage in enumerate(percentages)
        ]
        profile = {"object": "regular", "quotas_enabled": True, "targets": targets}
        return {"profile_adjustment_type": "percentage", "profiles": [profile]}

    for percentages, expected in (((75, 25), [7125, 2375]), ((0, 0), [4750, 4750])):
        found = await call("POST", PATH, json=plan(sandbox, profiling=profiling(*percentages)))
        (profile,) = found.json["profiles"]
        assert [
            target["quota"]["max_completes"]["projected_completes_goal"] for target in profile["targets"]
        ] == expected
    refused = await call("POST", PATH, json=plan(sandbox, profiling=profiling(75, 20)))
    assert refused.json["invalid_params"][0]["name"] == "profile_validation_error_009"


async def test_groups_of_suppliers_have_bounds(sandbox: Sandbox, call: Caller) -> None:
    """The least and the most of a group follow from its percentages."""
    group = {"group_name": "Two", "min_percentage": 10, "max_percentage": 50}
    opened = {
        "blocked_supplier_ids": [],
        "exchange_min_percentage": 0,
        "exchange_max_percentage": 80,
        "groups": [{**group, "suppliers": ["4321"]}],
    }
    private = {"blocked_supplier_ids": [], "groups": [{**group, "group_name": "Own", "supplier_id": "4350"}]}
    allocations = {"open_exchange_allocations": opened, "private_exchange_allocations": private}
    found = (await call("POST", PATH, json=plan(sandbox, allocations=allocations))).json["allocations"]
    assert found == {
        "open_exchange_allocations": {
            "min_completes": 0,
            "max_completes": 7600,
            "groups": [{"group_name": "Two", "min_completes": 850, "max_completes": 4750}],
        },
        "private_exchange_allocations": {
            "groups": [{"group_name": "Own", "min_completes": 850, "max_completes": 4750}],
        },
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"business_unit_id": "1234"}, "business_unit_id"),
        ({"business_unit_id": 1}, "business_unit_id"),
        ({"locale": "eng_zz"}, "locale"),
        ({"expected_incidence_rate": 0}, "expected_incidence_rate"),
        ({"expected_length_of_interview_minutes": 46}, "expected_length_of_interview_minutes"),
        ({"completes_goal": 10_001}, "completes_goal"),
        ({"fielding_specification": None}, "fielding_specification"),
        ({"step_days": -1}, "step_days"),
        ({"collects_pii": "no"}, "collects_pii"),
        ({"profiling": []}, "profiling"),
        ({"profiling": {"profile_adjustment_type": "percentage", "profiles": [7]}}, "profiling"),
        ({"allocations": {}}, "open_exchange_allocations"),
    ],
)
async def test_a_malformed_plan_is_refused(sandbox: Sandbox, call: Caller, changes: dict[str, Any], name: str) -> None:
    """A setting that is missing or out of bounds is a 400 that names it."""
    refused = await call("POST", PATH, json=plan(sandbox, **changes))
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, name)


async def test_a_draft_has_no_feasibility_by_id(sandbox: Sandbox, call: Caller) -> None:
    """A draft is a 422 with the code of a wrong state; an unknown group is a 404."""
    path = call.group_path(one(sandbox, "draft"))
    refused = await call("POST", f"{path}/calculate-feasibility", json={})
    assert (refused.status, refused.json["object"]) == (422, "invalid_state_error")
    assert (await call("POST", f"{path[:-1]}0/calculate-feasibility", json={})).status == 404


async def test_a_launched_group_counts_its_completes(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Without a body all settings are its own; completes so far are expected too, and settings can be replaced."""
    group = one(sandbox, "live", completes=10)
    path = f"{call.group_path(group)}/calculate-feasibility"
    before = completes(await call("POST", path))
    group.completes = 15
    assert completes(await call("POST", path)) == (before[0] + 5, before[1] + 5)
    assert completes(await call("POST", path, json={"incidence_rate": 0.25}))[1] < before[1]
    end_at = write_timestamp(clock.now() + timedelta(days=1))
    assert completes(await call("POST", path, json={"end_at": end_at}))[1] < before[1]
    assert completes(await call("POST", path, json={"cost_per_interview": money("0.10")}))[1] < before[1]
    start_at = write_timestamp(clock.now() + timedelta(days=2))
    assert (await call("POST", path, json={"start_at": start_at, "end_at": end_at})).status == 400
    assert (await call("POST", path, json={"length_of_interview": 0})).status == 400
