"""Reading JSON gives the same whether or not orjson is there; see the session ``speed``."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit._json import dumps, loads, loads_exactly

WORDS = st.integers(-(2**63), 2**64 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | WORDS | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def verdict(read: Any, body: bytes) -> Any:
    """What becomes of a text."""
    try:
        return read(body)
    except ValueError:
        return ValueError


@given(VALUES)
def test_any_value(value: Any) -> None:
    """Any value comes back as it was, and of the same types."""
    assert repr(loads(dumps(value))) == repr(value)


@given(st.binary(max_size=30) | st.text(alphabet='{}[]",:-+.eE0123456789 \\u\ufeffntrl', max_size=30).map(str.encode))
def test_any_text(body: bytes) -> None:
    """Any bytes are the same value, or an error, however they are read."""
    fast, exact = verdict(loads, body), verdict(loads_exactly, body)
    assert repr(fast) == repr(exact) or (isinstance(fast, float) and isinstance(exact, int) and abs(exact) >= 2**63)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "'a'", "[1,]", '"\t"', "01", "", " "])
def test_no_json(text: str) -> None:
    """What is not JSON is refused by either."""
    assert verdict(loads, text.encode()) is ValueError
    assert verdict(loads_exactly, text.encode()) is ValueError


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"a": 1}', b'"\\ud800"', b'{"a": 1, "a": 2}', b"-0", b"1e400", b"1E5"])
def test_corners(body: bytes) -> None:
    """A byte order mark, half a surrogate pair, a name twice, odd numbers: read as the standard library does."""
    assert repr(loads(body)) == repr(loads_exactly(body))


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800"])
def test_nothing_to_write(value: object) -> None:
    """What JSON cannot express is not written as something else."""
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        dumps([value])
