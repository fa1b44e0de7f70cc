"""The converter's rules that the resources around the fielding calls need."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs
import pytest

from fieldingkit.commands import OpenEnum
from fieldingkit.converter import STRUCTURE_ERRORS, structure, unstructure
from fieldingkit.resources.money import Money


class Colour(OpenEnum):
    """Colours."""

    RED = "red"


@attrs.frozen(kw_only=True)
class Thing:
    """A thing with everything that has a rule of its own."""

    colours: tuple[Colour, ...] = ()
    others: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    etag: str = attrs.field(default="", metadata={"header": "etag"})

    @classmethod
    def unflatten(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Others among the rest."""
        return {**body.pop("others"), **body}


def read(kind: Any, value: object) -> Any:
    """A decoded value."""
    return structure(kind)(value, kind)


@pytest.mark.parametrize("text", ["2.7352", "5.00", "0", "-1.5", ".5", "123456789012345678901234567890.123456789"])
def test_an_amount_keeps_every_digit(text: str) -> None:
    """Amounts of money are exact on the way in and on the way out."""
    money = read(Money, {"value": text, "currency_code": "USD"})
    assert money == Money(value=Decimal(text), currency_code="USD")
    assert Decimal(unstructure(money)["value"]) == Decimal(text)
    assert unstructure(Money(value=Decimal("5.00")))["value"] == "5.00"


def test_an_amount_is_written_without_an_exponent() -> None:
    """A price that was computed is written as the API writes prices."""
    assert unstructure(Money(value=Decimal("1E+3")))["value"] == "1000"


@pytest.mark.parametrize("value", [5, 2.5, True, "NaN", "Infinity", "1e5", "1_000", " 5", "", "5 USD", ["5"]])
def test_what_is_no_decimal_text_is_refused(value: object) -> None:
    """A number would have lost digits already, and Python's other spellings are not the API's."""
    with pytest.raises(STRUCTURE_ERRORS):
        read(Money, {"value": value})


def test_unknown_members_are_kept() -> None:
    """A list of an open enumeration keeps what this release does not know."""
    thing = read(Thing, {"colours": ["red", "mauve"]})
    assert thing.colours[0] is Colour.RED
    assert (thing.colours[1].value, thing.colours[1].known) == ("mauve", False)


@pytest.mark.parametrize("value", ["red", {"red": 1}, ["red", None], [1]])
def test_what_is_no_list_of_members_is_refused(value: object) -> None:
    """A text in place of a list is not taken apart into its letters."""
    with pytest.raises(STRUCTURE_ERRORS):
        read(Thing, {"colours": value})


def test_what_came_from_a_header_is_not_sent_in_a_body() -> None:
    """A model that was read with its tag is sent without it, its unknown members among the others."""
    assert unstructure(Thing(colours=(Colour.RED,), others={"new": 1}, etag='"1"')) == {"colours": ["red"], "new": 1}


def test_a_time_outside_the_calendar_is_refused() -> None:
    """A time that is before the year 1 in UTC is unfit, not a crash."""
    from datetime import datetime

    with pytest.raises(STRUCTURE_ERRORS):
        read(datetime, "0001-01-01T00:00:00+14:00")
