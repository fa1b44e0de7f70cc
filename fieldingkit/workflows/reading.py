"""Reading for a decision: an answer that says nothing must not pass for one that says that there is nothing."""

from functools import partial
from typing import Any, TypeVar

from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command, PagedCommand
from fieldingkit.errors import DecodeError
from fieldingkit.paging import pages

__all__ = ["read", "read_all"]

R = TypeVar("R")
Item = TypeVar("Item")


async def read(client: AsyncClient, command: Command[R]) -> R:
    """Read something whose every part may be left out, such as a list.

    A gateway in trouble can answer 200 with nothing in it. That would be an empty list: no target groups, or a target
    group that has no run and so must be a draft.

    Raises:
        DecodeError: if the answer is empty.
        FieldingKitError: as for ``client.send``.
    """
    exchange = await client.exchange(command)
    if not exchange.raw:
        raise DecodeError(
            f"the answer ({exchange.status}) is empty",
            status=exchange.status,
            headers=exchange.headers,
            command=command,
            operation_id=command.endpoint.operation_id,
            trace_id=exchange.trace_id,
            request_id=exchange.request_id,
        )
    return exchange.result


async def read_all(client: AsyncClient, command: PagedCommand[Any, Item]) -> list[Item]:
    """The items of a list, all of its pages.

    Raises:
        DecodeError: if one of its pages is empty of everything, so that nobody knows what was on it.
        FieldingKitError: as for ``client.send``.
    """
    return [item async for item in pages(partial(read, client), command)]
