"""Lists that come page by page, read as one. Nothing here does I/O: whoever calls gives the way to send."""

import abc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import attrs

from fieldingkit.commands import Command, type_argument
from fieldingkit.errors import DecodeError

__all__ = ["Page", "PagedCommand", "iter_items"]

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)
P = TypeVar("P", bound="Page")


class Page(Protocol):
    """What every page of a list has, whatever the list is of."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None or empty on the last one."""
        ...


@attrs.frozen(kw_only=True)
class PagedCommand(Command[P], abc.ABC, Generic[P, Item_co]):
    """A command that gives a list page by page: ``P`` is a page, ``Item`` what the list is of."""

    page_size: int | None = None
    """How many items a page may hold; the API's own number if left out."""
    start_after: str | None = None
    """Where to go on: the ``next_cursor`` of the page before; from the beginning if left out."""

    @classmethod
    def result_type(cls) -> Any:
        """The ``P`` of ``PagedCommand[P, Item]``."""
        return type_argument(cls, PagedCommand)

    @abc.abstractmethod
    def items_of(self, page: P) -> Sequence[Item_co]:
        """The items of a page, in their order."""

    def after(self, page: P) -> Self | None:
        """The command for the page after this one; None if this is the last.

        Only the cursor tells: ``has_more`` may speak of the pages before as well.
        """
        return self.replace(start_after=page.next_cursor) if page.next_cursor else None


# The page's type is Any: pyright cannot solve it where send is a generic method, and only the item's type matters here.
async def iter_items(
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
