"""Queries as DAG files write them, and as templates render them. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["as_mapping", "fleet_query"]


def as_mapping(field: str, value: object) -> Mapping[str, Any]:
    """A mapping, as it is.

    Raises:
        InvalidCommandError: if it is something else, such as the text that a template renders to by default.
    """
    if not isinstance(value, Mapping):
        hint = "; set render_template_as_native_obj on the DAG if a template gives it" if isinstance(value, str) else ""
        raise InvalidCommandError(f"{field} must be a mapping, not {type(value).__name__}{hint}", field=field)
    return cast("Mapping[str, Any]", value)


def fleet_query(value: object) -> TargetGroupQuery:
    """A query from its fields.

    Raises:
        InvalidCommandError: if it has others, or one of them makes no sense.
    """
    if isinstance(value, TargetGroupQuery):
        return value
    fields = as_mapping("query", value)
    known = [field.name for field in attrs.fields(TargetGroupQuery)]
    if unknown := sorted(fields.keys() - set(known)):
        raise InvalidCommandError(f"a query has no {', '.join(unknown)}; it has {', '.join(known)}", field="query")
    return TargetGroupQuery(**fields)
