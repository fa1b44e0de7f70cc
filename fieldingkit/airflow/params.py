"""Parameters of tasks: mappings and queries as DAG files write them and as templates render them. No I/O."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["parse_fields", "parse_mapping", "parse_query", "plain_fields"]

T = TypeVar("T")


def parse_mapping(field: str, value: object) -> Mapping[str, Any]:
    """Return a mapping as it is.

    Args:
        field: The name of the parameter.
        value: Its value.

    Raises:
        InvalidCommandError: if it is not a mapping, such as the text that a template renders to by default.
    """
    if not isinstance(value, Mapping):
        hint = "; set render_template_as_native_obj on the DAG to template it" if isinstance(value, str) else ""
        raise InvalidCommandError(f"{field} must be a mapping, not {type(value).__name__}{hint}", field=field)
    return cast("Mapping[str, Any]", value)


def parse_fields(kind: type[T], field: str, value: object) -> T:
    """Return an instance of an attrs class from a mapping of its fields; an instance is returned as it is.

    Args:
        kind: The class.
        field: The name of the parameter.
        value: Its value.

    Raises:
        InvalidCommandError: if a field is unknown or invalid.
    """
    if isinstance(value, kind):
        return value
    fields = parse_mapping(field, value)
    known = list(attrs.fields_dict(cast("type[attrs.AttrsInstance]", kind)))
    if unknown := sorted(fields.keys() - set(known)):
        raise InvalidCommandError(
            f"{field} has no fields {', '.join(unknown)}; its fields are {', '.join(known)}", field=field
        )
    return kind(**fields)


def parse_query(value: object) -> TargetGroupQuery:
    """Return a query from a mapping of its fields; a query is returned as it is.

    Raises:
        InvalidCommandError: if a field is unknown or invalid.
    """
    return parse_fields(TargetGroupQuery, "query", value)


def plain_fields(instance: "attrs.AttrsInstance") -> dict[str, Any]:
    """Return the fields of an attrs instance that are set, as plain JSON, from which it can be made again."""
    fields = {name: value for name, value in attrs.asdict(instance).items() if value is not None}
    return cast("dict[str, Any]", json.loads(json.dumps(fields)))
