"""Prices: rate cards, and the prices that a target group would have or has on the exchanges."""

from typing import Any, ClassVar, cast

import attrs

from fieldingkit.commands import AccountCommand, CommandPart, Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.resources.money import Money, amount, without_scale
from fieldingkit.results import Result, Variant
from fieldingkit.validators import integer, matching, number, opaque_id, ulid

__all__ = [
    "DynamicConfig",
    "ExchangePrice",
    "GetRateCard",
    "GetTargetGroupPrice",
    "GetTargetGroupRateCard",
    "PredictPrice",
    "PricePrediction",
    "PriceType",
    "RateCard",
    "RateCardConfig",
    "RateCardFormat",
    "TargetGroupPrice",
    "TargetGroupRateCard",
]

_BUSINESS_UNIT = "/demand/accounts/{account_id}/business-units/{business_unit_id}"


def _capitals(code: str) -> str:
    # Anything but text is rejected by the validator, which knows the field's name.
    return code.upper() if isinstance(cast("object", code), str) else code


_country = matching(r"[A-Z]{2}", "a country of two letters, such as 'US'")


class RateCardFormat(OpenEnum):
    """The form of a rate card's table."""

    LOI_IR_MATRIX = "loi_ir_matrix"
    """A row for each length of interview, a column for each incidence rate."""


@attrs.frozen(kw_only=True)
class RateCard(Result):
    """A table of prices by length of interview and incidence rate."""

    country_code: str
    """The country's two capital letters, such as ``US``; locales have them in small letters."""
    token: str
    """The API's token of this card."""
    data_format: RateCardFormat | None = None
    """The form of the table."""
    length_of_interview_minutes: tuple[int, ...] = ()
    """The lengths of interviews in minutes, one for each row of ``prices``."""
    incidence_rate_percents: tuple[int, ...] = ()
    """The incidence rates in percent, one for each column of ``prices``; other operations take them from 0 to 1."""
    currency_code: str | None = None
    """The currency of the prices."""
    prices: tuple[tuple[int, ...], ...] = ()
    """The table. The API does not document its unit: compare a cell with a known price before you use it."""

    def cell(self, length_of_interview_minutes: int, incidence_rate_percent: int) -> int:
        """Return the number in a cell of the table, whose unit is not documented.

        Args:
            length_of_interview_minutes: A length that the card has.
            incidence_rate_percent: An incidence rate that the card has, in percent.

        Raises:
            KeyError: if the card has no such row or column.
        """
        rows, columns = self.length_of_interview_minutes, self.incidence_rate_percents
        try:
            return self.prices[rows.index(length_of_interview_minutes)][columns.index(incidence_rate_percent)]
        except (ValueError, IndexError):
            raise KeyError((length_of_interview_minutes, incidence_rate_percent)) from None

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        return _flat_card(body, body["token"], body["rate_card_data"])


@attrs.frozen(kw_only=True)
class TargetGroupRateCard(RateCard):
    """The rate card of a target group."""

    bound: bool
    """True if the card was fixed when the target group was launched; False if it would hold if it were launched now."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read either form of the API's object: a bound card or a predicted one."""
        bound = "bound_rate_card" in body
        name = "bound_rate_card" if bound else "predicted_rate_card"
        return {**_flat_card(body, body[f"{name}_token"], body[name]), "bound": bound}


def _flat_card(body: dict[str, Any], token: Any, table: dict[str, Any]) -> dict[str, Any]:
    return {
        **table,
        "country_code": body["country_code"],
        "token": token,
        "currency_code": table.get("pricing_table_currency_code"),
        "prices": table.get("pricing_table_data"),
    }


@attrs.frozen(kw_only=True)
class ExchangePrice(Result):
    """The price of a target group on the open exchange, or from one supplier of the private exchange."""

    cost_per_interview: Money
    """The price of a complete."""
    pricing_type: PricingType | None = None
    """The pricing model that it comes from."""
    rate_card_token: str | None = None
    """The rate card that it comes from."""
    maximum_cpi: Money | None = None
    """The maximum price with a rate card."""
    cpi_boost: Money | None = None
    """The amount that is added to the price on the card."""
    supplier_id: str | None = None
    """The supplier of the private exchange; None on the open exchange."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Lift the members of the pricing context, whose ``type`` is the pricing model."""
        context: dict[str, Any] = body.get("pricing_context") or {}
        return {**context, "pricing_type": context.get("type"), **body}


@attrs.frozen(kw_only=True)
class PricePrediction(Result):
    """The prices that a target group would have."""

    buyer_account_id: int
    """The account's number."""
    buyer_business_unit_id: str
    """The business unit, which decides the currency."""
    buyer_business_unit_exchange_rate_from_usd: float
    """The exchange rate between the unit's currency and USD; its direction is not documented."""
    open_exchange_price: ExchangePrice
    """The price on the open exchange."""
    private_exchange_prices: tuple[ExchangePrice, ...]
    """The prices of the suppliers of the private exchange."""


class PriceType(OpenEnum):
    """The origin of a target group's price."""

    SPECIFICATION = "specification"
    """The price of the specification."""
    PREDICTION = "prediction"
    """A predicted price."""


@attrs.frozen(kw_only=True)
class TargetGroupPrice(PricePrediction):
    """The prices of a target group."""

    price_type: PriceType
    """The origin of the prices."""
    target_group_id: str
    """The target group's ULID."""
    pricing_config_token: str
    """The API's token of the pricing."""


@attrs.frozen(kw_only=True)
class RateCardConfig(CommandPart, Variant):
    """Pricing by rate card, for ``PredictPrice``."""

    tag: ClassVar[str] = "type"
    type: ClassVar[PricingType] = PricingType.RATE_CARD
    country_code: str = attrs.field(converter=_capitals, validator=_country)
    """The country's two letters, such as ``US``."""
    expected_length_of_interview_minutes: int = attrs.field(validator=integer(1, 45))
    """The expected length of an interview, in minutes, 1 to 45."""
    expected_incidence_rate: float = attrs.field(validator=number(0, 1, decimals=2))
    """The expected share of entrants who qualify, from 0 to 1 in steps of 0.01."""
    maximum_cpi: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The maximum price of a complete."""
    cpi_boost: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The amount to add to the price on the card, up to ``maximum_cpi``."""


@attrs.frozen(kw_only=True)
class DynamicConfig(CommandPart, Variant):
    """Dynamic pricing, for ``PredictPrice``."""

    tag: ClassVar[str] = "type"
    type: ClassVar[PricingType] = PricingType.DYNAMIC
    user_requested_cpi: Money = attrs.field(converter=without_scale, validator=amount)
    """The price of a complete that the buyer asks for."""


@attrs.frozen(kw_only=True)
class GetRateCard(AccountCommand[RateCard]):
    """Read the rate card of a business unit for a country."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _BUSINESS_UNIT + "/rate-card", operation_id="get_rate_card")
    business_unit_id: str = attrs.field(validator=opaque_id)
    """The business unit, which decides the currency."""
    country_code: str = attrs.field(converter=_capitals, validator=_country)
    """The country's two letters; they are sent as capitals, unlike those of a locale."""


@attrs.frozen(kw_only=True)
class GetTargetGroupRateCard(TargetGroupCommand[TargetGroupRateCard]):
    """Read the rate card of a target group; launching it for the first time binds the card to it."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/rate-card",
        operation_id="get_target_group_rate_card",
    )


@attrs.frozen(kw_only=True)
class PredictPrice(AccountCommand[PricePrediction]):
    """Ask for the prices that a target group would have; nothing is created.

    Only accounts with a private exchange may ask: others get ``ForbiddenError``.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _BUSINESS_UNIT + "/generate-price-prediction",
        operation_id="generate_price_prediction",
        read_only=True,
    )
    business_unit_id: str = attrs.field(validator=opaque_id)
    """The business unit, which decides the currency."""
    config: RateCardConfig | DynamicConfig
    """The pricing; its model must be one of the business unit's."""


@attrs.frozen(kw_only=True)
class GetTargetGroupPrice(AccountCommand[TargetGroupPrice]):
    """Read the prices of a target group. Only accounts with a private exchange may ask: others get ForbiddenError."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _BUSINESS_UNIT + "/target-groups/{target_group_id}/price", operation_id="get_target_group_price"
    )
    business_unit_id: str = attrs.field(validator=opaque_id)
    """The target group's business unit."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
