"""Rate cards, predictions and prices, and the price of a launched target group."""

from decimal import Decimal
from typing import Any

import pytest
from support.resource_wire import GROUP, GROUP_PATH, PROJECT, answer, sent

from fieldingkit.errors import DecodeError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.resources.money import Money
from fieldingkit.resources.pricing import (
    DynamicConfig,
    GetRateCard,
    GetTargetGroupPrice,
    GetTargetGroupRateCard,
    PredictPrice,
    RateCardConfig,
    RateCardFormat,
)
from fieldingkit.resources.target_group_details import UpdateCostPerInterview, UpdateFillingStrategy
from fieldingkit.resources.target_groups import FillingStrategy

IDS: dict[str, Any] = {"project_id": PROJECT, "target_group_id": GROUP}
UNIT = "/demand/accounts/101/business-units/1234"
PRICE = Money(value=Decimal("2.50"), currency_code="USD", currency_scale=2)
FLOAT: Any = 2.5
WRITTEN = {"value": "2.50", "currency_code": "USD"}
TABLE = {
    "data_format": "loi_ir_matrix",
    "length_of_interview_minutes": [3, 6],
    "incidence_rate_percents": [75, 50],
    "pricing_table_currency_code": "USD",
    "pricing_table_data": [[32, 373], [374, 427]],
}
EXCHANGE: dict[str, Any] = {
    "pricing_context": {"type": "rate_card", "rate_card_token": "t", "maximum_cpi": WRITTEN},
    "cost_per_interview": {"value": "4.75", "currency_code": "USD", "currency_scale": 2},
}
PRICES: dict[str, Any] = {
    "buyer_account_id": 101,
    "buyer_business_unit_id": "1234",
    "buyer_business_unit_exchange_rate_from_usd": 1,
    "open_exchange_price": EXCHANGE,
    "private_exchange_prices": [
        {"supplier_id": "43", "pricing_context": {"type": "dynamic"}, "cost_per_interview": WRITTEN}
    ],
}


def test_a_rate_card_is_a_table() -> None:
    """A cell is found by length and percentage; the numbers stay as they are, since their unit is not documented."""
    body = {"country_code": "US", "token": "t", "rate_card_data": TABLE}
    card = answer(GetRateCard(business_unit_id="1234", country_code="us"), body)
    assert (card.country_code, card.token, card.currency_code) == ("US", "t", "USD")
    assert card.data_format is RateCardFormat.LOI_IR_MATRIX
    assert card.cell(6, 50) == 427
    for missing in ((6, 30), (10, 50)):
        with pytest.raises(KeyError):
            card.cell(*missing)
    request = sent(GetRateCard(business_unit_id="1234", country_code="us"))
    assert (request.path, request.query) == (UNIT + "/rate-card", [("country_code", "US")])


@pytest.mark.parametrize(("name", "bound"), [("bound_rate_card", True), ("predicted_rate_card", False)])
def test_a_card_is_bound_or_predicted(name: str, bound: bool) -> None:
    """The two forms of a target group's card are one class."""
    card = answer(GetTargetGroupRateCard(**IDS), {"country_code": "US", f"{name}_token": "t", name: TABLE})
    assert (card.bound, card.token, card.prices) == (bound, "t", ((32, 373), (374, 427)))


def test_a_card_of_neither_form_is_refused() -> None:
    """An answer without a card is a DecodeError."""
    with pytest.raises(DecodeError):
        answer(GetTargetGroupRateCard(**IDS), {"country_code": "US"})


def test_a_configuration_carries_its_type() -> None:
    """The class of a configuration is its type; amounts are sent without their scale."""
    predict = PredictPrice(business_unit_id="1234", config=DynamicConfig(user_requested_cpi=PRICE))
    request = sent(predict)
    assert (request.method, request.path) == ("POST", UNIT + "/generate-price-prediction")
    assert request.body == {"config": {"type": "dynamic", "user_requested_cpi": WRITTEN}}
    assert predict.retry_safety() is RetrySafety.READ
    card = RateCardConfig(
        country_code="us", expected_length_of_interview_minutes=15, expected_incidence_rate=0.25, maximum_cpi=PRICE
    )
    assert sent(PredictPrice(business_unit_id="1234", config=card)).body == {
        "config": {
            "type": "rate_card",
            "country_code": "US",
            "expected_length_of_interview_minutes": 15,
            "expected_incidence_rate": 0.25,
            "maximum_cpi": WRITTEN,
        }
    }


def test_prices_are_flat() -> None:
    """The members of the pricing context are fields of the price; the open exchange has no supplier."""
    command = PredictPrice(business_unit_id="1234", config=DynamicConfig(user_requested_cpi=PRICE))
    price = answer(command, PRICES)
    opened, (private,) = price.open_exchange_price, price.private_exchange_prices
    assert (opened.pricing_type, opened.rate_card_token, opened.supplier_id) == (PricingType.RATE_CARD, "t", None)
    assert opened.maximum_cpi == Money(value=Decimal("2.50"), currency_code="USD")
    assert (private.pricing_type, private.supplier_id) == (PricingType.DYNAMIC, "43")
    body = {**PRICES, "price_type": "specification", "target_group_id": GROUP, "pricing_config_token": "p"}
    command_of_group = GetTargetGroupPrice(business_unit_id="1234", target_group_id=GROUP)
    assert answer(command_of_group, body).open_exchange_price == opened
    assert sent(command_of_group).path == f"{UNIT}/target-groups/{GROUP}/price"


def test_a_price_is_sent_without_its_scale() -> None:
    """The price of a group can be sent back as it was read; no ETag guards it, so it is never sent twice."""
    command = UpdateCostPerInterview(**IDS, target_group_cpi=PRICE)
    request = sent(command)
    assert (request.method, request.path) == ("PUT", GROUP_PATH + "/cost-per-interview")
    assert request.body == {"target_group_cpi": WRITTEN}
    assert command.retry_safety() is RetrySafety.NONE
    result = answer(command, {"target_group_cpi": {**WRITTEN, "currency_scale": 2}})
    assert result.target_group_cpi == PRICE


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        2.5,
        Money(value=Decimal("2.50")),
        Money(currency_code="USD"),
        Money(value=Decimal(-1), currency_code="USD"),
        Money(value=Decimal("NaN"), currency_code="USD"),
        Money(value=Decimal(1), currency_code="usd"),
        Money(value=FLOAT, currency_code="USD"),
    ],
)
def test_a_price_is_an_exact_amount_with_a_currency(wrong: Any) -> None:
    """A float, a negative amount and an amount without its currency are refused by name."""
    with pytest.raises(InvalidCommandError, match="an amount and its currency") as caught:
        UpdateCostPerInterview(**IDS, target_group_cpi=wrong)
    assert caught.value.field == "target_group_cpi"


@pytest.mark.parametrize(
    "wrong",
    [
        {"country_code": "USA"},
        {"expected_length_of_interview_minutes": 46},
        {"expected_incidence_rate": 1.01},
        {"expected_incidence_rate": 0.255},
        {"expected_incidence_rate": "0.5"},
        {"expected_incidence_rate": True},
        {"cpi_boost": 1},
    ],
)
def test_a_configuration_has_bounds(wrong: dict[str, Any]) -> None:
    """Fields out of bounds are refused by name; an incidence rate goes from 0 to 1 in steps of 0.01."""
    fields: dict[str, Any] = {
        "country_code": "US",
        "expected_length_of_interview_minutes": 15,
        "expected_incidence_rate": 0.29,
    }
    RateCardConfig(**fields)
    with pytest.raises(InvalidCommandError) as caught:
        RateCardConfig(**{**fields, **wrong})
    assert caught.value.field in wrong


def test_a_filling_strategy_is_a_word() -> None:
    """The strategy can be given as text."""
    command = UpdateFillingStrategy(**IDS, filling_strategy="prescreens")
    request = sent(command)
    assert (request.method, request.path) == ("PUT", GROUP_PATH + "/filling-strategy")
    assert request.body == {"filling_strategy": "prescreens"}
    assert answer(command, {"filling_strategy": "completes"}).filling_strategy is FillingStrategy.COMPLETES
