"""Base classes of results: dictionaries, JSON, rows for data frames, and short displays."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, TypeVar, cast, overload

import attrs

from fieldingkit._repr import html_table, short_repr

__all__ = [
    "Replaceable",
    "Result",
    "ResultList",
    "Serializable",
    "Variant",
    "number_as_text",
    "rfc3339",
    "to_plain",
    "to_row",
]

Item_co = TypeVar("Item_co", covariant=True)

_COLUMNS = 8


class Serializable:
    """Base class of attrs classes that can be exported. Secrets are left out of every export."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them: times as RFC 3339 text, exact amounts as text, lists as lists."""
        return cast("dict[str, Any]", to_plain(self))

    def to_json(self, *, indent: int | None = None) -> str:
        """Return ``to_dict()`` as JSON text.

        Args:
            indent: Spaces of each level; one line by default.
        """
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


class Result(Serializable):
    """Base class of results and their parts."""

    __slots__ = ("_undecoded",)

    strict: ClassVar[bool] = False
    """True if each field must be readable. Otherwise an optional field that is not becomes None."""

    @property
    def undecoded(self) -> tuple[str, ...]:
        """The JSON paths of optional fields that did not match the contract and are None; only at the top of a result.

        For example ``("$.target_groups[1].updated_at",)``.
        """
        return cast("tuple[str, ...]", getattr(self, "_undecoded", ()))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them, and ``undecoded`` if it is not empty."""
        members = super().to_dict()
        return {**members, "undecoded": list(self.undecoded)} if self.undecoded else members


@attrs.frozen(kw_only=True, eq=False, repr=False)  # subclasses have both
class Replaceable(Result):
    """Base class of results that are read and written as a whole, members unknown to this release included."""

    others: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    """Members that this release of fieldingkit does not know or could not read; a write sends them back."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Collect the unknown members of the API's object."""
        known = {field.name for field in attrs.fields(cls)}
        return {**body, "others": {name: value for name, value in body.items() if name not in known}}

    @classmethod
    def _to_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Put the unknown members back into the API's object."""
        known = {name: value for name, value in body.items() if name != "others" and value is not None}
        return {**body["others"], **known}


class Variant(Result):
    """Base class of the kinds of a tagged union: a member of the API's object, the tag, says which kind it is.

    Each kind has its own value of the tag as a class variable. A kind that has the tag as a field takes the values that
    this release does not know, and keeps the other members of the object in ``content``.
    """

    __slots__ = ()

    tag: ClassVar[str] = "object"
    """The name of the tag."""

    @classmethod
    def _to_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Add the tag to the API's object."""
        return {cls.tag: getattr(cls, cls.tag), **body}


class ResultList(Result, Sequence[Item_co]):
    """Base class of results that are lists; the first field of the subclass holds the items."""

    __slots__ = ()

    strict: ClassVar[bool] = True
    is_array: ClassVar[bool] = False
    """True if the API sends the items as an array, without an object around it."""

    @overload
    def __getitem__(self, index: int) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item_co, ...]: ...
    def __getitem__(self, index: int | slice) -> Item_co | tuple[Item_co, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item_co]:
        return iter(self._items)

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per item, for ``pandas.DataFrame(result.rows())`` and the like.

        Nested fields are joined with dots (``statistics.progress.current_completes``); values keep their types.
        """
        return [to_row(item) for item in self]

    def __repr__(self) -> str:
        more = "more to come" if getattr(self, "next_cursor", None) else None
        return short_repr(type(self).__name__, "1 item" if len(self) == 1 else f"{len(self)} items", more)

    def _repr_html_(self) -> str:
        rows = self.rows()
        head = list(rows[0])[:_COLUMNS] if rows else []
        return html_table(repr(self)[1:-1], head, ([row.get(name) for name in head] for row in rows), len(rows))

    @property
    def _items(self) -> tuple[Item_co, ...]:
        kind: type[Any] = type(self)
        return cast("tuple[Item_co, ...]", getattr(self, attrs.fields(kind)[0].name))


def number_as_text(members: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the members of an API object with one of them as text: some ids are numbers in one answer only."""
    member = members.get(name)
    return {**members, name: str(member)} if type(member) is int else members


def rfc3339(moment: datetime) -> str:
    """Return a time as the API writes it: UTC with three fractional digits."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_plain(value: object) -> Any:
    """Return a value as JSON has it: attrs objects as dictionaries without secrets, times and amounts as text."""
    kind: type[Any] = type(value)
    if value is None or kind in (str, int, float, bool):
        return value
    if attrs.has(kind):
        names = [field.name for field in attrs.fields(kind) if field.repr]
        tags = [kind.tag] if issubclass(kind, Variant) and kind.tag not in names else []
        return {name: to_plain(getattr(value, name)) for name in (*tags, *names)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(name): to_plain(member) for name, member in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [to_plain(item) for item in cast("Sequence[object]", value)]
    return value if isinstance(value, str) else str(value)


def to_row(value: object) -> dict[str, Any]:
    """Return an attrs object as one flat dictionary without secrets; nested names are joined with dots."""
    kind: type[Any] = type(value)
    if not attrs.has(kind):
        return {"value": _cell(value)}
    row: dict[str, Any] = {}
    for field in attrs.fields(kind):
        member: object = getattr(value, field.name)
        member_kind: Any = member.__class__
        if field.repr and attrs.has(member_kind):
            row.update({f"{field.name}.{name}": inner for name, inner in to_row(member).items()})
        elif field.repr:
            row[field.name] = _cell(member)
    return row


def _cell(value: object) -> Any:
    """Return a value as a data frame takes it: times, dates and amounts as they are, anything else as JSON has it."""
    return value if isinstance(value, date | Decimal) else to_plain(value)
