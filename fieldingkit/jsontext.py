"""JSON as text: what is read, and how it is written."""

import json
from typing import Any, NoReturn

__all__ = ["dumps", "loads"]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def loads(body: bytes) -> Any:
    """The value of a JSON text; constants that are not JSON, such as NaN, are refused."""
    return _decoder.decode(body.decode("utf-8-sig"))


def dumps(value: Any) -> bytes:
    """A value as compact JSON.

    Raises:
        ValueError: if it holds what JSON cannot express: NaN, infinity, half a surrogate pair.
        TypeError: if it holds something else than JSON's own kinds.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
