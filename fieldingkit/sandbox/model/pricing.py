"""Prices and the speed of fielding: a simple model, the same for feasibility, suggestions and the flow of completes.

- The price on a rate card is 0.30 USD, 0.12 USD a minute of the interview, and 30 USD divided by the incidence rate in
  percent. It is also the price at which respondents are willing.
- One of 1,000 panelists of a country enters a day, a tenth of them for a language that is not preferred. The share that
  qualifies is the incidence rate; the share that is willing is the price divided by the price on the card, at most all.
- Profiles admit a share of the panelists; see `fieldingkit.sandbox.model.questions`.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from fieldingkit.sandbox.model.amounts import RATES_FROM_USD, Amount
from fieldingkit.sandbox.model.definitions import COUNTRIES, LOCALES

__all__ = [
    "INCIDENCE_RATES",
    "LENGTHS",
    "MAXIMUM_PRICE_IN_USD",
    "card_price",
    "completes_a_day",
    "period_between",
    "price_in_cents",
]

LENGTHS: Final = (3, 6, 10, 15, 20, 25, 30, 35, 40, 45)
"""The rows of every rate card: lengths of interviews in minutes."""

INCIDENCE_RATES: Final = (75, 50, 30, 20, 15, 10, 7, 5, 3, 1)
"""The columns of every rate card: incidence rates in percent."""

MAXIMUM_PRICE_IN_USD: Final = Decimal(105)
"""The platform's limit for a price."""

_FEWEST_A_DAY: Final = 1e-6
_ENTRANTS_A_DAY: Final = 0.001
_OTHER_LANGUAGE: Final = 0.1


def price_in_cents(length: int, incidence_rate_percent: int) -> int:
    """Return the price on a card, in cents of a US dollar.

    Args:
        length: The length of an interview in minutes.
        incidence_rate_percent: The incidence rate in percent, at least 1.
    """
    return 30 + 12 * length + 3000 // incidence_rate_percent


def card_price(length: int, incidence_rate: float, currency_code: str = "USD") -> Amount:
    """Return the price on a card, for any length and incidence rate: the next longer row, the next lower column.

    Args:
        length: The length of an interview in minutes.
        incidence_rate: The incidence rate, from 0 to 1.
        currency_code: The currency.
    """
    row = next((minutes for minutes in LENGTHS if minutes >= length), LENGTHS[-1])
    column = next((rate for rate in INCIDENCE_RATES if rate <= round(incidence_rate * 100, 6)), INCIDENCE_RATES[-1])
    value = Decimal(price_in_cents(row, column)) / 100 * RATES_FROM_USD[currency_code]
    return Amount(value, currency_code)


def completes_a_day(locale: str, *, length: int, incidence_rate: float, price: Amount) -> float:
    """Return the number of completes that a target group gets in a day.

    Args:
        locale: The locale's code.
        length: The length of an interview in minutes.
        incidence_rate: The incidence rate, from 0 to 1.
        price: The price of a complete.
    """
    place = LOCALES[locale]
    entrants = COUNTRIES[place.country].panelists * _ENTRANTS_A_DAY * (1 if place.is_preferred else _OTHER_LANGUAGE)
    willing = min(1.0, float(price.value / card_price(length, incidence_rate, price.currency_code).value))
    return entrants * incidence_rate * willing


def period_between(completes_a_day: float) -> timedelta | None:
    """Return the time between two completes; None if it is so long that none arrives.

    Args:
        completes_a_day: The number of completes in a day.
    """
    return timedelta(days=1) / completes_a_day if completes_a_day > _FEWEST_A_DAY else None
