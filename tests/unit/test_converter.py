"""The converter's rules: exact amounts, open enumerations, headers and unknown members."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

import attrs
import pytest

from fieldingkit.commands import OpenEnum
from fieldingkit.converter import STRUCTURE_ERRORS, structure, unstructure
from fieldingkit.leniency import StructureError, structure_tolerantly
from fieldingkit.resources.money import Money
from fieldingkit.results import Result, ResultList, Variant


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


# Tagged unions, arrays, dates and nested writers


@attrs.frozen(kw_only=True)
class Cat(Variant):
    """A kind."""

    object: ClassVar[str] = "cat"
    lives: int


@attrs.frozen(kw_only=True)
class Dog(Variant):
    """Another kind."""

    object: ClassVar[str] = "dog"
    name: str | None = None


@attrs.frozen(kw_only=True)
class OtherPet(Variant):
    """A kind that is unknown to this release."""

    object: str
    content: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Keep the members."""
        return {"object": body["object"], "content": {name: body[name] for name in body if name != "object"}}

    @classmethod
    def _to_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Put the members back."""
        return {"object": body["object"], **body["content"]}


@attrs.frozen(kw_only=True)
class Home(Result):
    """A model with a tagged union, alone and in a list."""

    pets: tuple[Cat | Dog | OtherPet, ...] = ()
    best: Cat | Dog | None = None
    built: date | None = None
    number: int | str | None = None
    doubled: int | None = attrs.field(default=None, metadata={"write": lambda value: 2 * value})
    empty: str | None = attrs.field(default=None, metadata={"null": True})


@attrs.frozen(kw_only=True, repr=False)
class Names(ResultList[str]):
    """A list that the API sends as an array."""

    is_array: ClassVar[bool] = True
    names: tuple[str, ...] = ()


HOME = {
    "pets": [{"object": "cat", "lives": 9}, {"object": "dog"}, {"object": "newt", "legs": [4]}],
    "best": {"object": "dog", "name": "Rex"},
    "built": "2026-03-01",
    "number": "12a",
}


def test_the_kinds_of_a_tagged_union_are_told_apart_by_their_tag() -> None:
    """Each object becomes the kind of its tag; a kind that is unknown is kept as it came, if the union has a place."""
    home = read(Home, HOME)
    assert home.pets == (Cat(lives=9), Dog(), OtherPet(object="newt", content={"legs": [4]}))
    assert home.best == Dog(name="Rex")
    assert unstructure(home) == {**HOME, "empty": None}
    assert unstructure(home.pets[0]) == {"object": "cat", "lives": 9}
    assert home.to_dict()["pets"][:2] == [{"object": "cat", "lives": 9}, {"object": "dog", "name": None}]


@pytest.mark.parametrize(
    "value", [{"object": "newt"}, {"object": None}, {"object": ["dog"]}, {}, {"object": "cat", "lives": "9"}, [], "dog"]
)
def test_an_object_of_no_kind_is_refused_or_left_out(value: object) -> None:
    """A misfit is an error with its place; in an optional field it is left undecoded."""
    with pytest.raises(STRUCTURE_ERRORS):
        read(Home, {"best": value})
    lenient = structure_tolerantly(lambda: {"best": value}, Home)
    assert (lenient.best, lenient.undecoded) == (None, ("$.best",))
    with pytest.raises(StructureError, match=r"\$"):
        structure_tolerantly(lambda: value, Cat | Dog)


def test_a_list_may_be_a_bare_array() -> None:
    """A list that the API sends as an array is read from it, and from nothing else."""
    assert read(Names, ["a", "b"]) == Names(names=("a", "b"))
    assert structure_tolerantly(lambda: ["a"], Names) == Names(names=("a",))
    with pytest.raises(STRUCTURE_ERRORS):
        read(Names, "ab")
    with pytest.raises(STRUCTURE_ERRORS):
        read(Home, [])


@pytest.mark.parametrize("value", ["20260301", "2026-3-1", "2026-03-01T00:00:00Z", "2026-02-30", 20260301, ""])
def test_only_a_plain_date_is_a_date(value: object) -> None:
    """A date has the form YYYY-MM-DD: Python's other spellings are not the API's."""
    assert read(Home, {"built": "2026-03-01"}).built == date(2026, 3, 1)
    with pytest.raises(STRUCTURE_ERRORS):
        read(Home, {"built": value})


@pytest.mark.parametrize(("value", "fits"), [(7, True), ("7", True), (True, False), (7.0, False), ([7], False)])
def test_a_field_may_be_a_number_or_a_text(value: object, fits: bool) -> None:
    """A field of both kinds keeps what came; neither is converted into the other."""
    if fits:
        assert read(Home, {"number": value}).number == value
        return
    with pytest.raises(STRUCTURE_ERRORS):
        read(Home, {"number": value})


def test_parts_of_a_body_have_writers_and_nulls_too() -> None:
    """A part of a body is written by its function, and sends null where its metadata says so."""
    assert unstructure(Home(doubled=4)) == {"pets": [], "doubled": 8, "empty": None}


def test_matrices_are_read() -> None:
    """A list of lists is a tuple of tuples."""
    assert read(tuple[tuple[int, ...], ...], [[1, 2], []]) == ((1, 2), ())
