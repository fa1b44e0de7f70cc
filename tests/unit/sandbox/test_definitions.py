"""Definitions of the sandbox: the same small tables in every account."""

import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.definitions import COUNTRIES, LANGUAGES, LOCALES


async def test_an_account_has_two_business_units(call: Caller) -> None:
    """Two business units have different currencies; one of them has rate cards."""
    units = (await call("GET", "/accounts/101/business-units")).json["business_units"]
    assert [(unit["currency_code"], unit["pricing_models"]) for unit in units] == [
        ("USD", ["dynamic", "rate_card"]),
        ("EUR", ["dynamic"]),
    ]


async def test_a_user_has_a_default_business_unit(call: Caller) -> None:
    """The default unit of a user is the first one; an unknown user is a 404."""
    (user, *_) = (await call("GET", "/accounts/101/users")).json["users"]
    unit = await call("GET", f"/accounts/101/users/{user['id']}/business-units")
    assert unit.json == {"business_unit_id": 1234}
    missing = await call("GET", "/accounts/101/users/00000000-0000-4000-8000-000000000000/business-units")
    assert missing.status == 404


async def test_programs_act_as_a_service_client(sandbox: Sandbox, call: Caller) -> None:
    """An account has one service client, which is no project manager."""
    sandbox.seed(draft=1, account_id=202)
    lists = [(await call("GET", f"/accounts/{account}/service-clients")).json["users"] for account in (101, 202)]
    assert [len(users) for users in lists] == [1, 1]
    assert lists[0][0]["id"] != lists[1][0]["id"]
    params = {"user_type": "project_manager"}
    assert (await call("GET", "/accounts/101/service-clients", params=params)).json == {"users": []}


async def test_clients_have_numbered_pages(call: Caller) -> None:
    """Pages have numbers from 0; the page after the last one is empty."""

    async def page(**params: int) -> list[int]:
        return [one["id"] for one in (await call("GET", "/accounts/101/clients", params=params)).json["clients"]]

    assert await page() == [*range(2001, 2011)]
    assert await page(page_number=1) == [2011, 2012]
    assert await page(page_number=2) == []
    assert await page(page_size=5, page_number=2) == [2011, 2012]


@pytest.mark.parametrize("params", [{"page_number": "-1"}, {"page_size": "101"}, {"page_size": "0"}])
async def test_numbers_of_pages_have_bounds(call: Caller, params: dict[str, str]) -> None:
    """A number or size out of bounds is a 400 that names the parameter."""
    refused = await call("GET", "/accounts/101/clients", params=params)
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, next(iter(params)))


async def test_there_are_twenty_countries_and_thirty_locales(call: Caller) -> None:
    """Countries have capital codes and one entry for none; locales have small ones, under their country."""
    countries = (await call("GET", "/countries")).json["countries"]
    assert (len(countries), countries[0]["code"]) == (21, "NA")
    assert {"id": 244, "code": "US", "name": "United States"} in countries
    locales = (await call("GET", "/locales")).json["locales"]
    assert [entry["country"]["code"] for entry in locales] == list(COUNTRIES)
    assert sum(len(entry["languages"]) for entry in locales) == len(LOCALES) == 30
    assert {locale.language for locale in LOCALES.values()} == set(LANGUAGES)


async def test_seeded_target_groups_refer_to_definitions(sandbox: Sandbox, call: Caller) -> None:
    """The locale, the codes and the business unit of a seeded target group are in the tables."""
    draft = (await call("GET", call.group_path(sandbox.seed(draft=1).groups[0]))).json
    lists = {
        "study_type_code": (await call("GET", "/study-types")).json["study_types"],
        "industry_code": (await call("GET", "/industries")).json["industries"],
        "industry_lockout_code": (await call("GET", "/industry-lockouts")).json["industry_lockouts"],
    }
    assert all(draft[name] in {entry["code"] for entry in entries} for name, entries in lists.items())
    assert draft["locale"] in LOCALES
    units = (await call("GET", "/accounts/101/business-units")).json["business_units"]
    assert draft["business_unit_id"] in {unit["id"] for unit in units}


async def test_the_test_supplier_is_980(call: Caller) -> None:
    """Suppliers have the test supplier 980 among them; use cases have texts for ids."""
    suppliers = (await call("GET", "/suppliers")).json["suppliers"]
    assert suppliers[0] == {"id": 980, "code": "TEST", "name": "Test supplier"}
    cases = (await call("GET", "/integration-use-cases")).json["integration_use_cases"]
    assert "manage_surveys" in {case["id"] for case in cases}
