"""Allocations as requests have them: the writers for each operation, and the checks before sending.

As with profiles, the models check nothing, so that no answer of the API is refused.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.supply import (
    AllocatedSupplier,
    AllocationGroup,
    Allocations,
    OpenExchange,
    PrivateExchange,
)
from fieldingkit.validators import misfit_finder

__all__ = [
    "allocatable",
    "allocatable_as_a_whole",
    "write_draft",
    "write_feasibility",
    "write_new_draft",
    "write_specification",
]


def write_new_draft(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a target group that is created: its groups get new ids."""
    return _write(allocations)


def write_draft(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a draft that is updated: groups that were read keep their ids."""
    return _write(allocations, with_group_ids=True)


def write_specification(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a target group in any status; groups that were read keep their ids."""
    return _write(allocations, with_group_ids=True, suppliers="supplier_ids")


def write_feasibility(allocations: Allocations) -> dict[str, Any]:
    """Return the allocations of a target group whose feasibility is calculated; the private exchange is required."""
    private = allocations.private_exchange_allocations or PrivateExchange()
    return _write(attrs.evolve(allocations, private_exchange_allocations=private))


def _write(allocations: Allocations, *, with_group_ids: bool = False, suppliers: str = "suppliers") -> dict[str, Any]:
    opened, private = allocations.open_exchange_allocations, allocations.private_exchange_allocations
    written: dict[str, Any] = {
        "open_exchange_allocations": {
            "blocked_supplier_ids": _ids(opened.blocked_suppliers),
            "exchange_min_percentage": opened.exchange_min_percentage,
            "exchange_max_percentage": opened.exchange_max_percentage,
            "groups": [
                {**_write_group(group, with_group_ids), suppliers: _ids(group.suppliers)} for group in opened.groups
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


def allocatable_as_a_whole(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require allocations of both exchanges, for a request that replaces both."""
    allocatable(command, attribute, value)
    if cast("Allocations", value).private_exchange_allocations is None:
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} replaces the private exchange, too: set "
            "private_exchange_allocations as it was read, or to PrivateExchange() if there is none",
            field=attribute.name,
        )


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
