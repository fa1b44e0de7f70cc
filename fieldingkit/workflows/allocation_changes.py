"""The workflow ``change_allocations``: read, change, write and verify the suppliers of a target group."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import check_kind
from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidCommandError, WorkflowError
from fieldingkit.resources.allocation_requests import write_specification
from fieldingkit.resources.allocations import GetAllocationSpecification, UpdateAllocationSpecification
from fieldingkit.resources.supply import Allocations, OpenExchange, PrivateExchange
from fieldingkit.workflows.reading import send_read

__all__ = ["ChangedAllocations", "change_allocations", "with_group_ids"]

AllocationsChange: TypeAlias = Callable[[Allocations], Allocations]
"""Takes the allocations as they are, and returns those that are to replace them."""

Exchange = TypeVar("Exchange", OpenExchange, PrivateExchange)


@attrs.frozen(kw_only=True)
class ChangedAllocations:
    """The result of ``change_allocations``: read afterwards, the target group has the wanted allocations."""

    before: Allocations
    """The allocations as last read before the write."""
    after: Allocations
    """The allocations as read afterwards."""
    changed: bool
    """True if this workflow replaced the allocations; False if there was nothing to change."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The ambiguous outcome that was resolved by reading; after one, another user may have made the same change."""


async def change_allocations(
    client: AsyncClient, group: GetAllocationSpecification, change: AllocationsChange
) -> ChangedAllocations:
    """Read the allocations of a target group in any status, change them, write them, and read them again.

    To block a supplier::

        def without_3334(now):
            return attrs.evolve(now, open_exchange_allocations=now.open_exchange_allocations.blocking(3334))

        await change_allocations(client, GetAllocationSpecification(...), without_3334)

    A group keeps its id, or takes that of its name; a private exchange of None stays as it is. The API has no ETag
    here. So the allocations are read once more just before they are replaced, and again afterwards; only a change of
    another user between the second reading and the write goes unnoticed. The write is never repeated.

    Args:
        client: The client to use; with a blocking one, ``client.call(change_allocations, group, change)``.
        group: The command that reads the allocations.
        change: Takes the allocations as they are, and returns those that are to be.

    Raises:
        InvalidCommandError: if the change returns allocations that cannot be sent; nothing was sent.
        WorkflowError: if another user changed the allocations meanwhile; if the outcome of the write remains unclear;
            or if the allocations are not the wanted ones afterwards.
        FieldingKitError: if the allocations cannot be read, or the API refuses the write.
    """
    if not isinstance(cast("object", client), AsyncClient):
        raise ConfigurationError(f"client must be an AsyncClient; got {type(client).__name__}")
    check_kind(group, GetAllocationSpecification)
    if not callable(change):
        raise InvalidCommandError(f"change must be a function; got {type(change).__name__}", field="change")
    first = await send_read(client, group)
    wanted = _wanted(change(first), first)
    command = UpdateAllocationSpecification(
        account_id=group.account_id,
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        allocations=wanted,
    )
    if _written(wanted) == _written(first):
        return ChangedAllocations(before=first, after=first, changed=False)
    before = await send_read(client, group)
    if _written(before) != _written(first):
        raise WorkflowError(
            "another user changed the allocations after they were read; nothing was sent: change the present ones",
            command=group,
        )
    ambiguous: FieldingKitError | None = None
    try:
        await client.send(command)
    except FieldingKitError as exc:
        if not exc.maybe_applied:
            raise
        ambiguous = exc
    after = await _verified(client, group, command, before, ambiguous)
    conflicts = () if ambiguous is None else (ambiguous,)
    return ChangedAllocations(before=before, after=after, changed=True, conflicts=conflicts)


def _wanted(found: Allocations, now: Allocations) -> Allocations:
    if not isinstance(cast("object", found), Allocations):
        raise InvalidCommandError(f"change must return Allocations; got {brief_repr(found)}", field="change")
    if found.private_exchange_allocations is None:
        found = attrs.evolve(found, private_exchange_allocations=now.private_exchange_allocations or PrivateExchange())
    return with_group_ids(found, now)


def with_group_ids(wanted: Allocations, present: Allocations) -> Allocations:
    """Return allocations whose groups have ids of present ones: their own, or by their names. Others are new."""
    private = wanted.private_exchange_allocations
    return attrs.evolve(
        wanted,
        open_exchange_allocations=_named(wanted.open_exchange_allocations, present.open_exchange_allocations),
        private_exchange_allocations=private and _named(private, present.private_exchange_allocations),
    )


def _named(wanted: Exchange, present: OpenExchange | PrivateExchange | None) -> Exchange:
    there = () if present is None else present.groups
    ids: dict[str, str | None] = {group.group_name: group.group_id for group in there}
    kept = {group.group_id for group in wanted.groups} & {*ids.values()}
    free = {name: group_id for name, group_id in ids.items() if group_id not in kept}
    groups = [
        group if group.group_id in kept else attrs.evolve(group, group_id=free.get(group.group_name))
        for group in wanted.groups
    ]
    return attrs.evolve(wanted, groups=groups)


def _written(allocations: Allocations, *, with_ids: bool = True) -> dict[str, Any]:
    """Return allocations as a request has them, in an order of their own: without names and counters."""
    private = allocations.private_exchange_allocations or PrivateExchange()
    body = write_specification(attrs.evolve(allocations, private_exchange_allocations=private))
    return {name: _ordered(exchange, with_ids=with_ids) for name, exchange in body.items()}


def _ordered(exchange: dict[str, Any], *, with_ids: bool) -> dict[str, Any]:
    groups: list[dict[str, Any]] = exchange["groups"]
    return {
        **exchange,
        "blocked_supplier_ids": sorted(exchange["blocked_supplier_ids"]),
        "groups": sorted(
            (
                {
                    **{name: value for name, value in group.items() if with_ids or name != "group_id"},
                    "supplier_ids": sorted(group.get("supplier_ids", ())),
                }
                for group in groups
            ),
            key=lambda group: str(group["group_name"]),
        ),
    }


async def _verified(
    client: AsyncClient,
    group: GetAllocationSpecification,
    command: UpdateAllocationSpecification,
    before: Allocations,
    ambiguous: FieldingKitError | None,
) -> Allocations:
    """Return the allocations after the write if they are the wanted ones."""
    conflicts = [] if ambiguous is None else [ambiguous]
    outcome = "the update was accepted" if ambiguous is None else "the outcome of the update is unclear"
    try:
        after = await send_read(client, group)
    except FieldingKitError as exc:
        conflicts.append(exc)
        reason = "the allocations could not be read afterwards"
    except BaseException as exc:
        exc.add_note("the allocations may have been replaced: read them")
        raise
    else:
        found, expected = _written(after, with_ids=False), _written(command.allocations, with_ids=False)
        if found == expected:
            return after
        if _written(after) == _written(before):
            reason = "read afterwards, the allocations are still the former ones; the update may yet be applied"
        else:
            parts = " and ".join(name for name in expected if found[name] != expected[name])
            reason = f"read afterwards, {parts} differ from the wanted ones: another user may have changed them"
    raise WorkflowError(
        f"{outcome}, but {reason}. It was not sent again.",
        conflicts=conflicts,
        command=command,
        maybe_applied=True,
    ) from (conflicts[-1] if conflicts else None)
