"""Amounts of money in other resources."""

import re
from decimal import Decimal
from typing import Any, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Result

__all__ = ["Money"]

_CURRENCY = re.compile(r"[A-Z]{3}")


@attrs.frozen(kw_only=True)
class Money(Result):
    """An amount and its currency. The amount is exact: every digit that the API sent is kept."""

    value: Decimal | None = None
    """The amount, such as ``Decimal("2.7352")``; a price may have more digits than its currency's smallest coin."""
    currency_code: str | None = None
    """The currency's three capital letters, such as ``USD``."""
    currency_scale: int | None = None
    """The number of decimal digits of the currency; None if the API does not send it."""


def without_scale(amount: Money) -> Money:
    """Return an amount as a command sends it: only answers have a ``currency_scale``."""
    # Anything but an amount is rejected by the validator, which knows the field's name.
    return attrs.evolve(amount, currency_scale=None) if isinstance(cast("object", amount), Money) else amount


def amount(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an amount of at least zero with its currency; an optional field may be None."""
    if value is None and attribute.default is None:
        return
    if not (isinstance(value, Money) and _is_amount(value.value) and _is_currency(value.currency_code)):
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} must be an amount and its currency, such as "
            f"Money(value=Decimal('2.50'), currency_code='USD'); got {brief_repr(value)}",
            field=attribute.name,
        )


def _is_amount(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and value >= 0


def _is_currency(code: object) -> bool:
    return isinstance(code, str) and _CURRENCY.fullmatch(code) is not None
