"""The fielding assistant's modules: read whole, replaced whole."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.formats import write_timestamp

OFF = {"pricing": None, "quota_overlay": None, "pacing": None, "soft_launch": None}
PACING = {"type": "linear", "increment_interval": "PT12H"}


def amount(value: str) -> dict[str, object]:
    """An amount of dollars."""
    return {"value": value, "currency_code": "USD", "currency_scale": 2}


async def read(call: Caller, group: TargetGroup) -> Answer:
    """Read the modules."""
    return await call("GET", f"{call.group_path(group)}/fielding-assistant-assignment")


async def put(call: Caller, group: TargetGroup, body: object, **headers: str) -> Answer:
    """Replace the modules, with the current entity tag unless other headers are given."""
    if not headers:
        headers = {"If-Match": (await read(call, group)).headers["ETag"]}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call("PUT", f"{call.group_path(group)}/fielding-assistant-assignment", json=body, headers=named)


async def test_what_is_assigned_at_first(sandbox: Sandbox, call: Caller) -> None:
    """A launched target group has a price limit and a quota overlay, and its other modules are null."""
    answer = await read(call, one(sandbox, "live"))
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.json == OFF | {
        "pricing": {"type": "dynamic", "maximum_cpi": amount("5.00")},
        "quota_overlay": {"prevent_overfill": True, "balance_fill": False},
    }


async def test_a_write_replaces_everything(sandbox: Sandbox, call: Caller) -> None:
    """A module that is left out is off afterwards, and an empty object switches all of them off."""
    group = one(sandbox, "live")
    assert (await put(call, group, {"pacing": PACING})).status == 204
    answer = await read(call, group)
    assert (answer.json, answer.headers["ETag"]) == (OFF | {"pacing": PACING}, 'W/"2"')
    await put(call, group, {"pacing": None})
    assert (await read(call, group)).json == OFF


async def test_unknown_modules_are_kept(sandbox: Sandbox, call: Caller) -> None:
    """A module that is newer than the sandbox is given back as it came."""
    group = one(sandbox, "live")
    await put(call, group, {"novelty": {"type": "new"}})
    assert (await read(call, group)).json == OFF | {"novelty": {"type": "new"}}


async def test_a_write_is_guarded(sandbox: Sandbox, call: Caller) -> None:
    """Another entity tag is a 412, none at all a 400, and nothing is changed."""
    group = one(sandbox, "live")
    before = (await read(call, group)).json
    assert (await put(call, group, {}, If_Match='W/"9"')).status == 412
    assert (await put(call, group, {}, If_None_Match="*")).status == 412
    assert (await put(call, group, {}, X_None="")).status == 400
    assert (await read(call, group)).json == before


async def test_the_first_assignment(sandbox: Sandbox, call: Caller) -> None:
    """A draft has none: that is a 404 and a 412 for any tag, until one is made that must not exist yet."""
    group = one(sandbox, "draft")
    assert (await read(call, group)).status == 404
    assert (await put(call, group, {}, If_Match='W/"1"')).status == 412
    assert (await put(call, group, {"pacing": PACING}, If_None_Match="*")).status == 204
    assert (await read(call, group)).headers["ETag"] == 'W/"1"'
    assert (await put(call, group, {}, If_None_Match="*")).status == 412
    draft = await call("GET", call.group_path(group))
    assert draft.json["fielding_assistant_assignment"] == {"pacing": PACING}


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
async def test_every_form_is_taken(sandbox: Sandbox, call: Caller, body: dict[str, Any]) -> None:
    """Every form that a module can have is taken, and read back as it was written."""
    group = one(sandbox, "live")
    assert (await put(call, group, body)).status == 204
    assert (await read(call, group)).json == OFF | body
    assert (await call("GET", f"{call.group_path(group)}/changelog")).status == 200


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"pricing": []}, "pricing"),
        ({"pricing": {"type": "fixed"}}, "pricing.type"),
        ({"pricing": {"type": "dynamic"}}, "pricing"),
        ({"pricing": {"type": "dynamic", "maximum_cpi": amount("1"), "total_budget": amount("9")}}, "pricing"),
        ({"pricing": {"type": "dynamic", "maximum_cpi": 1}}, "pricing.maximum_cpi"),
        ({"pricing": {"type": "dynamic", "maximum_cpi": amount("one")}}, "pricing.maximum_cpi"),
        (
            {"pricing": {"type": "dynamic", "maximum_cpi": amount("1"), "minimum_cpi": amount("1")}},
            "pricing.minimum_cpi",
        ),
        ({"quota_overlay": {"prevent_overfill": True}}, "quota_overlay.balance_fill"),
        ({"pacing": {"type": "slow"}}, "pacing.type"),
        ({"pacing": {"type": "linear"}}, "pacing.increment_interval"),
        ({"pacing": {"type": "linear", "increment_interval": "P398D"}}, "pacing.increment_interval"),
        ({"pacing": {"type": "gemini", "exposed_target_group_id": "me"}}, "pacing.exposed_target_group_id"),
        ({"soft_launch": {}}, "soft_launch.end_at"),
        ({"soft_launch": {"end_at": "2020-01-01T00:00:00.000Z"}}, "soft_launch.end_at"),
    ],
)
async def test_malformed_modules_are_refused(sandbox: Sandbox, call: Caller, body: dict[str, Any], name: str) -> None:
    """A module that is not as it has to be is a 400 that names the field, and nothing is changed."""
    group = one(sandbox, "live")
    answer = await put(call, group, body)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, name)
    assert (await read(call, group)).headers["ETag"] == 'W/"1"'


async def test_a_soft_launch(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A soft launch needs an end in the future and two percentages."""
    group = one(sandbox, "live")
    module: dict[str, object] = {
        "end_at": write_timestamp(clock.now() + timedelta(days=1)),
        "filling_goal_percentage": 10,
        "demographics_strictness_percentage": 0,
    }
    assert (await put(call, group, {"soft_launch": module})).status == 204
    for wrong in (0, 101, True, "10", None):
        answer = await put(call, group, {"soft_launch": module | {"filling_goal_percentage": wrong}})
        assert answer.json["invalid_params"][0]["name"] == "soft_launch.filling_goal_percentage"


async def test_the_changelog_tells_what_was_changed(sandbox: Sandbox, call: Caller) -> None:
    """Each field of a module that was changed is told, with its old and its new value."""
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
