"""Parameters of operators: mappings and queries as DAG files write them and as templates render them. No I/O."""

import json
from collections.abc import Mapping
from typing import Any, cast

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["parse_mapping", "parse_query", "query_fields"]


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


def parse_query(value: object) -> TargetGroupQuery:
    """Return a query from a mapping of its fields; a query is returned as it is.

    Raises:
        InvalidCommandError: if a field is unknown or invalid.
    """
    if isinstance(value, TargetGroupQuery):
        return value
    fields = parse_mapping("query", value)
    known = [field.name for field in attrs.fields(TargetGroupQuery)]
    if unknown := sorted(fields.keys() - set(known)):
        raise InvalidCommandError(
            f"a query has no fields {', '.join(unknown)}; its fields are {', '.join(known)}", field="query"
        )
    return TargetGroupQuery(**fields)


def query_fields(query: TargetGroupQuery) -> dict[str, Any]:
    """Return the fields of a query that are set, as plain JSON, from which ``parse_query`` makes it again."""
    fields = {name: value for name, value in attrs.asdict(query, recurse=False).items() if value is not None}
    return cast("dict[str, Any]", json.loads(json.dumps(fields)))
