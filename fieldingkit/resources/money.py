"""Amounts of money, as the other resources hold them."""

from decimal import Decimal

import attrs

__all__ = ["Money"]


@attrs.frozen(kw_only=True)
class Money:
    """An amount and its currency. The amount is exact: every digit that the API sent is kept."""

    value: Decimal | None = None
    """The amount, such as ``Decimal("2.7352")``; a price may have more digits than its currency has coins for."""
    currency_code: str | None = None
    """The currency's three capital letters, such as ``USD``."""
    currency_scale: int | None = None
    """How many digits the currency has after its point, where the API tells it."""
