"""Drafts: created, read, replaced and launched; the completes that arrive afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Caller, one
from support.sandbox_drafts import GENDER, PRICE, create, created, launch, study

from fieldingkit.sandbox import Sandbox, SandboxClock
from fieldingkit.sandbox.formats import write_timestamp


async def test_a_draft_is_read_as_it_was_created(sandbox: Sandbox, call: Caller) -> None:
    """All settings are read back; quotas in percent and as numbers, suppliers with their names, both with ids."""
    group = await created(sandbox, call)
    draft = (await call("GET", call.group_path(group))).json
    sent = study(sandbox.clock, group.manager_id)
    same = set(sent) - {"allocations", "profiling", "business_unit_id", "cost_per_interview"}
    assert {name: draft[name] for name in same} == {name: sent[name] for name in same}
    assert (draft["business_unit_id"], draft["pricing_model"]) == (1234, "dynamic")
    assert draft["cost_per_interview"] == {**PRICE, "currency_scale": 2}
    (profile,) = draft["profiling"]["profiles"]
    assert [target["quota"] for target in profile["targets"]] == [
        {"completes_goal_percentage": 49.5, "completes_goal": 99, "quota_nominal": 99},
        {"completes_goal_percentage": 50.5, "completes_goal": 101, "quota_nominal": 101},
    ]
    opened = draft["allocations"]["open_exchange_allocations"]
    assert opened["blocked_suppliers"] == [{"id": 3334, "name": "BCD Panels"}]
    assert [supplier["id"] for supplier in opened["groups"][0]["suppliers"]] == [4321, 4350]
    assert [supplier["id"] for supplier in opened["exchange_suppliers"]] == [980, 4351]
    assert {len(profile["id"]), len(opened["groups"][0]["group_id"])} == {26}
    assert (await call("GET", call.group_path(group))).json == draft


async def test_a_draft_is_listed_with_its_settings(sandbox: Sandbox, call: Caller) -> None:
    """Name, reference, exclusions and goal are those of the request; a repetition creates a second draft."""
    group = await created(sandbox, call)
    path = f"/demand/accounts/101/projects/{group.project_id}/target-groups"
    (item,) = (await call("GET", path, params={"exclusion_status": "true"})).json["target_groups"]
    assert (item["id"], item["name"], item["exclusion_enabled"]) == (group.id, "Women and men", True)
    assert item["target_group_customer_reference_number"] == "REF 7"
    await call("POST", path, json=study(sandbox.clock, group.manager_id))
    params = {"target_group_customer_reference_numbers": "REF 7"}
    assert len((await call("GET", path, params=params)).json["target_groups"]) == 2


@pytest.mark.parametrize(("given", "read"), [(None, "P90D"), ("P2W", "P14D"), ("P3M", "P3M"), ("P396D", "P396D")])
async def test_the_period_of_an_exclusion_is_read_in_days(
    sandbox: Sandbox, call: Caller, given: str | None, read: str
) -> None:
    """Without a period it is 90 days; weeks are read as days."""
    project = {"type": "project", "id": "01KH287TE2W1GKTJJ91QCCHWP9"}
    sent = project if given is None else {**project, "duration": given}
    group = await created(sandbox, call, respondent_activity_exclusions=[sent])
    draft = (await call("GET", call.group_path(group))).json
    assert draft["respondent_activity_exclusions"] == [{**project, "duration": read}]


@pytest.mark.parametrize("duration", ["PT24H", "P397D", "P0D", "P", 90])
async def test_a_period_of_no_days_is_refused(sandbox: Sandbox, call: Caller, duration: object) -> None:
    """Periods have 1 to 396 days and no hours."""
    excluded = [{"type": "project", "id": "01KH287TE2W1GKTJJ91QCCHWP9", "duration": duration}]
    refused = await create(sandbox, call, respondent_activity_exclusions=excluded)
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, "respondent_activity_exclusions")


async def test_a_draft_is_replaced_as_a_whole(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A setting that is left out is gone; after the launch there is no draft to replace."""
    group = await created(sandbox, call)
    changes: dict[str, Any] = {"name": "Anybody", "profiling": None, "live_url": None, "completes_goal": 50}
    body = study(clock, group.manager_id, **changes)
    assert (await call("PUT", call.group_path(group), json=body)).status == 204
    draft = (await call("GET", call.group_path(group))).json
    assert (draft["name"], draft["completes_goal"]) == ("Anybody", 50)
    assert not {"profiling", "live_url"} & set(draft)
    await launch(call, group, clock)
    assert (await call("PUT", call.group_path(group), json=body)).status == 404


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"name": "four"}, "name"),
        ({"business_unit_id": "1"}, "business_unit_id"),
        ({"locale": "eng_xx"}, "locale"),
        ({"collects_pii": "no"}, "collects_pii"),
        ({"project_manager_id": "00000000-0000-4000-8000-000000000000"}, "project_manager_id"),
        ({"fielding_specification": None}, "fielding_specification"),
        ({"completes_goal": 0}, "completes_goal"),
        ({"expected_length_of_interview_minutes": 46}, "expected_length_of_interview_minutes"),
        ({"expected_incidence_rate": 0.255}, "expected_incidence_rate"),
        ({"fielding_assistant_assignment": None}, "fielding_assistant_assignment"),
        ({"allocations": None}, "allocations"),
        ({"study_type_code": "novel"}, "study_type_code"),
        ({"industry_code": "novel"}, "industry_code"),
        ({"industry_lockout_code": "novel"}, "industry_lockout_code"),
        ({"client_id": 1}, "client_id"),
        ({"live_url": "http://survey.example"}, "live_url"),
        ({"target_group_customer_reference_number": "a/b"}, "target_group_customer_reference_number"),
        ({"cost_per_interview": {"value": "3.00", "currency_code": "EUR"}}, "cost_per_interview"),
        ({"cost_per_interview": {"value": "105.01", "currency_code": "USD"}}, "cost_per_interview"),
        ({"fielding_assistant_assignment": {"pricing": {"type": "rate_card"}}}, "cost_per_interview"),
        ({"exclusion": {}}, "exclusion.enabled"),
        ({"respondent_activity_exclusions": [{"type": "project"}]}, "respondent_activity_exclusions"),
    ],
)
async def test_an_invalid_setting_is_refused(sandbox: Sandbox, call: Caller, change: dict[str, Any], name: str) -> None:
    """A setting that is missing, unknown or out of bounds is a 400 that names it; nothing is created."""
    refused = await create(sandbox, call, **change)
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, name)


def blended(*conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a blended profile with one target."""
    target = {"conditions": list(conditions), "quota": {"completes_goal_percentage": 100}, **more}
    return {"object": "blended", "name": "Cells", "quotas_enabled": True, "targets": [target]}


def aged(*ranges: tuple[int, int], share: float = 50) -> dict[str, Any]:
    """Return a regular profile of age ranges."""
    targets = [
        {
            "conditions": [{"object": "range", "question_id": 42, "min": least, "max": most}],
            "quota": {"completes_goal_percentage": share},
        }
        for least, most in ranges
    ]
    return {"object": "regular", "quotas_enabled": True, "targets": targets}


WOMEN = {"object": "selection", "question_id": 43, "option": "2"}
YOUNG = {"object": "range", "question_id": 42, "min": 18, "max": 34}
ANY: dict[str, Any] = {
    "object": "open_ended",
    "question_id": 45,
    "allow_all_values": True,
    "open_ended_values": [],
}


@pytest.mark.parametrize(
    ("profile", "rule"),
    [
        (aged((30, 20), (40, 50)), "001"),
        (aged((18, 34), (35, 99), share=40), "009"),
        (aged((18, 34), (34, 99)), "014"),
        ({**blended(WOMEN, YOUNG, name="Young women"), "quotas_enabled": False}, "025"),
        ({**GENDER, "targets": [{**GENDER["targets"][0], "quota": {"completes_goal": 1}}]}, "043"),
        ({**GENDER, "targets": [{**GENDER["targets"][0], "name": "n", "conditions": [WOMEN, YOUNG]}]}, "048"),
        (blended(WOMEN, YOUNG), "057"),
        (blended(WOMEN), "058"),
        ({**GENDER, "quotas_enabled": False}, "061"),
        ({**GENDER, "targets": [{**GENDER["targets"][0], "conditions": [ANY]}]}, "065"),
    ],
)
async def test_a_violated_rule_of_profiles_is_named(
    sandbox: Sandbox, call: Caller, profile: dict[str, Any], rule: str
) -> None:
    """Profiles that the API's rules forbid are a 400 with the number of the rule."""
    profiling = {"profile_adjustment_type": "percentage", "profiles": [profile]}
    refused = await create(sandbox, call, profiling=profiling)
    (param,) = refused.json["invalid_params"]
    assert (refused.status, param["name"]) == (400, f"profile_validation_error_{rule}")
    assert param["reason"].endswith(rule)


@pytest.mark.parametrize(
    "profiling",
    [
        {"profile_adjustment_type": "odd", "profiles": [GENDER]},
        {"profile_adjustment_type": "percentage", "profiles": []},
        {"profile_adjustment_type": "percentage", "template_id": "t"},
        {"profile_adjustment_type": "percentage"},
        {"profile_adjustment_type": "percentage", "profiles": [{"object": "regular"}]},
        {"profile_adjustment_type": "percentage", "profiles": [7]},
        {"profile_adjustment_type": "percentage", "profiles": [aged((0, 20))]},
        {"profile_adjustment_type": "percentage", "profiles": [{**GENDER, "targets": []}]},
    ],
)
async def test_malformed_profiles_are_refused(sandbox: Sandbox, call: Caller, profiling: dict[str, Any]) -> None:
    """Profiles without their required members, and unknown templates, are a 400."""
    refused = await create(sandbox, call, profiling=profiling)
    assert (refused.status, refused.json["invalid_params"][0]["name"].split(".")[0]) == (400, "profiling")


async def test_quotas_can_be_numbers_and_cells(sandbox: Sandbox, call: Caller) -> None:
    """Nominal quotas add up to the goal; a blended profile has cells of several conditions; no quota is a condition."""
    cells = [
        {
            "name": f"{option}/{least}",
            "quota": {"completes_goal": 50},
            "conditions": [{**WOMEN, "option": option}, {**YOUNG, "min": least, "max": least + 10}],
        }
        for option in ("1", "2")
        for least in (18, 30)
    ]
    profiles = [
        {"object": "blended", "name": "Cells", "quotas_enabled": True, "targets": cells},
        {"object": "regular", "quotas_enabled": False, "targets": [{"object": "nominal", "conditions": [ANY]}]},
    ]
    group = await created(sandbox, call, profiling={"profile_adjustment_type": "nominal", "profiles": profiles})
    read, anybody = (await call("GET", call.group_path(group))).json["profiling"]["profiles"]
    assert (read["blended_type"], read["targets"][0]["quota"]["completes_goal_percentage"]) == ("interlock", 25)
    assert "quota" not in anybody["targets"][0]
    wrong = {"profile_adjustment_type": "nominal", "profiles": profiles}
    refused = await create(sandbox, call, profiling=wrong, completes_goal=199)
    assert refused.json["invalid_params"][0]["reason"] == "incorrect_sum_of_nominal_010"


async def test_completes_arrive_after_the_launch(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Price, incidence rate and country decide how fast completes come; at the goal the run pauses."""
    group = await created(sandbox, call)
    assert group.completes_a_day == 800
    await launch(call, group, clock)
    clock.advance(3600 - 1 + 0.2)
    assert group.completes == 33
    await call.act("pause", group)
    clock.advance(3600)
    assert group.completes == 33
    await call.act("resume", group)
    clock.advance(10 * 3600)
    assert (group.completes, group.status) == (200, "paused")
    reached = group.history[-1]
    assert (reached.action, reached.at) == ("goal_reached", group.ledger.latest_at)
    assert group.settings.profiling is not None
    assert [cell.completes for cell in group.ledger.cell_counts(group.settings.profiles)[0]] == [99, 101]


async def test_the_ledger_does_not_depend_on_reads(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A group that is read often has the respondents of one that is read once, and the end is the same."""
    read, unread = await created(sandbox, call), await created(sandbox, call)
    for group in (read, unread):
        end = write_timestamp(clock.now() + timedelta(hours=4))
        await call.create_draft_job("launch", group, key=group.id, end_fielding_at=end)
    for _ in range(50):
        clock.advance(300)
        assert read.status in {"live", "paused", "draft"}
    assert (read.completes, read.status) == (unread.completes, unread.status) == (133, "paused")
    assert read.ledger.latest_at == unread.ledger.latest_at


async def test_a_higher_price_brings_completes_faster(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A changed price holds for the completes to come, in number and in cost."""
    group = await created(sandbox, call, cost_per_interview={"value": "1.50", "currency_code": "USD"})
    await launch(call, group, clock)
    clock.advance(3 * 3600)
    before = group.completes
    assert before == 50
    price = {"target_group_cpi": PRICE}
    assert (await call("PUT", f"{call.group_path(group)}/cost-per-interview", json=price)).status == 200
    clock.advance(3 * 3600)
    assert group.completes - before == 100
    assert group.ledger.cost.value == 50 * 3 / 2 + 100 * 3


async def test_a_rate_card_prices_a_draft(sandbox: Sandbox, call: Caller) -> None:
    """With rate-card pricing the price is that on the card, and the draft has none of its own."""
    pricing = {"fielding_assistant_assignment": {"pricing": {"type": "rate_card"}}, "cost_per_interview": None}
    group = await created(sandbox, call, **pricing)
    draft = (await call("GET", call.group_path(group))).json
    assert (draft["pricing_model"], group.price.json()["value"]) == ("rate_card", "3.00")
    assert "cost_per_interview" not in draft
    refused = await create(sandbox, call, **pricing, business_unit_id="5678")
    assert refused.json["invalid_params"][0]["name"] == "fielding_assistant_assignment.pricing"


async def test_details_change_after_the_launch(sandbox: Sandbox, call: Caller) -> None:
    """The details of a launched target group are replaced, and each change is in the changelog; a draft is a 404."""
    group = one(sandbox, "live")
    details = {
        "name": "Renamed group",
        "project_manager_id": group.manager_id,
        "expected_length_of_interview_minutes": 12,
        "expected_incidence_rate": 0.4,
        "industry_lockout_code": "past_30_days",
        "live_url": "https://survey.example/new",
        "test_url": "https://survey.example/test",
        "target_group_customer_reference_number": None,
    }
    path = f"{call.group_path(group)}/details"
    changed = (await call("PUT", path, json=details)).json
    assert changed == (await call("GET", path)).json
    assert (changed["name"], changed["live_url"]) == (details["name"], details["live_url"])
    assert "target_group_customer_reference_number" not in changed
    (entry,) = (await call("GET", f"{call.group_path(group)}/changelog")).json["changelog"]
    assert len(entry["changes"]) == 6
    assert group.completes_a_day == 0
    for name in ("live_url", "test_url", "name"):
        refused = await call("PUT", path, json={**details, name: None})
        assert refused.json["invalid_params"][0]["name"] == name
    draft = f"{call.group_path(one(sandbox, 'draft'))}/details"
    assert (await call("PUT", draft, json=details)).status == 404
