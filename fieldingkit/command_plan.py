"""The plan of a command class: the parts of a request that each of its fields is sent in.

Names decide for most fields, see ``fieldingkit.commands``. The metadata of a field may say more::

    {"header": "If-None-Match"}  a header
    {"query": True}              the query, for a method that has a body; {"query": "Status"} also names it there
    {"join": ","}                one value of the query for a list, which is a repeated key otherwise
    {"name": "incidence_rate"}   the name that the API has for it; "period.start_at" is a member of an object "period"
    {"write": function}          a function that returns its JSON
    {"spread": True}             its members are members of the body itself, without a name for the whole
    {"null": True}               None is sent as null, not left out
    {"body": True}               the whole body, as JSON or as an ``Upload``
    {"others": True}             members of the body by name, where no other field has a value for them
    {"form": "file"}             the only part of a multipart form, which is the whole body
    {"key": "ulid"}              ``idempotency_key``: a ULID, where the API takes no UUID
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from operator import attrgetter
from typing import Any, NamedTuple, cast

import attrs

from fieldingkit.commands import PLACEHOLDER, Endpoint
from fieldingkit.idempotency import RetrySafety, new_idempotency_key, new_ulid

__all__ = ["CommandPlan", "PlannedField", "plan_of", "query_value"]


class PlannedField(NamedTuple):
    """A field that is sent in the query or the body."""

    field: str
    within: str
    """The name of the object that it is a member of; empty for the body itself."""
    name: str
    """The name that the API has for it; empty if its members are members of the body itself."""
    write: Callable[[Any], Any]
    """Returns the JSON of a value."""
    nullable: bool
    """True if None is sent as null; otherwise it is left out."""
    form: str | None
    """The name of the part of a multipart form, which is the whole body then."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CommandPlan:
    """How to encode one class of commands; computed once."""

    endpoint: Endpoint
    path: str
    path_names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    """Returns a command's values of ``path_names``."""
    account: int | None
    """The index of the account among them; None if there is none."""
    retry_safety: RetrySafety
    new_key: Callable[[], str] | None
    """Makes an idempotency key; None if the request carries none."""
    headers: tuple[tuple[str, str], ...]
    """Pairs of a field and the header that carries it."""
    query: tuple[PlannedField, ...]
    body: tuple[PlannedField, ...]
    others: str | None
    """The field with further members of the body; None if there is none."""
    content: PlannedField | None
    """The field whose value is the whole body; None if the fields are members of it."""
    has_members: bool
    """True if there is a query or a body."""


@cache
def plan_of(kind: type[Any]) -> CommandPlan:
    """Return the plan of a command class."""
    endpoint: Endpoint = kind.endpoint
    path_names = endpoint.path_fields
    path = PLACEHOLDER.sub("%s", endpoint.path.replace("%", "%%"))
    in_query = endpoint.method in {"GET", "HEAD", "DELETE"}
    headers: list[tuple[str, str]] = []
    query: list[PlannedField] = []
    body: list[PlannedField] = []
    others: str | None = None
    content: PlannedField | None = None
    new_key: Callable[[], str] | None = None
    for field in attrs.fields(kind):
        if field.name in path_names or field.name == "account_id":
            continue
        if field.name == "idempotency_key":
            new_key = new_ulid if field.metadata.get("key") == "ulid" else new_idempotency_key
        elif field.name == "if_match":
            headers.append((field.name, "If-Match"))
        elif "header" in field.metadata:
            headers.append((field.name, field.metadata["header"]))
        elif "others" in field.metadata:
            others = field.name
        elif "body" in field.metadata or "form" in field.metadata:
            content = _member(field)
        elif in_query or "query" in field.metadata:
            query.append(_member(field))
        else:
            body.append(_member(field))
    retry_safety: RetrySafety = kind.retry_safety()
    return CommandPlan(
        endpoint=endpoint,
        path=path,
        path_names=path_names,
        values=_getter(path_names),
        account=path_names.index("account_id") if "account_id" in path_names else None,
        retry_safety=retry_safety,
        new_key=new_key if retry_safety is RetrySafety.IDEMPOTENCY_KEY else None,
        headers=tuple(headers),
        query=tuple(query),
        body=tuple(body),
        others=others,
        content=content,
        has_members=bool(query or body or content),
    )


def _member(field: "attrs.Attribute[Any]") -> PlannedField:
    from fieldingkit.converter import unstructure

    metadata = field.metadata
    query = metadata.get("query")
    within, _, name = metadata.get("name", field.name).rpartition(".")
    if "spread" in metadata:
        name = ""
    return PlannedField(
        field=field.name,
        within=within,
        name=query if isinstance(query, str) else name,
        write=metadata.get("write") or (partial(_joined, metadata["join"]) if "join" in metadata else unstructure),
        nullable="null" in metadata,
        form=metadata.get("form"),
    )


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:  # the usual case, in C
        return attrgetter(*names)
    return lambda command: tuple(getattr(command, name) for name in names)


def query_value(value: Any) -> Any:
    """Return a value as ``urlencode`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return [query_value(item) for item in cast("list[Any]", value)] if isinstance(value, list | tuple) else value


def _joined(separator: str, values: Sequence[Any]) -> str:
    from fieldingkit.converter import unstructure

    return separator.join(str(query_value(unstructure(value))) for value in values)
