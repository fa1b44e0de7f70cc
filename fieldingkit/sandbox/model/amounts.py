"""Amounts of money."""

import re
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final, NamedTuple, Self, cast

__all__ = ["RATES_FROM_USD", "Amount"]

RATES_FROM_USD: Final = {"USD": Decimal(1), "EUR": Decimal("0.90")}
"""The value of one US dollar in each currency of the sandbox."""

_DECIMAL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_CENT: Final = Decimal("0.01")


class Amount(NamedTuple):
    """An amount and its currency."""

    value: Decimal
    currency_code: str = "USD"

    @classmethod
    def parse(cls, value: object) -> Self | None:
        """Return the amount in a request, or None if it is none."""
        if not isinstance(value, dict):
            return None
        fields = cast("dict[str, object]", value)
        text, currency = fields.get("value"), fields.get("currency_code")
        if not (isinstance(text, str) and _DECIMAL.fullmatch(text) and isinstance(currency, str)):
            return None
        return cls(Decimal(text), currency) if re.fullmatch("[A-Z]{3}", currency) else None

    @property
    def in_usd(self) -> Decimal:
        """The value in US dollars."""
        return self.value / RATES_FROM_USD[self.currency_code]

    def times(self, number: int) -> Self:
        """Return a multiple of the amount."""
        return self._replace(value=self.value * number)

    def share(self, number: int) -> Self:
        """Return one of so many equal parts, in whole cents, rounded down; nothing for no parts."""
        value = (self.value / number).quantize(_CENT, ROUND_DOWN) if number else Decimal(0)
        return self._replace(value=value)

    def json(self) -> dict[str, Any]:
        """Return the amount as the API writes it, with two decimal digits or more."""
        cents = self.value.quantize(_CENT)
        value = cents if cents == self.value else self.value
        return {"value": f"{value:f}", "currency_code": self.currency_code, "currency_scale": 2}
