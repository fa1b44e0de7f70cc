"""Handlers of rate cards and of the prices on the exchanges; every account has a private exchange with one supplier."""

from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.model.amounts import RATES_FROM_USD, Amount
from fieldingkit.sandbox.model.definitions import BUSINESS_UNITS, COUNTRIES, BusinessUnit
from fieldingkit.sandbox.model.pricing import INCIDENCE_RATES, LENGTHS, MAXIMUM_PRICE_IN_USD, card_price, price_in_cents
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_amount, read_integer, read_rate, read_string

__all__ = [
    "business_unit",
    "get_rate_card",
    "get_target_group_price",
    "get_target_group_rate_card",
    "predict_price",
    "update_cost_per_interview",
    "update_filling_strategy",
]

_PRIVATE_SUPPLIER: Final = "4321"


def get_rate_card(context: RequestContext) -> HandlerResponse:
    """Return the rate card of a business unit for a country; 404 if the unit has none."""
    unit = business_unit(context)
    if "rate_card" not in unit.pricing_models:
        raise problems.not_found("rate card")
    country = context.recorded.query.get("country_code", "")
    if country.lower() not in COUNTRIES or not country.isupper():
        raise problems.bad_request("The country is unknown.", country_code="Must be the code of a country, as US.")
    return HandlerResponse(
        200, {"country_code": country, "token": _token(country), "rate_card_data": _table(unit.currency_code)}
    )


def get_target_group_rate_card(context: RequestContext) -> HandlerResponse:
    """Return the rate card of a target group: the predicted one of a draft, the bound one of any other."""
    group = context.target_group()
    country = group.settings.country.upper()
    name = "predicted_rate_card" if group.status_at(context.now) == "draft" else "bound_rate_card"
    return HandlerResponse(
        200,
        {
            "country_code": country,
            f"{name}_token": _token(country),
            name: _table(group.price.currency_code),
        },
    )


def _table(currency_code: str) -> dict[str, Any]:
    rate = RATES_FROM_USD[currency_code]
    return {
        "data_format": "loi_ir_matrix",
        "length_of_interview_minutes": list(LENGTHS),
        "incidence_rate_percents": list(INCIDENCE_RATES),
        "pricing_table_currency_code": currency_code,
        "pricing_table_data": [
            [int(price_in_cents(length, incidence) * rate) for incidence in INCIDENCE_RATES] for length in LENGTHS
        ],
    }


def _token(country: str) -> str:
    return f"card-{country}-1"


def business_unit(context: RequestContext) -> BusinessUnit:
    """Return the business unit in the path; 404 if there is none."""
    unit_id = context.parameters["business_unit_id"]
    unit = BUSINESS_UNITS.get(int(unit_id)) if unit_id.isdecimal() else None
    if unit is None:
        raise problems.not_found("business unit")
    return unit


def predict_price(context: RequestContext) -> HandlerResponse:
    """Return the prices that a target group would have: those that were asked for, or those on the rate card."""
    unit, config = business_unit(context), context.json_object().get("config")
    if not isinstance(config, dict):
        raise problems.bad_request("The configuration is missing or malformed.", config="Must be an object.")
    fields = cast("dict[str, Any]", config)
    kind = fields.get("type")
    if kind not in unit.pricing_models:
        raise problems.bad_request("The pricing model is not available.", **{"config.type": "Must be one of the unit."})
    if kind == "dynamic":
        price, pricing = _in_currency_of(unit, read_amount(fields, "user_requested_cpi")), {"type": kind}
    else:
        price, pricing = _priced_by_card(unit, fields)
    return HandlerResponse(200, _prices(context, unit, price, pricing))


def _priced_by_card(unit: BusinessUnit, fields: dict[str, Any]) -> tuple[Amount, dict[str, Any]]:
    country = read_string(fields, "country_code", "[A-Z]{2}")
    length = read_integer(fields, "expected_length_of_interview_minutes", 1, 45)
    price = card_price(length, read_rate(fields, "expected_incidence_rate"), unit.currency_code)
    limits = {
        name: _in_currency_of(unit, read_amount(fields, name))
        for name in ("maximum_cpi", "cpi_boost")
        if name in fields
    }
    if "cpi_boost" in limits:
        price = price._replace(value=price.value + limits["cpi_boost"].value)
    if "maximum_cpi" in limits:
        price = min(price, limits["maximum_cpi"])
    written: dict[str, Any] = {name: amount.json() for name, amount in limits.items()}
    return price, {"type": "rate_card", "rate_card_token": _token(country), **written}


def _in_currency_of(unit: BusinessUnit, amount: Amount) -> Amount:
    if amount.currency_code != unit.currency_code:
        raise problems.bad_request("The currency is wrong.", currency_code=f"Must be {unit.currency_code}.")
    return amount


def get_target_group_price(context: RequestContext) -> HandlerResponse:
    """Return the prices of a target group; 404 if it is of another business unit."""
    unit = business_unit(context)
    group = context.state.groups.get(context.parameters["target_group_id"])
    project = None if group is None else context.state.projects[group.project_id]
    if group is None or project is None or project.account_id != context.account_id:
        raise problems.not_found("target group")
    if group.settings.business_unit_id != unit.id:
        raise problems.not_found("target group")
    is_draft = group.status_at(context.now) == "draft"
    return HandlerResponse(
        200,
        {
            "price_type": "prediction" if is_draft else "specification",
            "target_group_id": group.id,
            "pricing_config_token": f"pricing-{group.settings.human_readable_id}",
            **_prices(context, unit, group.price, {"type": "dynamic"}),
        },
    )


def _prices(context: RequestContext, unit: BusinessUnit, price: Amount, pricing: dict[str, Any]) -> dict[str, Any]:
    exchange = {"pricing_context": pricing, "cost_per_interview": price.json()}
    return {
        "buyer_account_id": context.account_id,
        "buyer_business_unit_id": str(unit.id),
        "buyer_business_unit_exchange_rate_from_usd": float(RATES_FROM_USD[unit.currency_code]),
        "open_exchange_price": exchange,
        "private_exchange_prices": [{"supplier_id": _PRIVATE_SUPPLIER, **exchange}],
    }


def update_cost_per_interview(context: RequestContext) -> HandlerResponse:
    """Change the price of a target group that is no draft, up to the platform's limit and in its own currency."""
    group = context.launched_target_group()
    price = read_amount(context.json_object(), "target_group_cpi")
    if price.currency_code != group.price.currency_code:
        raise problems.bad_request("The currency is wrong.", target_group_cpi=f"Must be {group.price.currency_code}.")
    if not 0 < price.in_usd <= MAXIMUM_PRICE_IN_USD:
        raise problems.bad_request("The price is too high or zero.", target_group_cpi="Must be up to 105 USD.")
    if price != group.price:
        group.set_price(price, at=context.now, request=context.recorded.index)
    return HandlerResponse(200, {"target_group_cpi": group.price.json()})


_ENDED: Final = frozenset({"completed", "archived"})


def update_filling_strategy(context: RequestContext) -> HandlerResponse:
    """Change the kind of respondents that the goal counts; 405 for a target group that has ended."""
    group = context.target_group()
    strategy = read_string(context.json_object(), "filling_strategy", "automated|prescreens|completes")
    if group.status_at(context.now) in _ENDED:
        raise problems.method_not_allowed("GET")
    _set_strategy(group, strategy, context)
    return HandlerResponse(200, {"filling_strategy": group.filling_strategy})


def _set_strategy(group: TargetGroup, strategy: str, context: RequestContext) -> None:
    if strategy != group.filling_strategy:
        group.set_filling_strategy(strategy, at=context.now, request=context.recorded.index)
