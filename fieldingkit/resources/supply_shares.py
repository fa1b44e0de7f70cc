"""The allocations of a template. Import them from ``fieldingkit.allocation_templates``."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeAlias, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.commands import OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Result, Variant
from fieldingkit.validators import misfit_finder

__all__ = [
    "BlockedSuppliers",
    "ExchangeShare",
    "GroupShare",
    "OtherAllocation",
    "SupplierType",
    "SupplyAllocation",
    "TemplateSupplier",
]


class SupplierType(OpenEnum):
    """The kind of a supplier."""

    LOYALTY_PANELS = "loyalty_panels"
    """A loyalty panel."""
    NON_PANEL_OR_AFFILIATE = "non_panel_or_affiliate"
    """No panel, or an affiliate."""
    SURVEY_PANELS = "survey_panels"
    """A survey panel."""


@attrs.frozen(kw_only=True)
class TemplateSupplier(Result):
    """A supplier of a template; a request has its number alone."""

    supplier_id: int
    """The number of the supplier."""
    name: str | None = None
    """The name; set by the API."""
    type: SupplierType | None = None
    """The kind; set by the API."""


def _suppliers(values: Iterable[TemplateSupplier | int | str] | int | str) -> tuple[TemplateSupplier, ...]:
    items = [values] if isinstance(values, int | str) else values
    return tuple(TemplateSupplier(supplier_id=_number(item)) if isinstance(item, int | str) else item for item in items)


def _number(value: int | str) -> int:
    # Anything else is refused by the command, which knows the place.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else cast("int", value)


class _Allocation(Variant):
    """Base class of the kinds of allocations; each is read and written as a whole."""

    __slots__ = ()

    tag: ClassVar[str] = "type"
    strict: ClassVar[bool] = True


@attrs.frozen(kw_only=True)
class ExchangeShare(_Allocation):
    """The share of the suppliers that are in no group and not blocked."""

    type: ClassVar[str] = "exchange"
    percentage_max: int
    """The largest share of the goal that comes from them, 0 to 100."""
    percentage_min: int | None = None
    """The least share of the goal that comes from them, 0 to 100; None for none."""
    suppliers: tuple[TemplateSupplier, ...] = attrs.field(default=(), converter=_suppliers)
    """The suppliers; set by the API, for the market that was asked for."""


@attrs.frozen(kw_only=True)
class GroupShare(_Allocation):
    """A group of suppliers that share a part of the goal."""

    type: ClassVar[str] = "group"
    name: str
    """The name; unique in the template."""
    suppliers: tuple[TemplateSupplier, ...] = attrs.field(converter=_suppliers)
    """The suppliers."""
    percentage_max: int
    """The largest share of the goal that comes from the group, 0 to 100."""
    percentage_min: int | None = None
    """The least share of the goal that comes from the group, 0 to 100; None for none."""


@attrs.frozen(kw_only=True)
class BlockedSuppliers(_Allocation):
    """The suppliers whose respondents are not admitted."""

    type: ClassVar[str] = "blocked"
    suppliers: tuple[TemplateSupplier, ...] = attrs.field(converter=_suppliers)
    """The suppliers."""


@attrs.frozen(kw_only=True)
class OtherAllocation(_Allocation):
    """An allocation of a kind that this release does not know. It is sent back as it was read."""

    type: str
    """The API's name of the kind."""
    content: dict[str, Any] = attrs.field(factory=dict[str, Any], hash=False)
    """The other members."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Collect the members."""
        return {"type": body["type"], "content": {name: body[name] for name in body if name != "type"}}

    @classmethod
    def _to_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Put the members back."""
        return {"type": body["type"], **body["content"]}


SupplyAllocation: TypeAlias = ExchangeShare | GroupShare | BlockedSuppliers | OtherAllocation
"""One allocation of a template."""


# Requests: the form in which they are sent, and the checks before


def write_shares(entries: tuple[SupplyAllocation, ...]) -> list[dict[str, Any]]:
    """Return the allocations of a request: without the names of suppliers, and without those of the exchange."""
    return [_written(entry) for entry in entries]


def _written(entry: SupplyAllocation) -> dict[str, Any]:
    match entry:
        case OtherAllocation():
            return {"type": entry.type, **entry.content}
        case ExchangeShare():
            return {"type": entry.type, **_shares(entry)}
        case GroupShare():
            return {"type": entry.type, "name": entry.name, **_shares(entry), "suppliers": _ids(entry)}
        case BlockedSuppliers():
            return {"type": entry.type, "suppliers": _ids(entry)}


def _shares(entry: ExchangeShare | GroupShare) -> dict[str, int | None]:
    return {"percentage_min": entry.percentage_min, "percentage_max": entry.percentage_max}  # null if there is no least


def _ids(entry: GroupShare | BlockedSuppliers) -> list[dict[str, int]]:
    return [{"supplier_id": supplier.supplier_id} for supplier in entry.suppliers]


def supply_shares(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require allocations that the API can accept."""
    if path := misfit_finder(tuple[SupplyAllocation, ...])(value, attribute.name):
        problem: str | None = f"invalid value for {path}: {brief_repr(value)}"
    else:
        found = next(_problems(cast("tuple[SupplyAllocation, ...]", value)), None)
        problem = None if found is None else f"{attribute.name}{found}"
    if problem is not None:
        raise InvalidCommandError(f"{type(command).__name__}: {problem}", field=attribute.name)


def _problems(entries: tuple[SupplyAllocation, ...]) -> Iterator[str]:
    """Yield the problems of allocations: each the place of one and what is wrong with it."""
    names = [entry.name if isinstance(entry, GroupShare) else None for entry in entries]
    for index, entry in enumerate(entries):
        if isinstance(entry, GroupShare) and (not entry.name or entry.name in names[:index]):
            yield f"[{index}] must have a name that no other group has; got {brief_repr(entry.name)}"
        if isinstance(entry, ExchangeShare | GroupShare):
            least, most = entry.percentage_min, entry.percentage_max
            if not 0 <= (least or 0) <= most <= 100:
                yield f"[{index}] must have shares from 0 to 100, the lower one first; got {least!r} to {most!r}"
        if isinstance(entry, GroupShare | BlockedSuppliers):
            ids = [supplier.supplier_id for supplier in entry.suppliers]
            if any(one < 0 for one in ids) or len(set(ids)) < len(ids):
                yield f"[{index}].suppliers must be the numbers of suppliers, each of them once; got {brief_repr(ids)}"
