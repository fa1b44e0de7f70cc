"""The converter's rules: exact amounts, open enumerations, headers and unknown members."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs
import pytest

from fieldingkit.commands import OpenEnum
from fieldingkit.converter import STRUCTURE_ERRORS, structure, unstructure
from fieldingkit.resources.money import Money


class Color(OpenEnum):
    """Colors."""

    RED = "red"


@attrs.frozen(kw_only=True)
class Thing:
    """A model with every feature that has a rule of its own."""

    colors: tuple[Color, ...] = ()
    others: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    etag: str = attrs.field(default="", metadata={"header": "etag"})

    @classmethod
    def _to_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Put the unknown members back."""
        return {**body.pop("others"), **body}


def read(kind: Any, value: object) -> Any:
    """Decode a value."""
    return structure(kind)(value, kind)


@pytest.mark.parametrize("text", ["2.7352", "5.00", "0", "-1.5", ".5", "123456789012345678901234567890.123456789"])
def test_an_amount_keeps_every_digit(text: str) -> None:
    """Amounts of money are exact in both directions."""
    money = read(Money, {"value": text, "currency_code": "USD"})
    assert money == Money(value=Decimal(text), currency_code="USD")
    assert Decimal(unstructure(money)["value"]) == Decimal(text)
    assert unstructure(Money(value=Decimal("5.00")))["value"] == "5.00"


def test_an_amount_is_written_without_an_exponent() -> None:
    """A computed price is written without an exponent, as the API writes prices."""
    assert unstructure(Money(value=Decimal("1E+3")))["value"] == "1000"


@pytest.mark.parametrize("value", [5, 2.5, True, "NaN", "Infinity", "1e5", "1_000", " 5", "", "5 USD", ["5"]])
def test_only_decimal_texts_are_amounts(value: object) -> None:
    """A JSON number may have lost digits, and Python's other spellings are not the API's."""
    with pytest.raises(STRUCTURE_ERRORS):
        read(Money, {"value": value})


def test_unknown_members_are_kept() -> None:
    """A list of an open enumeration keeps unknown members."""
    thing = read(Thing, {"colors": ["red", "mauve"]})
    assert thing.colors[0] is Color.RED
    assert (thing.colors[1].value, thing.colors[1].known) == ("mauve", False)


@pytest.mark.parametrize("value", ["red", {"red": 1}, ["red", None], [1]])
def test_only_lists_are_lists_of_members(value: object) -> None:
    """A text is not split into its letters."""
    with pytest.raises(STRUCTURE_ERRORS):
        read(Thing, {"colors": value})


def test_fields_of_headers_are_not_sent_in_a_body() -> None:
    """A model is sent without the ETag it was read with, and with its unknown members."""
    assert unstructure(Thing(colors=(Color.RED,), others={"new": 1}, etag='"1"')) == {"colors": ["red"], "new": 1}


def test_a_time_outside_the_calendar_is_refused() -> None:
    """A time before the year 1 in UTC is rejected."""
    from datetime import datetime

    with pytest.raises(STRUCTURE_ERRORS):
        read(datetime, "0001-01-01T00:00:00+14:00")
