"""JSON as text: what is read, and how it is written.

orjson reads for us where it is installed, with ``fieldingkit[speed]``. It does not write: it makes NaN a null, and what
a request holds is too little to be worth it.
"""

import json
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

__all__ = ["dumps", "loads", "loads_exactly"]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def loads_exactly(body: bytes) -> Any:
    """The value of a JSON text, with integers of any size; constants that are not JSON, such as NaN, are refused.

    Raises:
        ValueError: if it is no JSON.
        RecursionError: if it is nested too deeply.
    """
    return _decoder.decode(body.decode("utf-8-sig"))


_read = loads_exactly
with suppress(ImportError):
    _read = import_module("orjson").loads


def loads(body: bytes) -> Any:
    """The same, as fast as it can be had: then an integer of more than 64 bits is a float.

    Raises:
        ValueError: as above.
        RecursionError: as above.
    """
    try:
        return _read(body)
    except ValueError:
        # orjson refuses more: a byte order mark, half a surrogate pair. Who reads it must not change what is an error.
        return loads_exactly(body)


def dumps(value: Any) -> bytes:
    """A value as compact JSON.

    Raises:
        ValueError: if it holds what JSON cannot express: NaN, infinity, half a surrogate pair.
        TypeError: if it holds something else than JSON's own kinds.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
