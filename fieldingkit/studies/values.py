"""The values of a study file: how TOML holds amounts, times, lists and tables, in one cattrs converter.

A class whose table differs from its fields has ``_from_file`` or ``_to_file``, which rearrange the table.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cache, partial
from types import GenericAlias
from typing import Any, TypeAlias, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import (
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from fieldingkit._repr import brief_repr
from fieldingkit.commands import OpenEnum
from fieldingkit.errors import FieldingKitError
from fieldingkit.resources.money import Money
from fieldingkit.resources.supply import AllocatedSupplier
from fieldingkit.studies.reasons import reason_of

__all__ = ["Path", "problems_of", "read_value", "to_table", "unknown_key"]

Path: TypeAlias = tuple[str | int, ...]
"""The keys and the positions in lists that lead to a part of a table."""

_MONEY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([A-Z]{3})")
_SET_BY_THE_API = frozenset({"etag", "exchange_suppliers", "group_id", "others"})
"""The fields of models that a file does not have."""
_UNNAMED = frozenset({"answers"})
"""The fields whose members a file has beside the other keys."""


def read_value(value: Any, kind: Any) -> Any:
    """Return a value of a file as a kind of the Python API; ``problems_of`` explains what it raises."""
    return _converter().structure(value, kind)


def to_table(value: Any) -> Any:
    """Return a value of the Python API as a file has it, without defaults and without what only the API sets."""
    return _without_empty(_converter().unstructure(value))


def problems_of(error: BaseException, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a value that could not be read: the path of each part, and its problem."""
    match error:
        case IterableValidationError() | ClassValidationError():
            noted, others = error.group_exceptions()
            for part, note in noted:
                key = note.index if isinstance(note, IterableValidationNote) else note.name
                yield from problems_of(part, (*path, key) if key not in _UNNAMED else path)
            for part in others:
                yield from problems_of(part, path)
        case ForbiddenExtraKeysError(extra_fields=names, cl=table):
            keys = [field.name for field in attrs.fields(table) if field.name not in _SET_BY_THE_API]
            yield from (((*path, name), unknown_key(name, keys)) for name in sorted(names))
        case KeyError():
            yield path[:-1], f"has no {error.args[0]}"
        case FieldingKitError():  # of a class that checks its fields itself
            yield path, reason_of(error)
        case _:
            yield path, str(error)


def unknown_key(name: str, keys: Iterable[str]) -> str:
    """Return the problem with an unknown key."""
    similar = get_close_matches(name.replace("-", "_"), [*keys], n=1)
    return f"is an unknown key{f'; did you mean {similar[0]}?' if similar else ''}"


@cache
def _converter() -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True, omit_if_default=True)
    for kind, rule in ((bool, "true or false"), (int, "a whole number"), (str, "text in quotation marks")):
        converter.register_structure_hook(kind, partial(_scalar, rule))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(datetime, _time)
    converter.register_structure_hook(Money, _money)
    converter.register_structure_hook(AllocatedSupplier, _supplier)
    converter.register_structure_hook(OpenEnum, _choice)
    converter.register_structure_hook_func(lambda kind: kind == dict[str, Any], _any_table)
    converter.register_structure_hook_factory(_is_list, partial(_list_hook, converter))
    converter.register_structure_hook_factory(_is_table, partial(_read_hook, converter))
    converter.register_unstructure_hook(float, lambda number: int(number) if number % 1 == 0 else number)
    converter.register_unstructure_hook(datetime, lambda moment: moment)
    converter.register_unstructure_hook(Money, lambda money: f"{money.value:f} {money.currency_code}")
    converter.register_unstructure_hook(AllocatedSupplier, lambda supplier: supplier.id)
    converter.register_unstructure_hook(OpenEnum, str)
    converter.register_unstructure_hook_factory(_is_table, partial(_write_hook, converter))
    return converter


def _scalar(rule: str, value: Any, kind: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"must be {rule}; got {brief_repr(value)}")
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"must be a number; got {brief_repr(value)}")
    return float(value)


def _time(value: Any, _: Any) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        got = value.isoformat() if hasattr(value, "isoformat") else brief_repr(value)
        raise ValueError(
            f"must be a time with a time zone, without quotation marks, such as 2036-02-01T08:00:00Z; got {got}"
        )
    return value


def _money(value: Any, _: Any) -> Money:
    match = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'must be an amount and its currency as text, such as "2.50 USD"; got {brief_repr(value)}')
    return Money(value=Decimal(match[1]), currency_code=match[2])


def _supplier(value: Any, _: Any) -> AllocatedSupplier:
    if type(value) not in (int, str):
        raise ValueError(f"must be the number of a supplier; got {brief_repr(value)}")
    return AllocatedSupplier(id=str(value))


def _choice(value: Any, kind: type[OpenEnum]) -> OpenEnum:
    # The API may know more values, but here one that this release does not know is a mistake in writing.
    if not isinstance(value, str) or not kind(value).known:
        raise ValueError(f"must be one of {', '.join(kind)}; got {brief_repr(value)}")
    return kind(value)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _list_hook(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    items: Any = GenericAlias(list, get_args(kind)[:1])
    structure = converter.get_structure_hook(items)

    def hook(value: Any, _: Any) -> Any:
        if type(value) is not list:
            raise ValueError(f"must be a list; got {brief_repr(value)}")
        return tuple(structure(value, items))

    return hook


def _any_table(value: Any, _: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError(f"must be a table; got {brief_repr(value)}")
    return cast("dict[str, Any]", value)


def _is_table(kind: Any) -> bool:
    return attrs.has(kind)


def _overrides(kind: Any) -> dict[str, Any]:
    return {field.name: override(omit=True) for field in attrs.fields(kind) if field.name in _SET_BY_THE_API}


def _read_hook(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    structure = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **_overrides(kind))
    rearrange: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(kind, "_from_file", None)

    def hook(value: Any, _: Any) -> Any:
        table = _any_table(value, kind)
        return structure(table if rearrange is None else rearrange(table), kind)

    return hook


def _write_hook(converter: Converter, kind: Any) -> Callable[[Any], dict[str, Any]]:
    unstructure = make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **_overrides(kind))
    rearrange: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(kind, "_to_file", None)
    return unstructure if rearrange is None else lambda value: rearrange(unstructure(value))


def _without_empty(value: Any) -> Any:
    """Return a table without its empty parts: a file does not have what says nothing."""
    if isinstance(value, Mapping):
        parts = {name: _without_empty(part) for name, part in cast("Mapping[str, Any]", value).items()}
        return {name: part for name, part in parts.items() if part not in (None, {}, [])}
    if isinstance(value, list | tuple):
        return [_without_empty(item) for item in cast("list[Any]", value)]
    return value
