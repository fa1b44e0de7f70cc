"""Amounts of money in other resources."""

from decimal import Decimal

import attrs

from fieldingkit.results import Result

__all__ = ["Money"]


@attrs.frozen(kw_only=True)
class Money(Result):
    """An amount and its currency. The amount is exact: every digit that the API sent is kept."""

    value: Decimal | None = None
    """The amount, such as ``Decimal("2.7352")``; a price may have more digits than its currency's smallest coin."""
    currency_code: str | None = None
    """The currency's three capital letters, such as ``USD``."""
    currency_scale: int | None = None
    """The number of decimal digits of the currency; None if the API does not send it."""
