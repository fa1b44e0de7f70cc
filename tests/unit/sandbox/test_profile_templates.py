"""Profile templates of the sandbox: filters of a list, checks of a request, and those of all accounts."""

from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller
from support.sandbox_drafts import GENDER
from support.sandbox_drafts import create as create_draft

from fieldingkit.sandbox import Sandbox

TEMPLATES = "/demand/accounts/101/profiling-templates"
AGE: dict[str, Any] = {
    "object": "regular",
    "name": "AGE",
    "quotas_enabled": True,
    "targets": [
        {
            "text": "Adults",
            "conditions": [{"object": "range", "question_id": 42, "min": 18, "max": 64}],
            "quota": {"completes_goal_percentage": 100},
        }
    ],
}
BODY: dict[str, Any] = {
    "name": "Adults",
    "label": "Adults",
    "description": "18 to 64",
    "locales": ["ger_de"],
    "profiling": {"profile_adjustment_type": "percentage", "profiles": [AGE]},
}


async def create(call: Caller, **changes: Any) -> Answer:
    """Create a template."""
    return await call("POST", TEMPLATES, json={**BODY, **changes})


async def names(call: Caller, **query: str) -> list[str]:
    """Return the names of the listed templates."""
    return [template["name"] for template in (await call("GET", TEMPLATES, params=query)).json["templates"]]


async def test_a_template_is_what_was_created(call: Caller) -> None:
    """A template is read as it was sent, with an id and its scope; each request creates one."""
    answer = await create(call)
    assert answer.status == 201
    template = (await call("GET", f"{TEMPLATES}/{answer.json['id']}")).json
    assert template == {**BODY, "id": answer.json["id"], "scope": "account"}
    assert (await create(call)).json["id"] != answer.json["id"]


async def test_a_list_is_filtered_and_ordered(call: Caller) -> None:
    """Newest first by default; any of several locales is enough; a list has no profiles."""
    await create(call)
    await create(call, name="Elders", locales=["jpn_jp"])
    assert await names(call) == ["Elders", "Adults", "Women and men"]
    assert await names(call, order="asc") == ["Women and men", "Adults", "Elders"]
    assert await names(call, scope="global") == ["Women and men"]
    assert await names(call, locales="jpn_jp,ger_de", scope="account") == ["Elders", "Adults"]
    first = (await call("GET", TEMPLATES, params={"page_size": "2"})).json
    assert "profiling" not in first["templates"][0]
    assert await names(call, start_after=first["next_cursor"]) == ["Women and men"]
    assert (await call("GET", TEMPLATES, params={"locales": "eng-us"})).status == 400


async def test_a_template_is_replaced_and_deleted(call: Caller) -> None:
    """An update replaces everything; what is left out is gone."""
    path = f"{TEMPLATES}/{(await create(call)).json['id']}"
    changed = {name: value for name, value in {**BODY, "name": "Grown-ups"}.items() if name != "description"}
    answer = await call("PUT", path, json=changed)
    assert (answer.status, answer.json["name"], "description" in answer.json) == (200, "Grown-ups", False)
    assert (await call("GET", path, params={"locales": "jpn_jp"})).status == 404
    assert (await call("DELETE", path)).status == 204
    assert (await call("GET", path)).status == 404


async def test_the_templates_of_all_accounts_cannot_be_changed(call: Caller) -> None:
    """Changing and deleting one is forbidden."""
    (template,) = (await call("GET", TEMPLATES)).json["templates"]
    path = f"{TEMPLATES}/{template['id']}"
    assert (await call("PUT", path, json=BODY)).status == 403
    assert (await call("DELETE", path)).status == 403
    assert (await call("GET", path)).json["scope"] == "global"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"label": 7},
        {"locales": []},
        {"locales": ["eng-us"]},
        {"locales": [7]},
        {"profiling": None},
        {"profiling": {"profile_adjustment_type": "percentage", "profiles": []}},
        {"profiling": {"profile_adjustment_type": "nominal", "profiles": [AGE]}},
        {"profiling": {"profile_adjustment_type": "percentage", "profiles": [{**AGE, "object": "blended"}]}},
    ],
)
async def test_malformed_templates_are_refused(call: Caller, changes: dict[str, Any]) -> None:
    """A 400 creates nothing."""
    assert (await create(call, **changes)).status == 400
    assert await names(call, scope="account") == []


async def questions(call: Caller, sandbox: Sandbox, answer: Answer) -> tuple[str | None, list[int]]:
    """Return the template of a new draft, and the questions of its profiles."""
    assert answer.status == 201, answer.json
    profiling = (await call("GET", call.group_path(sandbox.group(answer.json["id"])))).json["profiling"]
    found = [profile["targets"][0]["conditions"][0]["question_id"] for profile in profiling["profiles"]]
    return profiling.get("template_id"), found


async def test_a_draft_has_the_profiles_of_its_template(sandbox: Sandbox, call: Caller) -> None:
    """A draft names a template alone, or with profiles of its own, which win where both are about one question."""
    template_id = (await create(call)).json["id"]
    named = {"profile_adjustment_type": "percentage", "template_id": template_id}
    alone = await create_draft(sandbox, call, profiling=named)
    assert await questions(call, sandbox, alone) == (template_id, [42])
    both = await create_draft(sandbox, call, profiling={**named, "profiles": [GENDER]})
    assert await questions(call, sandbox, both) == (template_id, [43, 42])
    own = {**AGE, "targets": [{**AGE["targets"][0], "name": "Own"}]}
    instead = await create_draft(sandbox, call, profiling={**named, "profiles": [own]})
    assert await questions(call, sandbox, instead) == (template_id, [42])


@pytest.mark.parametrize("change", [{"template_id": "7"}, {"profile_adjustment_type": "nominal"}, {"profiles": [7]}])
async def test_a_draft_of_a_wrong_template_is_refused(sandbox: Sandbox, call: Caller, change: dict[str, Any]) -> None:
    """An unknown template, goals as numbers and malformed profiles are a 400."""
    profiling = {"profile_adjustment_type": "percentage", "template_id": (await create(call)).json["id"], **change}
    assert (await create_draft(sandbox, call, profiling=profiling)).status == 400
