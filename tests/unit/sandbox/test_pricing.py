"""Rate cards, predictions, prices and filling strategies of the sandbox."""

from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, SandboxClock

UNITS = "/demand/accounts/101/business-units"
DYNAMIC = {"type": "dynamic", "user_requested_cpi": {"value": "3.20", "currency_code": "USD"}}
BY_CARD: dict[str, Any] = {
    "type": "rate_card",
    "country_code": "US",
    "expected_length_of_interview_minutes": 12,
    "expected_incidence_rate": 0.25,
}


def money(value: str, currency: str = "USD") -> dict[str, Any]:
    """Return an amount as a request has it."""
    return {"value": value, "currency_code": currency}


async def set_price(call: Caller, path: str, price: dict[str, Any]) -> Answer:
    """Change the price of a target group."""
    return await call("PUT", f"{path}/cost-per-interview", json={"target_group_cpi": price})


async def test_a_rate_card_is_a_formula(call: Caller) -> None:
    """A cell is 30 cents, 12 a minute, and 3,000 by the incidence rate in percent."""
    card = (await call("GET", f"{UNITS}/1234/rate-card", params={"country_code": "US"})).json
    table = card["rate_card_data"]
    row = table["length_of_interview_minutes"].index(15)
    column = table["incidence_rate_percents"].index(20)
    assert table["pricing_table_data"][row][column] == 30 + 15 * 12 + 150
    assert (card["country_code"], table["pricing_table_currency_code"]) == ("US", "USD")


@pytest.mark.parametrize(("unit", "country", "status"), [("5678", "US", 404), ("1", "US", 404), ("1234", "us", 400)])
async def test_a_rate_card_is_missing(call: Caller, unit: str, country: str, status: int) -> None:
    """A unit without rate cards and an unknown one are a 404, a country in small letters is a 400."""
    assert (await call("GET", f"{UNITS}/{unit}/rate-card", params={"country_code": country})).status == status


async def test_a_launch_binds_the_rate_card(sandbox: Sandbox, call: Caller) -> None:
    """The card of a draft is predicted, that of any other target group is bound."""
    for status, name in (("draft", "predicted_rate_card"), ("live", "bound_rate_card")):
        card = (await call("GET", f"{call.group_path(one(sandbox, status))}/rate-card")).json
        assert set(card) == {"country_code", name, f"{name}_token"}


@pytest.mark.parametrize(
    ("config", "price"),
    [
        (DYNAMIC, "3.20"),
        (BY_CARD, "3.60"),
        ({**BY_CARD, "cpi_boost": money("0.40")}, "4.00"),
        ({**BY_CARD, "cpi_boost": money("0.40"), "maximum_cpi": money("3.50")}, "3.50"),
    ],
)
async def test_a_price_is_predicted(call: Caller, config: dict[str, Any], price: str) -> None:
    """Dynamic prices are those asked for; others are on the next longer and lower cell, boosted and limited."""
    found = await call("POST", f"{UNITS}/1234/generate-price-prediction", json={"config": config})
    assert found.json["open_exchange_price"]["cost_per_interview"]["value"] == price
    assert found.json["open_exchange_price"]["pricing_context"]["type"] == config["type"]
    assert [private["supplier_id"] for private in found.json["private_exchange_prices"]] == ["4321"]


@pytest.mark.parametrize(
    ("unit", "config", "name"),
    [
        ("5678", BY_CARD, "config.type"),
        ("5678", DYNAMIC, "currency_code"),
        ("1234", {"type": "dynamic"}, "user_requested_cpi"),
        ("1234", {**BY_CARD, "expected_incidence_rate": 25}, "expected_incidence_rate"),
        ("1234", None, "config"),
    ],
)
async def test_a_wrong_configuration_is_refused(call: Caller, unit: str, config: object, name: str) -> None:
    """A model or currency of another unit and a field out of bounds are a 400 that names the field."""
    refused = await call("POST", f"{UNITS}/{unit}/generate-price-prediction", json={"config": config})
    assert (refused.status, refused.json["invalid_params"][0]["name"]) == (400, name)


async def test_a_target_group_has_a_price(sandbox: Sandbox, call: Caller) -> None:
    """The price of a draft is a prediction; another business unit has no such target group."""
    for status, kind in (("draft", "prediction"), ("live", "specification")):
        group = one(sandbox, status)
        found = (await call("GET", f"{UNITS}/1234/target-groups/{group.id}/price")).json
        assert (found["price_type"], found["open_exchange_price"]["cost_per_interview"]["value"]) == (kind, "2.50")
        assert (await call("GET", f"{UNITS}/5678/target-groups/{group.id}/price")).status == 404


async def test_a_new_price_is_for_later_completes(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Completes keep the price they came at; the change is in the changelog once."""
    group = one(sandbox, "live", completes=10)
    path = call.group_path(group)
    for _ in range(2):
        assert (await set_price(call, path, money("4.00"))).json["target_group_cpi"]["value"] == "4.00"
    clock.advance(60)
    group.completes = 15
    overview = (await call("GET", f"{path}/overview")).json
    assert overview["current_cost_per_interview"]["value"] == "4.00"
    assert overview["current_cost"]["value"] == "45.00"
    assert overview["average_cost_per_interview"]["value"] == "3.00"
    changes = (await call("GET", f"{path}/changelog")).json["changelog"]
    assert [entry["changes"][0]["object"] for entry in changes] == ["user_requested_cpi_change"]


@pytest.mark.parametrize(
    "price", [money("105.01"), money("0"), money("2.50", "EUR"), money("2.50", "XXX"), {"value": 1}]
)
async def test_a_price_has_a_limit_and_a_currency(sandbox: Sandbox, call: Caller, price: dict[str, Any]) -> None:
    """A price above 105 USD, of nothing, or in another currency is a 400; a draft is a 404."""
    path = call.group_path(one(sandbox, "live"))
    assert (await set_price(call, path, price)).json["invalid_params"][0]["name"] == "target_group_cpi"
    assert (await set_price(call, call.group_path(one(sandbox, "draft")), money("3"))).status == 404


async def test_a_filling_strategy_is_changed_until_the_end(sandbox: Sandbox, call: Caller) -> None:
    """The strategy is shown with the progress; once a target group has ended, it is a 405."""
    path = call.group_path(one(sandbox, "live"))
    strategy = {"filling_strategy": "prescreens"}
    assert (await call("PUT", f"{path}/filling-strategy", json=strategy)).json == strategy
    assert (await call("GET", f"{path}/overview")).json["progress"]["filling_strategy"] == "prescreens"
    assert (await call("PUT", f"{path}/filling-strategy", json={"filling_strategy": "all"})).status == 400
    ended = call.group_path(one(sandbox, "completed"))
    assert (await call("PUT", f"{ended}/filling-strategy", json=strategy)).status == 405
