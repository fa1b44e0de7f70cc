"""Complete reads: a truncated response is read again, and a list is read to its end."""

from functools import partial
from typing import TypeVar

from fieldingkit.api_response import ApiResponse
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command
from fieldingkit.errors import DecodeError
from fieldingkit.paging import Page, PagedCommand, iter_items

__all__ = ["list_all", "send_read", "send_read_detailed"]

R = TypeVar("R")
Item = TypeVar("Item")

_MAX_READS = 3
"""The largest number of reads whose response cannot be decoded."""


async def send_read(client: AsyncClient, command: Command[R]) -> R:
    """Send a command that only reads; read again if the response was truncated or is unreadable for another reason."""
    return (await send_read_detailed(client, command)).result


async def send_read_detailed(client: AsyncClient, command: Command[R]) -> ApiResponse[R]:
    """Send a command that only reads, as ``send_read`` does, and return its result with the HTTP response."""
    for number in range(_MAX_READS - 1):
        try:
            return await client.send_detailed(command)
        except DecodeError:
            await client.clock.sleep(0.5 * 2**number)
    return await client.send_detailed(command)


async def list_all(client: AsyncClient, command: PagedCommand[Page[Item]]) -> list[Item]:
    """Return all items of a list. A list that is incomplete raises, since an item might be missed."""
    return [item async for item in iter_items(partial(send_read, client), command)]
