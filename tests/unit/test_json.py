"""Reading JSON gives the same whether or not orjson is there; see the session ``speed``."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit._json import dumps, loads, loads_exactly, loads_with

WORDS = st.integers(-(2**63), 2**64 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | WORDS | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def outcome(read: Any, body: bytes) -> Any:
    """Return the value of a body, or the class of the error."""
    try:
        return read(body)
    except ValueError:
        return ValueError


@given(VALUES)
def test_any_value_survives_a_round_trip(value: Any) -> None:
    """Any value is read back unchanged, and of the same types."""
    assert repr(loads(dumps(value))) == repr(value)


@given(st.binary(max_size=30) | st.text(alphabet='{}[]",:-+.eE0123456789 \\u\ufeffntrl', max_size=30).map(str.encode))
def test_both_parsers_agree_on_any_bytes(body: bytes) -> None:
    """Any bytes are the same value or an error, with either parser."""
    fast, exact = outcome(loads, body), outcome(loads_exactly, body)
    assert repr(fast) == repr(exact) or (isinstance(fast, float) and isinstance(exact, int) and abs(exact) >= 2**63)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "'a'", "[1,]", '"\t"', "01", "", " "])
def test_text_that_is_not_json_is_refused(text: str) -> None:
    """Text that is not JSON is refused by both parsers."""
    assert outcome(loads, text.encode()) is ValueError
    assert outcome(loads_exactly, text.encode()) is ValueError


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"a": 1}', b'"\\ud800"', b'{"a": 1, "a": 2}', b"-0", b"1e400", b"1E5"])
def test_corner_cases_are_read_like_the_standard_library(body: bytes) -> None:
    """A byte order mark, half a surrogate pair, a repeated name and odd numbers are read like by ``json``."""
    assert repr(loads(body)) == repr(loads_exactly(body))


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800"])
def test_value_that_json_lacks_is_not_written(value: object) -> None:
    """A value that JSON cannot express is not written as something else."""
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        dumps([value])


def test_objects_without_a_wanted_member_are_dropped() -> None:
    """The others keep all their members; lists and plain values stay."""
    body = b'{"items": [{"id": 1, "size": {"value": 2}, "tags": ["a"]}, {"other": 3}]}'

    assert loads_with("items", "id")(body) == {"items": [{"id": 1, "size": None, "tags": ["a"]}, None]}
