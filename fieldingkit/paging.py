"""Lists that the API returns page by page. Does no I/O: the caller passes the function that sends."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, ClassVar, Generic, Self, TypeVar

import attrs

from fieldingkit.commands import AccountCommand, Command, check_kind
from fieldingkit.errors import DecodeError
from fieldingkit.results import ResultList
from fieldingkit.validators import integer

__all__ = ["Page", "PagedCommand", "iter_items", "iter_pages"]

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Page(ResultList[Item_co]):
    """Base class of one page of a list: a sequence of its items, and the cursor of the next page."""

    __slots__ = ()

    next_cursor: str | None
    """The ``start_after`` of the next page; None or empty on the last one."""

    @staticmethod
    def _data_of(body: dict[str, Any]) -> list[Any]:
        """Return the items that the API calls data; a page without any data is not an empty one."""
        data: list[Any] | None = body.get("data")
        if data is None:
            raise ValueError("there is no data")
        return data


P = TypeVar("P", bound=Page[Any])
P_co = TypeVar("P_co", bound=Page[Any], covariant=True)


def _page_size(command: "PagedCommand[Any]", attribute: "attrs.Attribute[Any]", value: object) -> None:
    integer(1, command.max_page_size)(command, attribute, value)


@attrs.frozen(kw_only=True)
class PagedCommand(AccountCommand[P_co], Generic[P_co]):
    """Base class of commands that read a list page by page; ``P`` is one page."""

    max_page_size: ClassVar[int] = 100
    counts_earlier_pages: ClassVar[bool] = False
    """True if ``has_more`` is also true when there are only pages before this one."""

    page_size: int | None = attrs.field(default=None, validator=_page_size)
    """The number of items on a page, 1 to 100 for most lists; the API's default if left out."""
    start_after: str | None = None
    """The ``next_cursor`` of the page before; the list starts at its beginning if left out."""

    def after(self, page: Page[object]) -> Self | None:
        """Return the command for the page after this one; None if this is the last.

        Raises:
            DecodeError: if the API has more items, but sent no cursor to read them with.
        """
        if page.next_cursor:
            return self.replace(start_after=page.next_cursor)
        # On a later page of some lists, `has_more` may mean the pages before it. The first page has none before it.
        only_later = self.start_after is None or not self.counts_earlier_pages
        if only_later and getattr(page, "has_more", False):
            raise _error(self, "the list is incomplete: the API has more items, but sent no cursor to read them with")
        return None


# `send` is typed with Any: pyright cannot infer the page where `send` is a generic method.
async def iter_pages(
    send: Callable[[Command[Any]], Awaitable[Any]], command: PagedCommand[P]
) -> AsyncGenerator[P, None]:
    """Iterate over the pages of a list.

    Each page is requested only when it is needed, so leaving the loop early costs nothing. The list may change
    meanwhile: an item that moves between pages can appear twice or not at all.

    Args:
        send: Sends a command, such as ``client.send``.
        command: The command for the first page.

    Raises:
        InvalidCommandError: if the command is not a ``PagedCommand``.
        DecodeError: if the API repeats a cursor, since the list would never end; or if it has more items, but sends
            no cursor to read them with.
    """
    check_kind(command, PagedCommand)
    cursors = {command.start_after}
    following: PagedCommand[P] | None = command
    while following is not None:
        page: P = await send(following)
        yield page
        following = following.after(page)
        if following is not None and following.start_after in cursors:
            raise _error(following, f"the list does not end: the API repeated the cursor {following.start_after!r}")
        if following is not None:
            cursors.add(following.start_after)


def _error(command: PagedCommand[Any], reason: str) -> DecodeError:
    operation_id = command.endpoint.operation_id
    return DecodeError(reason, path="$.next_cursor", command=command, operation_id=operation_id)


async def iter_items(
    send: Callable[[Command[Any]], Awaitable[Any]], command: PagedCommand[Page[Item]]
) -> AsyncGenerator[Item, None]:
    """Iterate over the items of a list, page after page; see ``iter_pages``."""
    async with aclosing(iter_pages(send, command)) as pages:
        async for page in pages:
            for item in page:
                yield item
