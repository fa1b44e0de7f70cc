"""Lists that come page by page, read as one. Nothing here does I/O: whoever calls gives the way to send."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from fieldingkit.commands import Command, PagedCommand
from fieldingkit.errors import DecodeError

__all__ = ["pages"]

Item = TypeVar("Item")


# The page's type is Any: pyright cannot solve it where send is a generic method, and only the item's type matters here.
async def pages(
    send: Callable[[Command[Any]], Awaitable[Any]], command: PagedCommand[Any, Item]
) -> AsyncIterator[Item]:
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
    following: PagedCommand[Any, Item] | None = command
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
