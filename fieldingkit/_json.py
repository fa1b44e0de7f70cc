"""Parse and write JSON.

orjson parses if it is installed (``fieldingkit[speed]``). It does not write: it would turn NaN into null, and request
bodies are small.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

__all__ = ["dumps", "loads", "loads_exactly", "loads_with"]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def loads_exactly(body: bytes) -> Any:
    """Parse JSON with integers of any size; constants that are not JSON, such as NaN, are refused.

    Raises:
        ValueError: if the body is not JSON.
        RecursionError: if it is nested too deeply.
    """
    return _decoder.decode(body.decode("utf-8-sig"))


_read = loads_exactly
with suppress(ImportError):
    _read = import_module("orjson").loads


def loads(body: bytes) -> Any:
    """Parse JSON as fast as possible: with orjson, an integer of more than 64 bits becomes a float.

    Raises:
        ValueError: if the body is not JSON.
        RecursionError: if it is nested too deeply.
    """
    try:
        return _read(body)
    except ValueError:
        # orjson also refuses a byte order mark and half a surrogate pair. Both parsers must accept the same input.
        return loads_exactly(body)


def loads_with(*names: str) -> Callable[[bytes], Any]:
    """Return a parser to whose result only objects with one of these members belong; others are None.

    The others are dropped as soon as they are parsed. For a document that is mostly such objects, this takes less time
    than parsing all of it faster, because the garbage collector never sees them.

    Args:
        names: The names of the members.
    """
    wanted = frozenset(names)
    decoder = json.JSONDecoder(
        object_hook=lambda members: None if wanted.isdisjoint(members) else members, parse_constant=_refuse_constant
    )
    return lambda body: decoder.decode(body.decode("utf-8-sig"))


def dumps(value: Any) -> bytes:
    """Write a value as compact JSON.

    Raises:
        ValueError: if it holds NaN, infinity or half a surrogate pair.
        TypeError: if it holds a type that JSON does not have.
        RecursionError: if it is nested too deeply.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
