"""Lenient decoding: responses that differ from the contract in secondary fields are decoded without these fields."""

from collections.abc import Callable
from json import JSONDecodeError
from typing import Any, cast, get_args, get_origin

import attrs

from fieldingkit.converter import STRUCTURE_ERRORS, array_field, is_variants, kinds_of, structure, variant_of

__all__ = ["StructureError", "structure_tolerantly"]


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
        raise StructureError("$", _why_no_json(exc)) from exc
    try:
        result = _structure(value, wanted, "$", undecoded)
    except RecursionError as exc:
        raise StructureError("$", "nested too deeply") from exc
    if undecoded:
        object.__setattr__(result, "_undecoded", tuple(undecoded))
    return result


def _why_no_json(exc: Exception) -> str:
    match exc:
        case JSONDecodeError() if not exc.doc.strip():
            return "the body is empty"
        case JSONDecodeError():
            return f"the body is not JSON, from character {exc.pos + 1} on"
        case UnicodeDecodeError():
            return f"the body is not UTF-8, from byte {exc.start + 1} on"
        case RecursionError():
            return "the body is nested too deeply"
        case _:
            return str(exc) or type(exc).__name__


def _structure(value: Any, wanted: Any, path: str, undecoded: list[str]) -> Any:
    if attrs.has(wanted):
        return _structure_model(value, wanted, path, undecoded)
    if len(kinds := kinds_of(wanted)) == 1:
        return _structure(value, kinds[0], path, undecoded)
    if is_variants(wanted):
        try:
            kind = variant_of(value, wanted)
        except STRUCTURE_ERRORS as exc:
            raise StructureError(path, str(exc)) from exc
        return _structure_model(value, kind, path, undecoded)
    if get_origin(wanted) is tuple and type(value) is list:
        items, kinds = cast("list[object]", value), get_args(wanted)
        return tuple(_structure(item, kinds[0], f"{path}[{index}]", undecoded) for index, item in enumerate(items))
    return _structure_wholly(value, wanted, path, undecoded)


def _structure_wholly(value: Any, wanted: Any, path: str, _: list[str]) -> Any:
    """Convert a member that a write sends back: without a part of itself, it would be another one."""
    try:
        return structure(wanted)(value, wanted)
    except STRUCTURE_ERRORS as exc:
        raise StructureError(path, str(exc) or type(exc).__name__) from exc


def _keeps_others(hint: Any) -> bool:
    kinds = kinds_of(hint) or (hint,)
    return any(attrs.has(kind) and "others" in attrs.fields_dict(kind) for kind in kinds)


def _members_of(value: Any, kind: Any, path: str) -> dict[str, Any]:
    if (array := array_field(kind)) is not None and type(value) is list:
        value = dict[str, Any]({array: value})
    if type(value) is not dict:
        raise StructureError(path, f"expected an object, got {type(value).__name__}")
    members = cast("dict[str, Any]", value)
    try:
        return cast("dict[str, Any]", getattr(kind, "_from_api", dict)(members))
    except STRUCTURE_ERRORS as exc:
        raise StructureError(path, f"{type(exc).__name__}: {exc}") from exc


def _structure_model(value: Any, kind: Any, path: str, undecoded: list[str]) -> Any:
    members = _members_of(value, kind, path)
    fields: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    keeps_others = "others" in members
    for field in attrs.fields(attrs.resolve_types(kind)):
        member = members.get(field.name)
        if member is None:
            if field.default is attrs.NOTHING:
                raise StructureError(f"{path}.{field.name}", "required field missing")
            continue
        structure_field = _structure_wholly if keeps_others and not _keeps_others(field.type) else _structure
        try:
            fields[field.name] = structure_field(member, field.type, f"{path}.{field.name}", undecoded)
        except StructureError as exc:
            if field.default is attrs.NOTHING or field.name in _STRICT or getattr(kind, "strict", False):
                raise
            del exc
            undecoded.append(f"{path}.{field.name}")
            kept[field.name] = member
    if kept and keeps_others:  # a write sends back what could not be read
        fields["others"] = {**fields.get("others", {}), **kept}
    try:
        return kind(**fields)
    except STRUCTURE_ERRORS as exc:
        raise StructureError(path, str(exc)) from exc
