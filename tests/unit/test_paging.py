"""Lists that come page by page, read as one."""

import asyncio
import gc
from typing import Any, ClassVar, TypeVar, assert_type

import attrs
import pytest

from fieldingkit.commands import Command, Endpoint
from fieldingkit.errors import DecodeError, FieldingKitError
from fieldingkit.paging import Page, PagedCommand, iter_items
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupList, TargetGroupSummary
from fieldingkit.resources.webhooks import ListWebhooks, Webhook, WebhookList

R = TypeVar("R")

PROJECT = "01BTGNYV6HRNK8K8VKZASZCFP0"


@attrs.frozen(kw_only=True)
class Numbers(Page[int]):
    """A page of numbers."""

    numbers: tuple[int, ...] = ()
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class ListNumbers(PagedCommand[Numbers]):
    """List numbers."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/numbers", operation_id="list_numbers")
    least: int = 0


class Server:
    """Gives pages by their cursor, and remembers what it was asked."""

    def __init__(self, **by_cursor: Any) -> None:
        self.by_cursor = by_cursor
        self.asked: list[ListNumbers] = []

    async def send(self, command: Command[Any]) -> Any:
        """Carry a command out."""
        assert isinstance(command, ListNumbers)
        self.asked.append(command)
        page = self.by_cursor[command.start_after or "first"]
        if isinstance(page, Exception):
            raise page
        return page


@pytest.fixture
def server() -> Server:
    """Three pages, the second of them empty."""
    return Server(
        first=Numbers(numbers=(1, 2), next_cursor="a"),
        a=Numbers(next_cursor="b"),
        b=Numbers(numbers=(3,), next_cursor=None),
    )


async def test_all_pages_are_read_as_one_list(server: Server) -> None:
    """Items come in their order, through empty pages, until there is no cursor."""
    assert [number async for number in iter_items(server.send, ListNumbers())] == [1, 2, 3]
    assert [command.start_after for command in server.asked] == [None, "a", "b"]


async def test_every_page_is_asked_for_with_the_same_filters(server: Server) -> None:
    """Whatever else the command says holds for all pages."""
    async for _ in iter_items(server.send, ListNumbers(least=7, page_size=2)):
        pass
    assert {(command.least, command.page_size) for command in server.asked} == {(7, 2)}


async def test_a_list_can_begin_in_its_middle(server: Server) -> None:
    """A command with a cursor goes on from there."""
    assert [number async for number in iter_items(server.send, ListNumbers(start_after="b"))] == [3]


@pytest.mark.parametrize("cursor", [None, ""])
async def test_an_absent_or_empty_cursor_ends_the_list(cursor: str | None) -> None:
    """The changelog says an empty cursor where others say none."""
    server = Server(first=Numbers(numbers=(1,), next_cursor=cursor))
    assert [number async for number in iter_items(server.send, ListNumbers())] == [1]
    assert len(server.asked) == 1


async def test_a_page_is_asked_for_only_when_it_is_needed(server: Server) -> None:
    """The next page is not fetched while the present one has items left."""
    numbers = iter_items(server.send, ListNumbers())
    assert await anext(numbers) == 1
    assert await anext(numbers) == 2
    assert len(server.asked) == 1
    assert await anext(numbers) == 3
    assert len(server.asked) == 3


async def test_breaking_off_leaves_nothing_behind(server: Server) -> None:
    """After a break no request is made, and no task is left."""
    async for _ in iter_items(server.send, ListNumbers()):
        break
    gc.collect()
    await asyncio.sleep(0.01)
    assert len(server.asked) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "by_cursor",
    [
        {"first": Numbers(numbers=(1,), next_cursor="a"), "a": Numbers(numbers=(2,), next_cursor="a")},
        {
            "first": Numbers(numbers=(1,), next_cursor="a"),
            "a": Numbers(numbers=(2,), next_cursor="b"),
            "b": Numbers(next_cursor="a"),
        },
    ],
)
async def test_a_cursor_that_comes_again_is_refused(by_cursor: dict[str, Numbers]) -> None:
    """A list that goes round in circles is an error, not an endless loop; what was read until then was given."""
    numbers = iter_items(Server(**by_cursor).send, ListNumbers())
    assert [await anext(numbers), await anext(numbers)] == [1, 2]
    with pytest.raises(DecodeError, match="does not end") as caught:
        await anext(numbers)
    assert caught.value.path == "$.next_cursor"
    assert caught.value.operation_id == "list_numbers"


async def test_an_error_ends_the_list(server: Server) -> None:
    """What sending raises goes to the consumer, after the items before it."""
    server.by_cursor["a"] = FieldingKitError("no")
    numbers = iter_items(server.send, ListNumbers())
    assert [await anext(numbers), await anext(numbers)] == [1, 2]
    with pytest.raises(FieldingKitError, match="no"):
        await anext(numbers)


def test_has_more_does_not_make_a_next_page() -> None:
    """Target groups may say that there is more when they mean the pages before."""
    command = ListTargetGroups(project_id=PROJECT)
    assert command.after(TargetGroupList(target_groups=(), has_more=True)) is None
    following = command.after(TargetGroupList(target_groups=(), has_more=False, next_cursor="c"))
    assert following == command.replace(start_after="c")


def test_webhooks_go_on_after_the_last_one() -> None:
    """Their list has no cursor, so the last id is one, as long as there is more."""
    command = ListWebhooks(page_size=2)
    webhooks = (Webhook(id="w1"), Webhook(id="w2"))
    following = command.after(WebhookList(webhooks=webhooks, has_more=True))
    assert following == ListWebhooks(page_size=2, start_after="w2")
    assert command.after(WebhookList(webhooks=webhooks, has_more=False)) is None
    assert command.after(WebhookList(has_more=True)) is None


def test_the_result_of_a_paged_command_is_its_page() -> None:
    """The page's type is read from the class, as for any command."""
    assert ListNumbers.result_type() is Numbers


async def test_the_item_type_is_known() -> None:
    """A type checker knows what a list is of, whether the way to send is for every command or for one kind of page."""

    async def send_one_kind(_: Command[TargetGroupList]) -> TargetGroupList:
        return TargetGroupList(target_groups=())

    async def send_any(command: Command[R]) -> R:
        return command.result_type()(target_groups=())

    command = ListTargetGroups(project_id=PROJECT)
    async for item in iter_items(send_one_kind, command):
        assert_type(item, TargetGroupSummary)
    async for item in iter_items(send_any, command):
        assert_type(item, TargetGroupSummary)
