"""The cattrs converter: the rules for this API's JSON, in one factory."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from types import GenericAlias, NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from fieldingkit.commands import OpenEnum, OpenIntEnum
from fieldingkit.results import ResultList, Variant, rfc3339

__all__ = [
    "STRUCTURE_ERRORS",
    "array_field",
    "is_variants",
    "kinds_of",
    "make_converter",
    "structure",
    "unstructure",
    "variant_of",
]

STRUCTURE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, BaseValidationError)
"""The exceptions that structuring and unstructuring raise for values that do not fit."""


# No exponent, NaN or spaces: Python accepts them, the API does not write them.
_DECIMAL = re.compile(r"-?[0-9]*\.?[0-9]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def make_converter() -> Converter:
    """Create a converter with the rules for this API's JSON.

    Scalars are strict: ``"false"`` is not a boolean and ``"5"`` is not a number. A null counts as left out. Unknown
    fields are ignored. Times must have a zone and become UTC. Amounts of money are decimals written as text.
    """
    converter = Converter(detailed_validation=False)
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _strict(kind))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(datetime, _datetime)
    converter.register_structure_hook(date, _date)
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook_func(_is_int_or_str, _int_or_str)
    converter.register_structure_hook_func(is_variants, partial(_structure_variant, converter))
    converter.register_structure_hook_factory(_is_tuple, partial(_tuple_hook, converter))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _str_tuple)
    converter.register_structure_hook_func(_is_enum_tuple, _enum_tuple)
    converter.register_structure_hook(StrEnum, _closed_enum)
    converter.register_structure_hook(OpenEnum, _open_enum)
    converter.register_structure_hook(OpenIntEnum, _open_int_enum)
    converter.register_structure_hook_factory(attrs.has, partial(_model_hook, converter))
    converter.register_unstructure_hook(datetime, rfc3339)
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_unstructure_hook(Decimal, _decimal_text)
    converter.register_unstructure_hook(OpenEnum, str)
    converter.register_unstructure_hook(OpenIntEnum, int)
    converter.register_unstructure_hook_factory(attrs.has, partial(_unstructure_hook, converter))
    return converter


def _strict(kind: type) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return structure


def _float(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"expected a number, got {type(value).__name__}")
    return float(value)


def _datetime(value: Any, _: Any) -> datetime:
    if type(value) is not str:
        raise TypeError(f"expected a time, got {type(value).__name__}")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"the time {value[:40]!r} has no zone")
    return moment.astimezone(UTC)


def _date(value: Any, _: Any) -> date:
    if type(value) is not str:
        raise TypeError(f"expected a date, got {type(value).__name__}")
    if not _DATE.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is not a date")
    return date.fromisoformat(value)


def _decimal(value: Any, _: Any) -> Decimal:
    if type(value) is not str:
        raise TypeError(f"expected a decimal as text, got {type(value).__name__}")
    if not _DECIMAL.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is not a decimal")
    return Decimal(value)


def _decimal_text(amount: Decimal) -> str:
    """Return every digit and no exponent: 5.00 stays 5.00."""
    return format(amount, "f")


def kinds_of(hint: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union except None; nothing for any other annotation."""
    in_union = get_origin(hint) in {Union, UnionType}
    return tuple(kind for kind in get_args(hint) if kind is not NoneType) if in_union else ()


def _is_int_or_str(hint: Any) -> bool:
    return set(kinds_of(hint)) == {int, str}


def _int_or_str(value: Any, _: Any) -> int | str:
    if type(value) not in (int, str):
        raise TypeError(f"expected text or a whole number, got {type(value).__name__}")
    return cast("int | str", value)


def is_variants(hint: Any) -> bool:
    """Return whether an annotation is a tagged union."""
    kinds = kinds_of(hint)
    return bool(kinds) and all(isinstance(kind, type) and issubclass(kind, Variant) for kind in kinds)


def _structure_variant(converter: Converter, value: Any, hint: Any) -> Any:
    return converter.structure(value, variant_of(value, hint))


def variant_of(value: Any, hint: Any) -> type[Variant]:
    """Return the kind of a tagged union that an object of the API is of; it raises as structuring does."""
    if type(value) is not dict:
        raise TypeError(f"expected an object, got {type(value).__name__}")
    tag, known, other = _variants(hint)
    found = cast("dict[str, Any]", value).get(tag)
    if type(found) is not str:
        raise TypeError(f"expected {tag} to be text, got {type(found).__name__}")
    kind = known.get(found, other)
    if kind is None:
        raise ValueError(f"unknown {tag} {found[:40]!r}")
    return kind


@cache
def _variants(hint: Any) -> tuple[str, dict[str, type[Variant]], type[Variant] | None]:
    """Return the tag of a union, its kinds by their values of the tag, and the kind for unknown values."""
    kinds: tuple[type[Variant], ...] = kinds_of(hint)
    tags = {kind: getattr(kind, kind.tag) for kind in kinds}
    known = {tag: kind for kind, tag in tags.items() if isinstance(tag, str)}
    return kinds[0].tag, known, next((kind for kind in kinds if kind not in known.values()), None)


def _str_tuple(value: Any, _: Any) -> tuple[str, ...]:
    if type(value) is not list:
        raise TypeError(f"expected a list, got {type(value).__name__}")
    items = cast("list[object]", value)
    if not set(map(type, items)) <= {str}:
        raise TypeError("expected a list of strings")
    return cast("tuple[str, ...]", tuple(items))


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _tuple_hook(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    # cattrs would accept an empty object or text as an empty list.
    items = GenericAlias(list, get_args(kind)[:1])
    structure = converter.get_structure_hook(items)

    def hook(value: Any, _: Any) -> Any:
        if type(value) is not list:
            raise TypeError(f"expected a list, got {type(value).__name__}")
        return tuple(structure(value, items))

    return hook


def _closed_enum(value: Any, kind: Any) -> Any:
    # Without this hook, that of its base class str would leave it as text.
    if type(value) is not str:
        raise TypeError(f"expected text, got {type(value).__name__}")
    if value not in kind.__members__.values():
        raise ValueError(f"{value[:40]!r} is not a known {kind.__name__}")
    return kind(value)


def _open_enum(value: Any, kind: Any) -> Any:
    if type(value) is not str:
        raise TypeError(f"expected text, got {type(value).__name__}")
    return kind(value)


def _open_int_enum(value: Any, kind: Any) -> Any:
    if type(value) is not int:
        raise TypeError(f"expected a whole number, got {type(value).__name__}")
    return kind(value)


def _is_enum_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and isinstance(get_args(kind)[0], type) and issubclass(get_args(kind)[0], OpenEnum)


def _enum_tuple(value: Any, kind: Any) -> tuple[Any, ...]:
    # cattrs would split a text into its letters, each an unknown member.
    return tuple(map(get_args(kind)[0], _str_tuple(value, kind)))


def _model_hook(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    read_by: dict[str, Any] = {
        field.name: override(struct_hook=field.metadata["read"])
        for field in attrs.fields(kind)
        if "read" in field.metadata
    }
    structure = make_dict_structure_fn(kind, converter, **read_by)
    from_api: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(kind, "_from_api", None)
    array = array_field(kind)

    def hook(value: Any, _: Any) -> Any:
        if array is not None and type(value) is list:
            value = dict[str, Any]({array: value})
        if value.__class__ is not dict:
            raise TypeError(f"expected an object, got {type(value).__name__}")
        members: dict[str, Any] = value
        if from_api is not None:
            members = from_api(members)
        if None in members.values():
            members = {name: member for name, member in members.items() if member is not None}
        return structure(members, kind)

    return hook


def array_field(kind: Any) -> str | None:
    """Return the field of the items if the API sends a list as a bare array."""
    is_array = isinstance(kind, type) and issubclass(kind, ResultList) and kind.is_array
    return attrs.fields(cast("type[Any]", kind))[0].name if is_array else None


def _unstructure_hook(converter: Converter, kind: Any) -> Callable[[Any], dict[str, Any]]:
    overrides: dict[str, Any] = {}
    for field in attrs.fields(kind):
        if "header" in field.metadata:
            overrides[field.name] = override(omit=True)
        elif "write" in field.metadata:
            overrides[field.name] = override(unstruct_hook=partial(_write_optional, field.metadata["write"]))
    nullable = {field.name for field in attrs.fields(kind) if "null" in field.metadata}
    unstructure = make_dict_unstructure_fn(kind, converter, **overrides)
    to_api: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(kind, "_to_api", None)

    def hook(value: Any) -> dict[str, Any]:
        members = unstructure(value)
        if to_api is not None:
            members = to_api(members)
        return {name: member for name, member in members.items() if member is not None or name in nullable}

    return hook


def _write_optional(write: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else write(value)


_CONVERTER = make_converter()


@cache
def structure(wanted: Any) -> Callable[[Any, Any], Any]:
    """Return the function ``(value, wanted)`` that converts decoded JSON to ``wanted``."""
    return _CONVERTER.get_structure_hook(wanted)


def unstructure(value: Any) -> Any:
    """Return a value as JSON has it."""
    return _CONVERTER.unstructure(value)
