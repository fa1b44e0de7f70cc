"""The vocabulary of allocations: suppliers, groups and exchanges. Import it from ``fieldingkit.allocations``."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self, cast

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Result, number_as_text

__all__ = ["AllocatedSupplier", "AllocationGroup", "Allocations", "OpenExchange", "PrivateExchange"]


@attrs.frozen(kw_only=True)
class AllocatedSupplier(Result):
    """A supplier; a request has its id alone."""

    id: str
    """The number of the supplier, as text."""
    name: str | None = None
    """The name; set by the API."""
    completes: int | None = None
    """The number of its completes so far; only of a target group."""
    pre_screens: int | None = None
    """The number of its respondents who passed the screener so far; only of a target group."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the id as text: some answers have a number. Templates have longer names for id and name."""
        named = {name: body.get(f"supplier_{name}", body.get(name)) for name in ("id", "name")}
        return number_as_text({**body, **named}, "id")


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

    strict: ClassVar[bool] = True

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
    conversion_rate: float | None = None
    """The share of its respondents who complete, 0 to 1; only of a target group."""
    completes: int | None = None
    """The number of its completes so far; only of a target group."""
    prescreens: int | None = None
    """The number of its respondents who passed the screener so far; only of a target group."""
    total_remaining: int | None = None
    """The number of completes that it may still bring; only of a target group."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the single supplier of a private group as a list of one."""
        return _read_suppliers(body, "suppliers", "supplier", "supplier_ids", "supplier_id")


def _groups(values: Iterable[AllocationGroup]) -> tuple[AllocationGroup, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class OpenExchange(Result):
    """The allocations of the open exchange; by default all suppliers are admitted without limits."""

    strict: ClassVar[bool] = True

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
    def only(cls, *suppliers: str | int, group_name: str = "Only these") -> Self:
        """Return an open exchange that admits these suppliers alone, such as the test supplier: ``only(980)``.

        Args:
            suppliers: The ids of the suppliers.
            group_name: The name of their group, which gets the whole goal.

        Raises:
            InvalidCommandError: if there are no suppliers.
        """
        if not suppliers:
            raise InvalidCommandError("OpenExchange.only needs at least one supplier", field="suppliers")
        group = AllocationGroup(group_name=group_name, suppliers=suppliers, min_percentage=100)
        return cls(groups=[group], exchange_max_percentage=0)

    def blocking(self, supplier: str | int) -> Self:
        """Return the same exchange with a supplier blocked, and taken out of its group.

        Args:
            supplier: The id of the supplier.

        Raises:
            InvalidCommandError: if it is the only one of its group, since a share without suppliers cannot be filled.
        """
        blocked = str(supplier)
        groups: list[AllocationGroup] = []
        for group in self.groups:
            left = [member for member in group.suppliers if member.id != blocked]
            if group.suppliers and not left:
                raise InvalidCommandError(
                    f"supplier {blocked} is the only one of the group {group.group_name!r}: remove the group as well, "
                    "or give it another supplier",
                    field="supplier",
                )
            groups.append(attrs.evolve(group, suppliers=left))
        members = [member for group in self.groups for member in group.suppliers]
        known = [*self.blocked_suppliers, *self.exchange_suppliers, *members]
        found = next((one for one in known if one.id == blocked), AllocatedSupplier(id=blocked))
        return attrs.evolve(
            self,
            groups=groups,
            blocked_suppliers=[*(one for one in self.blocked_suppliers if one.id != blocked), found],
            exchange_suppliers=[one for one in self.exchange_suppliers if one.id != blocked],
        )

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the blocked suppliers in either form."""
        return _read_suppliers(body, "blocked_suppliers", "blocked_supplier_ids")


@attrs.frozen(kw_only=True)
class PrivateExchange(Result):
    """The allocations of the private exchange."""

    strict: ClassVar[bool] = True

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

    strict: ClassVar[bool] = True

    open_exchange_allocations: OpenExchange = attrs.field(factory=OpenExchange)
    """The open exchange."""
    private_exchange_allocations: PrivateExchange | None = None
    """The private exchange; None if the API sent nothing, or a request is to leave it out."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Refuse an answer without the open exchange: written back as an empty one, it would delete all groups."""
        if body.get("open_exchange_allocations") is None:
            raise ValueError("there are no open_exchange_allocations")
        return body

    @classmethod
    def open(cls) -> Self:
        """Return the allocations that admit every supplier of the open exchange without limits."""
        return cls()
