"""Allocations: the suppliers that may send respondents to a target group, and their shares of its goal.

A supplier of the open exchange is in a group, is blocked, or belongs to the rest. A group of the private exchange has
one supplier. Suppliers are given by their ids::

    best = allocations.AllocationGroup(group_name="Best", min_percentage=40, suppliers=["4321", "4350"])
    allocations.Allocations(
        open_exchange_allocations=allocations.OpenExchange(
            exchange_max_percentage=60, groups=[best], blocked_suppliers=["3334"]
        ),
    )

The same classes are read and written: allocations that were read can be changed and sent.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Result, number_as_text
from fieldingkit.validators import misfit_finder

__all__ = ["AllocatedSupplier", "AllocationGroup", "Allocations", "OpenExchange", "PrivateExchange"]


@attrs.frozen(kw_only=True)
class AllocatedSupplier(Result):
    """A supplier; a request has its id alone."""

    id: str
    """The number of the supplier, as text."""
    name: str | None = None
    """The name; set by the API."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the id as text: answers have a number, requests a text."""
        return number_as_text(body, "id")


def _suppliers(values: Iterable[AllocatedSupplier | str | int] | str | int) -> tuple[AllocatedSupplier, ...]:
    items = [values] if isinstance(values, str | int) else values
    return tuple(AllocatedSupplier(id=str(item)) if isinstance(item, str | int) else item for item in items)


def _read_suppliers(body: dict[str, Any], field: str, *names: str) -> dict[str, Any]:
    """Return an API object with its suppliers as objects in a list: some answers have the form of a request."""
    found: Any = next((body[name] for name in (field, *names) if body.get(name) is not None), None)
    items = cast("list[object]", found) if isinstance(found, list) else [] if found is None else [found]
    return {**body, field: [{"id": item} if isinstance(item, str | int) else item for item in items]}


@attrs.frozen(kw_only=True)
class AllocationGroup(Result):
    """A group of suppliers that share a part of the goal."""

    group_name: str
    """The name; unique in its exchange."""
    suppliers: tuple[AllocatedSupplier, ...] = attrs.field(default=(), converter=_suppliers)
    """The suppliers; exactly one in the private exchange."""
    min_percentage: int = 0
    """The least share of the goal that comes from the group, 0 to 100."""
    max_percentage: int = 100
    """The largest share of the goal that comes from the group, 0 to 100."""
    group_id: str | None = None
    """The id; set by the API. An update without it makes a new group."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the single supplier of a private group as a list of one."""
        return _read_suppliers(body, "suppliers", "supplier", "supplier_ids", "supplier_id")


def _groups(values: Iterable[AllocationGroup]) -> tuple[AllocationGroup, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class OpenExchange(Result):
    """The allocations of the open exchange; by default all suppliers are admitted without limits."""

    blocked_suppliers: tuple[AllocatedSupplier, ...] = attrs.field(default=(), converter=_suppliers)
    """The suppliers whose respondents are not admitted."""
    groups: tuple[AllocationGroup, ...] = attrs.field(default=(), converter=_groups)
    """The groups."""
    exchange_min_percentage: int = 0
    """The least share of the goal that comes from the suppliers outside the groups, 0 to 100."""
    exchange_max_percentage: int = 100
    """The largest share of the goal that comes from the suppliers outside the groups, 0 to 100."""
    exchange_suppliers: tuple[AllocatedSupplier, ...] = attrs.field(default=(), converter=_suppliers)
    """The suppliers outside the groups; set by the API."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the blocked suppliers in either form."""
        return _read_suppliers(body, "blocked_suppliers", "blocked_supplier_ids")


@attrs.frozen(kw_only=True)
class PrivateExchange(Result):
    """The allocations of the private exchange."""

    blocked_suppliers: tuple[AllocatedSupplier, ...] = attrs.field(default=(), converter=_suppliers)
    """The suppliers whose respondents are not admitted."""
    groups: tuple[AllocationGroup, ...] = attrs.field(default=(), converter=_groups)
    """The groups, each with one supplier."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the blocked suppliers in either form."""
        return _read_suppliers(body, "blocked_suppliers", "blocked_supplier_ids")


@attrs.frozen(kw_only=True)
class Allocations(Result):
    """The allocations of a target group."""

    open_exchange_allocations: OpenExchange = attrs.field(factory=OpenExchange)
    """The open exchange."""
    private_exchange_allocations: PrivateExchange | None = None
    """The private exchange; None if the API sent nothing, or a request is to leave it out."""

    @classmethod
    def open(cls) -> Self:
        """Return the allocations that admit every supplier of the open exchange without limits."""
        return cls()


# Writers


def write_new_draft(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a target group that is created: its groups get new ids."""
    return _write(allocations)


def write_draft(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a draft that is updated: groups that were read keep their ids."""
    return _write(allocations, with_group_ids=True)


def write_feasibility(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a target group whose feasibility is calculated; the private exchange is required."""
    private = allocations.private_exchange_allocations or PrivateExchange()
    return _write(attrs.evolve(allocations, private_exchange_allocations=private))


def _write(allocations: Allocations, *, with_group_ids: bool = False) -> dict[str, Any]:
    opened, private = allocations.open_exchange_allocations, allocations.private_exchange_allocations
    written: dict[str, Any] = {
        "open_exchange_allocations": {
            "blocked_supplier_ids": _ids(opened.blocked_suppliers),
            "exchange_min_percentage": opened.exchange_min_percentage,
            "exchange_max_percentage": opened.exchange_max_percentage,
            "groups": [
                {**_write_group(group, with_group_ids), "suppliers": _ids(group.suppliers)} for group in opened.groups
            ],
        }
    }
    if private is not None:
        written["private_exchange_allocations"] = {
            "blocked_supplier_ids": _ids(private.blocked_suppliers),
            "groups": [
                {**_write_group(group, with_group_ids), "supplier_id": _ids(group.suppliers)[0]}
                for group in private.groups
            ],
        }
    return written


def _write_group(group: AllocationGroup, with_id: bool) -> dict[str, Any]:
    own_id = {"group_id": group.group_id} if with_id and group.group_id is not None else {}
    shares = {"min_percentage": group.min_percentage, "max_percentage": group.max_percentage}
    return {**own_id, "group_name": group.group_name, **shares}


def _ids(suppliers: Iterable[AllocatedSupplier]) -> list[str]:
    return [supplier.id for supplier in suppliers]


# Checks. As with profiles, the models check nothing, so that no answer of the API is refused.


def allocatable(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require allocations that the API can accept; an optional field may be None."""
    if value is None and attribute.default is None:
        return
    if path := misfit_finder(Allocations)(value, attribute.name):
        problem: str | None = f"invalid value for {path}: {brief_repr(value)}"
    else:
        found = next(_problems(cast("Allocations", value)), None)
        problem = None if found is None else f"{attribute.name}{found}"
    if problem is not None:
        raise InvalidCommandError(f"{type(command).__name__}: {problem}", field=attribute.name)


def _problems(allocations: Allocations) -> Iterator[str]:
    """Yield the problems of allocations: each the path of a part and what is wrong with it."""
    opened, private = allocations.open_exchange_allocations, allocations.private_exchange_allocations
    path = ".open_exchange_allocations"
    yield from _problems_of_shares(path, opened.exchange_min_percentage, opened.exchange_max_percentage)
    yield from _problems_of_exchange(path, opened)
    if private is not None:
        path = ".private_exchange_allocations"
        yield from _problems_of_exchange(path, private)
        for index, group in enumerate(private.groups):
            if len(group.suppliers) != 1:
                yield f"{path}.groups[{index}] must have exactly one supplier; got {len(group.suppliers)}"


def _problems_of_exchange(path: str, exchange: OpenExchange | PrivateExchange) -> Iterator[str]:
    yield from _problems_of_suppliers(f"{path}.blocked_suppliers", exchange.blocked_suppliers)
    names = [group.group_name for group in exchange.groups]
    for index, group in enumerate(exchange.groups):
        place = f"{path}.groups[{index}]"
        if not group.group_name or group.group_name in names[:index]:
            yield f"{place} must have a name that no other group has; got {brief_repr(group.group_name)}"
        yield from _problems_of_shares(place, group.min_percentage, group.max_percentage)
        yield from _problems_of_suppliers(f"{place}.suppliers", group.suppliers)


def _problems_of_shares(path: str, least: int, most: int) -> Iterator[str]:
    if not 0 <= least <= most <= 100:
        yield f"{path} must have shares from 0 to 100, the lower one first; got {least!r} to {most!r}"


def _problems_of_suppliers(path: str, suppliers: Iterable[AllocatedSupplier]) -> Iterator[str]:
    ids = _ids(suppliers)
    if odd := [one for one in ids if not (one.isascii() and one.isdecimal())]:
        yield f"{path} must be the numbers of suppliers; got {brief_repr(odd[0])}"
    if len(set(ids)) < len(ids):
        yield f"{path} must not name a supplier twice"
