"""The modules of the fielding assistant: read and replaced as a whole."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, TargetGroup, TransitionRefusedError
from fieldingkit.sandbox.formats import write_timestamp

OFF = {"pricing": None, "quota_overlay": None, "pacing": None, "soft_launch": None}
PACING = {"type": "linear", "increment_interval": "PT12H"}


def amount(value: str) -> dict[str, object]:
    """Return an amount of dollars."""
    return {"value": value, "currency_code": "USD", "currency_scale": 2}


async def read(call: Caller, group: TargetGroup) -> Answer:
    """Read the modules."""
    return await call("GET", f"{call.group_path(group)}/fielding-assistant-assignment")


async def put(call: Caller, group: TargetGroup, body: object, headers: dict[str, str] | None = None) -> Answer:
    """Replace the modules, with the current entity tag unless other headers are given."""
    if headers is None:
        headers = {"If-Match": (await read(call, group)).headers["ETag"]}
    return await call("PUT", f"{call.group_path(group)}/fielding-assistant-assignment", json=body, headers=headers)


async def test_a_write_replaces_every_module(sandbox: Sandbox, call: Caller) -> None:
    """A module that a write omits is off afterwards; an unknown module is kept as it was sent."""
    group = one(sandbox, "live")
    first = await read(call, group)
    assert {name for name, module in first.json.items() if module} == {"pricing", "quota_overlay"}
    assert first.headers["ETag"] == 'W/"1"'
    for body in ({"pacing": PACING}, {"novelty": {"type": "new"}}, {}):
        assert (await put(call, group, body)).status == 204
        assert (await read(call, group)).json == OFF | body
    await put(call, group, {"pacing": None})
    answer = await read(call, group)
    assert (answer.json, answer.headers["ETag"]) == (OFF, 'W/"5"')


async def test_a_write_needs_the_current_etag(sandbox: Sandbox, call: Caller) -> None:
    """Another entity tag is a 412, none at all a 400, and nothing is changed."""
    group = one(sandbox, "live")
    before = (await read(call, group)).json
    assert (await put(call, group, {}, {"If-Match": 'W/"9"'})).status == 412
    assert (await put(call, group, {}, {"If-None-Match": "*"})).status == 412
    assert (await put(call, group, {}, {})).status == 400
    assert (await read(call, group)).json == before


@pytest.mark.parametrize(
    "body",
    [
        {"pricing": {"type": "dynamic", "total_budget": amount("900.00"), "minimum_cpi": amount("9.00")}},
        {"pricing": {"type": "dynamic", "maximum_cpi": amount("2"), "minimum_cpi": amount("1.5")}},
        {"pricing": {"type": "rate_card", "maximum_cpi": amount("2"), "boost_cpi": amount("1")}},
        {"quota_overlay": {"prevent_overfill": False, "balance_fill": True}},
        {"pacing": {"type": "adaptive", "increment_interval": "P1DT5H"}},
        {"pacing": {"type": "gemini", "exposed_target_group_id": "01BTGNYV6HRNK8K8VKZASZCFP1"}},
    ],
)
async def test_every_form_of_a_module_is_accepted(sandbox: Sandbox, call: Caller, body: dict[str, Any]) -> None:
    """Every documented form of a module is accepted and read back unchanged, and its changes are listed."""
    group = one(sandbox, "live")
    assert (await put(call, group, body)).status == 204
    assert (await read(call, group)).json == OFF | body
    assert (await call("GET", f"{call.group_path(group)}/changelog")).status == 200


async def test_the_changelog_lists_each_changed_field(sandbox: Sandbox, call: Caller) -> None:
    """Each changed field of a module is listed with its old and its new value."""
    group = one(sandbox, "live")
    pricing = {"type": "dynamic", "maximum_cpi": amount("7.00")}
    await put(call, group, {"pricing": pricing, "pacing": PACING})
    (entry,) = (await call("GET", f"{call.group_path(group)}/changelog")).json["changelog"]
    assert {item["object"]: (item["old_value"], item["new_value"]) for item in entry["changes"]} == {
        "pricing_dynamic_maximum_cpi_change": (amount("5.00"), amount("7.00")),
        "quota_overlay_assisted_change": (True, False),
        "quota_overlay_prevent_overfilling_change": (True, None),
        "quota_overlay_balance_fill_change": (False, None),
        "pacing_assistance_change": (None, "linear"),
        "pacing_linear_increment_interval_change": (None, "PT12H"),
    }


async def test_a_soft_launch_pauses_at_its_part_of_the_goal(sandbox: Sandbox, call: Caller) -> None:
    """A live run pauses at the percentage, rounded up, and can be resumed once the module is off."""
    group = sandbox.seed(live=1, goal=25, completes=0).groups[0]
    end_at = write_timestamp(sandbox.clock.now() + timedelta(hours=5))
    module = {"end_at": end_at, "filling_goal_percentage": 10, "demographics_strictness_percentage": 0}
    assert (await put(call, group, {"soft_launch": module})).status == 204
    group.completes = 2
    assert group.status == "live"
    group.completes = 3
    assert (group.status, group.history[-1].values[0].reason) == ("paused", "total_completes_reached")
    with pytest.raises(TransitionRefusedError, match="goal is reached"):
        group.act("resume", by="Ada")
    await put(call, group, {})
    group.act("resume", by="Ada")
    assert (group.status, group.goal_reached) == ("live", False)


async def test_a_soft_launch_pauses_at_its_end(sandbox: Sandbox, call: Caller) -> None:
    """At the end of the soft launch the run pauses whatever it has; so does one that is over the limit by then."""
    first, second = sandbox.seed(live=2, goal=100, completes=20).groups
    for group, percentage in ((first, 90), (second, 20)):
        end_at = write_timestamp(sandbox.clock.now() + timedelta(hours=5))
        module = {"end_at": end_at, "filling_goal_percentage": percentage, "demographics_strictness_percentage": 0}
        await put(call, group, {"soft_launch": module})
    assert (first.status, second.status) == ("live", "paused")
    sandbox.clock.advance(6 * 3600)
    change = first.history[-1]
    assert (first.status, write_timestamp(change.at)) == ("paused", (first.assistant or {})["soft_launch"]["end_at"])
    assert change.values[0].reason == "past_soft_launch_end_date"
    with pytest.raises(TransitionRefusedError, match="end date"):
        first.act("resume", by="Ada")
