"""Profiles of launched target groups: their counters, their replacement, and the API's rules."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Caller, one
from support.sandbox_drafts import created, launch

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.model.questions import reach_of

LOCALE = "eng_us"


def option(code: str, question_id: int = 43) -> dict[str, Any]:
    """Return a condition on an option."""
    return {"object": "selection", "question_id": question_id, "option": code}


def ages(least: int, most: int) -> dict[str, Any]:
    """Return a condition on the age."""
    return {"object": "range", "question_id": 42, "min": least, "max": most}


def cell(goal: float | None, *conditions: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a target with a goal in percent."""
    quota = {} if goal is None else {"quota": {"completes_goal_percentage": goal}}
    return {"conditions": [*conditions], **quota, **members}


def regular(*targets: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a regular profile."""
    return {"object": "regular", "quotas_enabled": True, "targets": [*targets], **members}


def blended(*targets: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a blended profile."""
    return {**regular(*targets), "object": "blended", "name": "Mix", **members}


def percentages(*profiles: dict[str, Any]) -> dict[str, Any]:
    """Return profiling by percentage."""
    return {"profile_adjustment_type": "percentage", "profiles": [*profiles]}


GENDER = regular(cell(50, option("1")), cell(50, option("2")), name="GENDER")
AGE = regular(cell(40, ages(18, 34)), cell(60, ages(35, 64)), name="AGE")
MIX = blended(
    cell(20, option("1"), ages(18, 34), name="young men"),
    cell(30, option("1"), ages(35, 64), name="older men"),
    cell(50, option("2"), ages(18, 64), name="women"),
)
CONTROL = blended(cell(10, option("2"), ages(18, 34), name="young women"), name="Limit", blended_type="control")


def path(call: Caller, group: TargetGroup, rest: str = "") -> str:
    """Return the path of a target group's profiles."""
    return f"{call.group_path(group)}/profiles{rest}"


async def replace(call: Caller, group: TargetGroup, *profiles: dict[str, Any], goal: int = 100) -> Any:
    """Replace the profiles of a target group; return the answer."""
    body = {"completes_goal": goal, "profiling": percentages(*profiles)}
    return await call("POST", path(call, group, "/manage-profiles"), json=body)


async def listed(call: Caller, group: TargetGroup) -> list[Any]:
    """Return the profiles of a target group."""
    answer = await call("GET", path(call, group))
    assert answer.status == 200
    profiles: list[Any] = answer.json["profiles"]
    return profiles


def completes(profile: Any) -> list[int]:
    """Return the completes of each target of a profile."""
    return [target["quota"]["completes"] for target in profile["targets"]]


def codes(answer: Any) -> list[str]:
    """Return the numbers of the rules that an answer names."""
    return [param["name"][-3:] for param in answer.json["invalid_params"]]


async def test_a_draft_keeps_its_profiles_when_it_is_launched(
    sandbox: Sandbox, call: Caller, clock: SandboxClock
) -> None:
    """The launch keeps the ids; control profiles are kept, but not listed; a draft has no launched profiles."""
    group = await created(sandbox, call, profiling=percentages(GENDER, CONTROL))
    assert (await call("GET", path(call, group))).status == 404
    draft = (await call("GET", call.group_path(group))).json["profiling"]["profiles"]
    await launch(call, group, clock)
    (gender,) = await listed(call, group)
    assert [gender["id"]] == [draft[0]["id"]]
    control = (await call("GET", path(call, group, f"/{draft[1]['id']}"))).json
    assert (control["name"], control["blended_type"]) == ("Limit", "control")


async def test_counters_follow_from_the_ledger(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Each cell counts the respondents who match it, in all profiles alike; at the goal each quota is met."""
    group = await created(sandbox, call, profiling=percentages(GENDER, AGE, MIX))
    await launch(call, group, clock)
    clock.advance(timedelta(days=2).total_seconds())
    profiles = await listed(call, group)
    assert group.completes == 200
    assert [completes(profile) for profile in profiles[:1] + profiles[2:]] == [[100, 100], [40, 60, 100]]
    qualified = [one for one in group.ledger.respondents() if one.matched]
    for profile in profiles:
        for target in profile["targets"]:
            matching = [one for one in qualified if one.matched.get(profile["id"]) == target["id"]]
            assert target["quota"]["prescreens"] == len(matching)
            assert target["quota"]["completes"] == sum(one.outcome == "complete" for one in matching)
    assert {one.stage for one in qualified} == {"survey"}
    assert set(Counter(one.supplier_id for one in qualified)) <= {980, 4321, 4350, 4351}


async def test_replaced_profiles_have_new_ids_and_match_the_respondents_again(sandbox: Sandbox, call: Caller) -> None:
    """Earlier respondents keep their answers: the new cells count those of them who match."""
    group = one(sandbox, "live", completes=0)
    before = (await replace(call, group, GENDER)).json["profiles"]
    group.completes = 20
    assert completes((await listed(call, group))[0]) == [10, 10]
    narrower = regular(cell(100, option("2")), name="GENDER")
    answer = await replace(call, group, narrower, AGE)
    assert answer.status == 201
    after = answer.json["profiles"]
    assert completes(after[0]) == [10]
    assert after == await listed(call, group)
    ids = [
        {one["id"] for profile in profiles for one in (profile, *profile["targets"])} for profiles in (before, after)
    ]
    assert not ids[0] & ids[1]
    group.completes = 100
    assert completes((await listed(call, group))[0]) == [90]


async def test_profiles_that_are_left_out_are_deleted(sandbox: Sandbox, call: Caller) -> None:
    """A replacement also deletes the control profiles that it leaves out; a refused one changes nothing."""
    group = one(sandbox, "live", completes=0)
    await replace(call, group, GENDER, CONTROL)
    (control,) = (profile for profile in group.settings.profiles if profile.get("blended_type") == "control")
    (gender,) = await listed(call, group)
    bad = regular(cell(10, option("1")))
    assert codes(await replace(call, group, bad)) == ["009"]
    assert await listed(call, group) == [gender]
    await replace(call, group, AGE)
    assert (await call("GET", path(call, group, f"/{control['id']}"))).status == 404
    assert [profile["name"] for profile in group.settings.profiles] == ["AGE"]


async def test_profiles_are_deleted_all_or_none(sandbox: Sandbox, call: Caller) -> None:
    """An unknown id is refused with its profile; without profiles anybody may take part."""
    group = one(sandbox, "paused", completes=3)
    await replace(call, group, GENDER, AGE)
    ids = [profile["id"] for profile in await listed(call, group)]
    unknown = await call("POST", path(call, group, "/delete-profiles"), json={"profile_ids": [ids[0], group.id]})
    assert (unknown.status, codes(unknown)) == (422, ["044"])
    assert unknown.json["invalid_params"][0]["metadata"]["profile_id"] == group.id
    assert len(await listed(call, group)) == 2
    for profile_id in ids:
        answer = await call("POST", path(call, group, "/delete-profiles"), json={"profile_ids": [profile_id]})
        assert answer.status == 204
    assert await listed(call, group) == []


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        (regular(cell(60, option("1")), cell(30, option("2"))), "009"),
        (regular(cell(50, ages(18, 30)), cell(50, ages(30, 40))), "014"),
        (regular(cell(100, option("1", 7))), "015"),
        (regular(cell(100, option("7"))), "020"),
        (regular(cell(100, option("1", 42))), "012"),
        (regular(cell(50, option("1")), cell(50, option("1"))), "039"),
        (blended(cell(100, option("1")), name="One"), "058"),
        (regular(cell(None, option("1"))), "052"),
        (regular(cell(100, ages(30, 20))), "001"),
        ({**MIX, "quotas_enabled": False, "targets": [cell(None, option("1"), ages(18, 34), name="x")]}, "025"),
        (regular(cell(100, option("1"), ages(18, 34), name="x")), "048"),
        (regular(cell(100, option("1"), option("2"))), "057"),
        (regular(cell(100, option("1")), quotas_enabled=False), "061"),
        (regular({**cell(100, option("1")), "quota": {"completes_goal": 100}}), "043"),
    ],
)
async def test_broken_rules_are_named(call: Caller, profile: dict[str, Any], code: str) -> None:
    """A check names the rule, the questions and the level, without an id of the error."""
    body = {"locale": LOCALE, "completes_goal": 100, "profiling": percentages(profile)}
    answer = await call("POST", "/demand/accounts/101/profiles/validate", json=body)
    assert (answer.status, codes(answer)) == (422, [code])
    (param,) = answer.json["invalid_params"]
    assert (param["error_type"], param["metadata"]["error_level"]) == ("data_validation_error", "error")
    assert param["metadata"]["question_id"]
    assert "id" not in answer.json


async def test_malformed_profiles_are_a_bad_request(sandbox: Sandbox, call: Caller) -> None:
    """Profiles without their members are a 400; the operations on target groups give it a title."""
    group = one(sandbox, "live")
    bad = {"profile_adjustment_type": "percentage", "profiles": [{"object": "regular"}]}
    body = {"locale": LOCALE, "completes_goal": 10, "profiling": bad}
    answer = await call("POST", "/demand/accounts/101/profiles/validate", json=body)
    assert (answer.status, "title" in answer.json) == (400, False)
    answer = await call("POST", path(call, group, "/manage-profiles"), json={"completes_goal": 10, "profiling": bad})
    assert (answer.status, "title" in answer.json) == (400, True)


async def test_goals_cannot_fall_below_what_was_collected(sandbox: Sandbox, call: Caller) -> None:
    """A quota that has more completes than it is to get is refused, and so is a total below the completes."""
    group = one(sandbox, "live", completes=0)
    await replace(call, group, GENDER)
    group.completes = 60
    assert codes(await replace(call, group, GENDER, goal=40)) == ["076", "009"][:1]
    uneven = regular(cell(10, option("1")), cell(90, option("2")))
    assert codes(await replace(call, group, uneven)) == ["046"]


async def test_goals_of_single_quotas_are_changed(sandbox: Sandbox, call: Caller) -> None:
    """A new total changes the numbers of all quotas, a new goal of a quota only its own."""
    group = one(sandbox, "live", completes=0)
    (gender,) = (await replace(call, group, GENDER)).json["profiles"]
    goals = path(call, group, "/completes-goal")
    answer = await call("PUT", goals, json={"completes_goal": 200})
    assert [target["quota"]["completes_goal"] for target in answer.json["profiles"][0]["targets"]] == [100, 100]
    group.completes = 20
    first, second = (target["id"] for target in gender["targets"])

    async def put(target_id: str, goal: int, profile_id: str = gender["id"]) -> Any:
        change = {"profile_id": profile_id, "targets": [{"id": target_id, "quota": {"completes_goal": goal}}]}
        return await call("PUT", goals, json={"profiles": [change]})

    changed = (await put(first, 40)).json["profiles"][0]["targets"]
    assert [target["quota"]["completes_goal"] for target in changed] == [40, 100]
    assert codes(await put(first, 5)) == ["046"]
    assert codes(await put(first, 300)) == ["047"]
    assert codes(await put(group.id, 50)) == ["045"]
    assert codes(await put(second, 50, profile_id=group.id)) == ["044"]


async def test_regular_profiles_are_blended(call: Caller, clock: SandboxClock) -> None:
    """The blended profile has a cell for each pair, with the products of the quotas, and can be sent back."""
    dates = {"start_at": "2026-01-01T00:00:00.000Z", "end_at": "2026-01-11T00:00:00.000Z"}
    body = {"locale": LOCALE, "completes_goal": 99, **dates, "collects_pii": False}
    answer = await call(
        "POST",
        "/demand/accounts/101/drafts/generate-blended-profile",
        json={**body, "profiling": percentages(GENDER, AGE)},
    )
    assert answer.status == 201
    quotas = [target["quota"] for target in answer.json["targets"]]
    assert [quota["completes_goal_percentage"] for quota in quotas] == [20, 30, 20, 30]
    assert sum(quota["completes_goal"] for quota in quotas) == 99
    cells = [
        cell(quota["completes_goal_percentage"], *target["conditions"], name=target["name"])
        for target, quota in zip(answer.json["targets"], quotas, strict=True)
    ]
    check = {"locale": LOCALE, "completes_goal": 99, "profiling": percentages(blended(*cells))}
    assert (await call("POST", "/demand/accounts/101/profiles/validate", json=check)).status == 204
    for wrong in (percentages(GENDER), percentages(GENDER, MIX)):
        wrong_body = {**body, "profiling": wrong}
        assert (
            await call("POST", "/demand/accounts/101/drafts/generate-blended-profile", json=wrong_body)
        ).status == 400


async def test_distributions_are_the_goals(sandbox: Sandbox, call: Caller) -> None:
    """The expected distribution of a profile is that of its goals; control profiles have none."""
    group = one(sandbox, "live", completes=0)
    await replace(call, group, GENDER, CONTROL)
    gender, control = group.settings.profiles
    answer = await call("GET", path(call, group, f"/{gender['id']}/supplier-quota-distribution"))
    assert answer.json["id"] == gender["id"]
    answer = await call("GET", path(call, group, f"/{control['id']}/supplier-quota-distribution"))
    assert (answer.status, codes(answer)) == (400, ["074"])
    dates = {"start_at": "2026-01-01T00:00:00.000Z", "end_at": "2026-01-11T00:00:00.000Z"}
    body = {"locale": LOCALE, "completes_goal": 9, **dates, "profile_adjustment_type": "percentage", "profile": AGE}
    answer = await call("POST", "/demand/accounts/101/supplier-quota-distribution/draft", json=body)
    assert (answer.status, answer.json) == (200, AGE)


async def test_questions_are_listed_by_page(call: Caller) -> None:
    """Questions are found by number and text; those of the account only if they are asked for."""
    questions = "/demand/accounts/101/questions-translation"

    async def names(**params: str) -> list[str]:
        answer = await call("GET", questions, params={"locale": LOCALE, **params})
        assert answer.json["total"] >= len(answer.json["profiles"])
        return [question["name"] for question in answer.json["profiles"]]

    standard = await names()
    assert {"AGE", "GENDER", "ZIP", "REGION"} <= set(standard)
    assert "PETS" not in standard
    assert await names(only_custom_quals="true") == ["PETS"]
    assert set(await names(allow_custom_quals="true")) == {*standard, "PETS"}
    assert await names(id="42,43") == ["AGE", "GENDER"]
    assert await names(query="female") == ["GENDER"]
    first = await call("GET", questions, params={"locale": LOCALE, "page_size": "4"})
    assert first.json["has_more"]
    assert await names(page_size="4", start_after=first.json["next_cursor"]) == standard[4:]
    assert (await call("GET", questions)).status == 400


async def test_profiles_decide_how_fast_completes_arrive(sandbox: Sandbox, call: Caller) -> None:
    """A target group that admits half of the panelists gets half of the completes a day."""
    anybody = await created(sandbox, call, profiling=None)
    men = await created(sandbox, call, profiling=percentages(regular(cell(100, option("1")))))
    assert men.completes_a_day == pytest.approx(0.49 * anybody.completes_a_day)


@pytest.mark.parametrize(
    ("profiles", "reach"),
    [
        ([], 1),
        ([GENDER], 1),
        ([regular(cell(None, ages(18, 24)), quotas_enabled=False)], 0.13),
        ([regular(cell(100, option("1"))), regular(cell(100, ages(18, 24)))], 0.49 * 0.13),
        ([blended(cell(100, option("2"), ages(18, 24)))], 0.51 * 0.13),
        ([CONTROL], 1),
    ],
)
def test_reach_is_the_share_of_the_panelists(profiles: list[dict[str, Any]], reach: float) -> None:
    """Targets add up, questions multiply, and control profiles admit everybody."""
    assert reach_of(profiles, LOCALE) == pytest.approx(reach)
