"""The cattrs converter: the rules for this API's JSON, in one factory."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from json import JSONDecodeError
from types import GenericAlias, NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from fieldingkit.commands import OpenEnum
from fieldingkit.results import rfc3339

__all__ = [
    "STRUCTURE_ERRORS",
    "StructureError",
    "make_converter",
    "structure",
    "structure_tolerantly",
    "unstructure",
]

STRUCTURE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, BaseValidationError)
"""The exceptions that structuring and unstructuring raise for values that do not fit."""


# No exponent, NaN or spaces: Python accepts them, the API does not write them.
_DECIMAL = re.compile(r"-?[0-9]*\.?[0-9]+")


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
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook_factory(_is_tuple, partial(_tuple_hook, converter))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _str_tuple)
    converter.register_structure_hook_func(_is_enum_tuple, _enum_tuple)
    converter.register_structure_hook(OpenEnum, _open_enum)
    converter.register_structure_hook_factory(attrs.has, partial(_model_hook, converter))
    converter.register_unstructure_hook(datetime, rfc3339)
    converter.register_unstructure_hook(Decimal, _decimal_text)
    converter.register_unstructure_hook(OpenEnum, str)
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


def _decimal(value: Any, _: Any) -> Decimal:
    if type(value) is not str:
        raise TypeError(f"expected a decimal as text, got {type(value).__name__}")
    if not _DECIMAL.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is not a decimal")
    return Decimal(value)


def _decimal_text(amount: Decimal) -> str:
    """Return every digit and no exponent: 5.00 stays 5.00."""
    return format(amount, "f")


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


def _open_enum(value: Any, kind: Any) -> Any:
    if type(value) is not str:
        raise TypeError(f"expected text, got {type(value).__name__}")
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

    def hook(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            raise TypeError(f"expected an object, got {type(value).__name__}")
        members: dict[str, Any] = value
        if from_api is not None:
            members = from_api(members)
        if None in members.values():
            members = {name: member for name, member in members.items() if member is not None}
        return structure(members, kind)

    return hook


def _unstructure_hook(converter: Converter, kind: Any) -> Callable[[Any], dict[str, Any]]:
    in_headers: dict[str, Any] = {
        field.name: override(omit=True) for field in attrs.fields(kind) if "header" in field.metadata
    }
    unstructure = make_dict_unstructure_fn(kind, converter, **in_headers)
    to_api: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(kind, "_to_api", None)

    def hook(value: Any) -> dict[str, Any]:
        members = unstructure(value)
        if to_api is not None:
            members = to_api(members)
        return {name: member for name, member in members.items() if member is not None}

    return hook


_CONVERTER = make_converter()


@cache
def structure(wanted: Any) -> Callable[[Any, Any], Any]:
    """Return the function ``(value, wanted)`` that converts decoded JSON to ``wanted``."""
    return _CONVERTER.get_structure_hook(wanted)


def unstructure(value: Any) -> Any:
    """Return a value as JSON has it."""
    return _CONVERTER.unstructure(value)


class StructureError(ValueError):
    """A value that does not fit its type: ``path`` says where, ``problem`` says why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{problem} @ {path}")
        self.path = path
        self.problem = problem


_STRICT = frozenset({"id", "status", "etag", "job_id", "secret"})
"""Fields that are never left undecoded in any class: an answer has no meaning without them."""


def structure_tolerantly(load: Callable[[], Any], wanted: Any) -> Any:
    """Convert decoded JSON, leaving out optional fields that do not fit; ``undecoded`` of the result names them.

    This is the slow way, for answers that ``structure`` rejects. Required fields, ids, statuses, ETags, jobs and the
    items and cursors of lists stay strict.

    Args:
        load: Returns the decoded JSON.
        wanted: The type of the result.

    Raises:
        StructureError: if the value is no JSON, or a strict part of it does not fit.
    """
    undecoded: list[str] = []
    try:
        value = load()
    except STRUCTURE_ERRORS as exc:
        empty = isinstance(exc, JSONDecodeError) and not exc.doc.strip()
        raise StructureError("$", "the body is empty" if empty else str(exc) or type(exc).__name__) from exc
    try:
        result = _structure(value, wanted, "$", undecoded)
    except RecursionError as exc:
        raise StructureError("$", "nested too deeply") from exc
    if undecoded:
        object.__setattr__(result, "_undecoded", tuple(undecoded))
    return result


def _structure(value: Any, wanted: Any, path: str, undecoded: list[str]) -> Any:
    if attrs.has(wanted):
        return _structure_model(value, wanted, path, undecoded)
    kinds = [kind for kind in get_args(wanted) if kind is not NoneType]
    if get_origin(wanted) in {Union, UnionType} and len(kinds) == 1:
        return _structure(value, kinds[0], path, undecoded)
    if get_origin(wanted) is tuple and type(value) is list:
        items = cast("list[object]", value)
        return tuple(_structure(item, kinds[0], f"{path}[{index}]", undecoded) for index, item in enumerate(items))
    try:
        return structure(wanted)(value, wanted)
    except STRUCTURE_ERRORS as exc:
        raise StructureError(path, str(exc) or type(exc).__name__) from exc


def _structure_model(value: Any, kind: Any, path: str, undecoded: list[str]) -> Any:
    if type(value) is not dict:
        raise StructureError(path, f"expected an object, got {type(value).__name__}")
    members = cast("dict[str, Any]", value)
    try:
        members = getattr(kind, "_from_api", dict)(members)
    except STRUCTURE_ERRORS as exc:
        raise StructureError(path, f"{type(exc).__name__}: {exc}") from exc
    fields: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for field in attrs.fields(attrs.resolve_types(kind)):
        member = members.get(field.name)
        if member is None:
            if field.default is attrs.NOTHING:
                raise StructureError(f"{path}.{field.name}", "required field missing")
            continue
        try:
            fields[field.name] = _structure(member, field.type, f"{path}.{field.name}", undecoded)
        except StructureError as exc:
            if field.default is attrs.NOTHING or field.name in _STRICT or getattr(kind, "strict", False):
                raise
            del exc
            undecoded.append(f"{path}.{field.name}")
            kept[field.name] = member
    if kept and "others" in members:  # a write sends back what could not be read
        fields["others"] = {**fields.get("others", {}), **kept}
    try:
        return kind(**fields)
    except STRUCTURE_ERRORS as exc:
        raise StructureError(path, str(exc)) from exc
