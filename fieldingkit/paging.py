"""Lists that come page by page, read as one. Nothing here does I/O: whoever calls gives the way to send."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from fieldingkit.commands import Command, Page, PagedCommand
from fieldingkit.errors import DecodeError

__all__ = ["pages"]

P = TypeVar("P", bound=Page)
Item = TypeVar("Item")


async def pages(send: Callable[[Command[P]], Awaitable[P]], command: PagedCommand[P, Item]) -> AsyncIterator[Item]:
    """The items of a list, page after page.

    A page is asked for when the one before is used up, never earlier, so breaking off costs nothing and leaves nothing
    behind. The list may change meanwhile: an item that moves between pages can come twice or not at all.

    Args:
        send: Carries a command out, such as ``client.send``.
        command: The command for the first page.

    Raises:
        DecodeError: if the API gives a cursor that it has given before; the list would never end.
    """
    seen = {command.start_after}
    following: PagedCommand[P, Item] | None = command
    while following is not None:
        page = await send(following)
        for item in following.items_of(page):
            yield item
        following = following.after(page)
        if following is not None:
            if following.start_after in seen:
                raise DecodeError(
                    f"the list does not end: {following.start_after!r} is named as the next page for the second time",
                    path="$.next_cursor",
                    command=following,
                    operation_id=following.endpoint.operation_id,
                )
            seen.add(following.start_after)
