"""Allocation templates of the sandbox: keys, entity tags, defaults, and templates for business units."""

from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller

KEY = "01BTGNYV6HRNK8K8VKZASZCFP9"
OTHER_KEY = "01BTGNYV6HRNK8K8VKZASZCFP8"
ACCOUNT = "/demand/accounts/101"
TEMPLATES = f"{ACCOUNT}/allocation-templates"
GLOBAL = "/demand/allocation-templates"
BODY: dict[str, Any] = {
    "name": "Best first",
    "supply_allocations": [
        {"type": "blocked", "suppliers": [{"supplier_id": 3334}]},
        {
            "type": "group",
            "name": "Best",
            "percentage_min": 40,
            "percentage_max": 60,
            "suppliers": [{"supplier_id": 4321}, {"supplier_id": 4350}],
        },
        {"type": "exchange", "percentage_min": None, "percentage_max": 60},
    ],
}


async def create(call: Caller, key: str = KEY, **changes: Any) -> Answer:
    """Create a template."""
    return await call("POST", TEMPLATES, json={**BODY, **changes}, headers={"Idempotency-Key": key})


async def test_a_template_is_created_once_for_a_key(call: Caller) -> None:
    """The response names the template in its Location only; a repetition names the same one."""
    first = await create(call)
    assert (first.status, first.body) == (201, b"")
    assert (await create(call)).headers["Location"] == first.headers["Location"]
    assert (await create(call, OTHER_KEY)).headers["Location"] != first.headers["Location"]
    assert (await create(call, name="Another")).status == 409
    listed = (await call("GET", TEMPLATES, params={"page_size": "1"})).json
    assert (len(listed["templates"]), listed["has_more"]) == (1, True)
    rest = (await call("GET", TEMPLATES, params={"start_after": listed["next_cursor"]})).json
    assert (len(rest["templates"]), rest["has_more"], rest["next_cursor"]) == (1, False, "")


@pytest.mark.parametrize("key", ["", "b551326b-ac9d-4d32-8823-4f025787dab9"])
async def test_a_key_must_be_a_ulid(call: Caller, key: str) -> None:
    """No key and a UUID are a 400."""
    assert (await create(call, key)).status == 400


async def test_a_template_is_read_with_names_and_a_tag(call: Caller) -> None:
    """Suppliers have names and kinds, and the exchange has all suppliers that are in no other allocation."""
    path = (await create(call)).headers["Location"]
    answer = await call("GET", path, params={"locale": "eng_us"})
    blocked, group, exchange = answer.json["supply_allocations"]
    assert blocked["suppliers"] == [{"supplier_id": 3334, "name": "BCD Panels", "type": "loyalty_panels"}]
    assert [supplier["supplier_id"] for supplier in group["suppliers"]] == [4321, 4350]
    assert [supplier["supplier_id"] for supplier in exchange["suppliers"]] == [980, 4351]
    assert answer.headers["ETag"] == 'W/"1"'
    assert (await call("GET", path, params={"locale": "eng-us"})).status == 400


async def test_a_template_is_updated_under_its_tag(call: Caller) -> None:
    """An update needs the present tag and makes a new one; a deletion needs none."""
    path = (await create(call)).headers["Location"]
    changed = {**BODY, "name": "Best last"}
    assert (await call("PUT", path, json=changed)).status == 400
    assert (await call("PUT", path, json=changed, headers={"If-Match": 'W/"2"'})).status == 412
    assert (await call("PUT", path, json=changed, headers={"If-Match": 'W/"1"'})).status == 204
    answer = await call("GET", path)
    assert (answer.json["name"], answer.headers["ETag"]) == ("Best last", 'W/"2"')
    assert (await call("DELETE", path)).status == 204
    assert (await call("GET", path)).status == 404


async def test_an_account_has_a_default_template(call: Caller) -> None:
    """The default template is changed under its tag, and falls back when the template is deleted."""
    path = f"{ACCOUNT}/allocation-template-association"
    before = await call("GET", path)
    location = (await create(call)).headers["Location"]
    wanted = {"template_id": location.rpartition("/")[2]}
    assert (await call("PUT", path, json=wanted, headers={"If-Match": '"7"'})).status == 412
    tag = {"If-Match": before.headers["ETag"]}
    unknown = await call("PUT", path, json={"template_id": KEY}, headers=tag)
    assert unknown.status == 404
    assert (await call("PUT", path, json=wanted, headers=tag)).status == 204
    assert (await call("GET", path)).json == wanted
    await call("DELETE", location)
    assert (await call("GET", path)).json == before.json


async def test_all_accounts_share_some_templates(call: Caller) -> None:
    """The templates of all accounts are listed and read, and there is one of the system."""
    listed = (await call("GET", GLOBAL)).json["templates"]
    template = (await call("GET", f"{GLOBAL}/{listed[1]['template_id']}")).json
    assert set(template) == {"template_id", "name", "supply_allocations"}
    assert (await call("GET", f"{GLOBAL}/{KEY}")).status == 404
    system = (await call("GET", "/demand/system-allocation-template", params={"locale": "eng_us"})).json
    assert len(system["supply_allocations"][0]["suppliers"]) == 5
    assert (await call("GET", "/demand/system-allocation-template")).status == 400


async def test_a_template_is_read_for_a_business_unit(call: Caller) -> None:
    """It has the form of a target group's allocations, and the private exchange is blocked."""
    template_id = (await create(call)).headers["Location"].rpartition("/")[2]
    unit = f"{ACCOUNT}/business-units/1234"
    locale = {"locale": "eng_us"}
    own = (await call("GET", f"{unit}/account-allocation-templates/{template_id}", params=locale)).json
    opened = own["open_exchange_allocations"]
    assert (opened["exchange_min_percentage"], opened["exchange_max_percentage"]) == (0, 60)
    assert opened["groups"][0]["suppliers"][0] == {"supplier_id": "4321", "supplier_name": "Ace Samples"}
    assert own["private_exchange_allocations"]["blocked_suppliers"] != []
    global_id = (await call("GET", GLOBAL)).json["templates"][1]["template_id"]
    shared = (await call("GET", f"{unit}/global-allocation-templates/{global_id}", params=locale)).json
    assert shared["template_name"] == "Panels first"
    assert (await call("GET", f"{unit}/global-allocation-templates/{KEY}", params=locale)).status == 404
    system = (await call("GET", f"{unit}/system-allocation-template", params=locale)).json
    assert len(system["open_exchange_allocations"]["exchange_suppliers"]) == 5
    assert (await call("GET", f"{unit}/system-allocation-template")).status == 400
    other = f"{ACCOUNT}/business-units/7/system-allocation-template"
    assert (await call("GET", other, params=locale)).status == 404


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "other"},
        {"type": "exchange", "percentage_max": 60},
        {"type": "exchange", "percentage_min": 61, "percentage_max": 60},
        {"type": "blocked", "suppliers": [{"supplier_id": "3334"}]},
        {"type": "blocked", "suppliers": [{"supplier_id": 7}]},
        {"type": "group", "percentage_min": None, "percentage_max": 60, "suppliers": []},
        "blocked",
    ],
)
async def test_malformed_allocations_are_refused(call: Caller, entry: object) -> None:
    """A 400 creates nothing."""
    assert (await create(call, supply_allocations=[entry])).status == 400
    assert (await call("GET", TEMPLATES)).json["templates"] == []
