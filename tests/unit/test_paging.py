"""Lists that the API returns page by page."""

import asyncio
import gc
from typing import Any, ClassVar, TypeVar, assert_type

import attrs
import pytest
from support.resource_wire import answer

from fieldingkit import AsyncClient, Client
from fieldingkit.commands import Command, Endpoint
from fieldingkit.errors import DecodeError, FieldingKitError
from fieldingkit.paging import Page, PagedCommand, iter_items, iter_pages
from fieldingkit.resources.exclusion_groups import ListExclusionGroups, ListExclusionGroupTargetGroups
from fieldingkit.resources.projects import ListProjects
from fieldingkit.resources.recontacts import ListUploadRecontactsJobs
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupList, TargetGroupSummary
from fieldingkit.resources.webhooks import ListWebhooks
from fieldingkit.sandbox import Sandbox

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
    """Returns pages by cursor and records the commands."""

    def __init__(self, **by_cursor: Any) -> None:
        self.by_cursor = by_cursor
        self.asked: list[ListNumbers] = []

    async def send(self, command: Command[Any]) -> Any:
        """Return the page of a command."""
        assert isinstance(command, ListNumbers)
        self.asked.append(command)
        page = self.by_cursor[command.start_after or "first"]
        if isinstance(page, Exception):
            raise page
        return page


@pytest.fixture
def server() -> Server:
    """Return a server with three pages, the second of them empty."""
    return Server(
        first=Numbers(numbers=(1, 2), next_cursor="a"),
        a=Numbers(next_cursor="b"),
        b=Numbers(numbers=(3,), next_cursor=None),
    )


async def test_all_pages_are_read_as_one_list(server: Server) -> None:
    """Items arrive in order, through empty pages, until there is no cursor."""
    assert [number async for number in iter_items(server.send, ListNumbers())] == [1, 2, 3]
    assert [command.start_after for command in server.asked] == [None, "a", "b"]


async def test_pages_can_be_read_one_by_one(server: Server) -> None:
    """``iter_pages`` yields the pages themselves, empty ones included."""
    assert [tuple(page) async for page in iter_pages(server.send, ListNumbers())] == [(1, 2), (), (3,)]


async def test_both_clients_iterate_over_pages(sandbox: Sandbox, client: AsyncClient, blocking_client: Client) -> None:
    """Both clients have ``iter_pages``; its pages are sequences with a cursor."""
    project = sandbox.seed(live=5)
    command = ListTargetGroups(project_id=project.id, page_size=2)
    pages = [page async for page in client.iter_pages(command)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [group.id for page in pages for group in page] == project.ids()
    blocking = await asyncio.to_thread(list, blocking_client.iter_pages(command))
    assert [len(page) for page in blocking] == [2, 2, 1]


async def test_every_page_is_asked_for_with_the_same_filters(server: Server) -> None:
    """The other fields of the command apply to all pages."""
    async for _ in iter_items(server.send, ListNumbers(least=7, page_size=2)):
        pass
    assert {(command.least, command.page_size) for command in server.asked} == {(7, 2)}


async def test_a_list_can_begin_in_its_middle(server: Server) -> None:
    """A command with a cursor starts there."""
    assert [number async for number in iter_items(server.send, ListNumbers(start_after="b"))] == [3]


@pytest.mark.parametrize("cursor", [None, ""])
async def test_an_absent_or_empty_cursor_ends_the_list(cursor: str | None) -> None:
    """The changelog has an empty cursor on its last page, other lists have none."""
    server = Server(first=Numbers(numbers=(1,), next_cursor=cursor))
    assert [number async for number in iter_items(server.send, ListNumbers())] == [1]
    assert len(server.asked) == 1


async def test_a_page_is_asked_for_only_when_it_is_needed(server: Server) -> None:
    """The next page is not fetched while the current one has items left."""
    numbers = iter_items(server.send, ListNumbers())
    assert await anext(numbers) == 1
    assert await anext(numbers) == 2
    assert len(server.asked) == 1
    assert await anext(numbers) == 3
    assert len(server.asked) == 3


async def test_leaving_the_loop_leaves_nothing_behind(server: Server) -> None:
    """After a break no request is made and no task is left."""
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
    """A repeated cursor is an error instead of an endless loop; the items before it were yielded."""
    numbers = iter_items(Server(**by_cursor).send, ListNumbers())
    assert [await anext(numbers), await anext(numbers)] == [1, 2]
    with pytest.raises(DecodeError, match="does not end") as caught:
        await anext(numbers)
    assert caught.value.path == "$.next_cursor"
    assert caught.value.operation_id == "list_numbers"


@pytest.mark.parametrize("cursor", [{}, {"next_cursor": None}, {"next_cursor": ""}], ids=["missing", "null", "empty"])
@pytest.mark.parametrize(
    ("command", "body"),
    [
        (ListProjects(start_after="p1"), {"projects": [], "url": "/x"}),
        (ListTargetGroups(project_id=PROJECT), {"target_groups": [], "url": "/x"}),
        (ListWebhooks(), {"webhooks": []}),
        (ListWebhooks(start_after="w1"), {}),
    ],
)
async def test_a_list_with_more_items_and_no_cursor_is_incomplete(
    command: PagedCommand[Any], body: dict[str, Any], cursor: dict[str, Any]
) -> None:
    """A page that has more items after it and no cursor ends the list with an error, after its own items."""

    async def send(sent: Command[Any]) -> Any:
        return answer(sent, {**body, **cursor, "has_more": True})

    pages = iter_pages(send, command)
    await anext(pages)
    with pytest.raises(DecodeError, match="the list is incomplete") as caught:
        await anext(pages)
    assert caught.value.path == "$.next_cursor"
    assert caught.value.command == command


async def test_the_last_page_of_target_groups_may_have_more_before_it() -> None:
    """On later pages of target groups, ``has_more`` may mean the pages before: only the cursor counts there."""
    command = ListTargetGroups(project_id=PROJECT, start_after="c")

    async def send(sent: Command[Any]) -> Any:
        return TargetGroupList(target_groups=(), has_more=True)

    assert len([page async for page in iter_pages(send, command)]) == 1


async def test_an_error_ends_the_list(server: Server) -> None:
    """An error of a page reaches the consumer after the items before it."""
    server.by_cursor["a"] = FieldingKitError("no")
    numbers = iter_items(server.send, ListNumbers())
    assert [await anext(numbers), await anext(numbers)] == [1, 2]
    with pytest.raises(FieldingKitError, match="no"):
        await anext(numbers)


def test_a_page_with_a_cursor_is_never_the_last() -> None:
    """The cursor makes the next page, whatever ``has_more`` says."""
    command = ListTargetGroups(project_id=PROJECT)
    following = command.after(TargetGroupList(target_groups=(), has_more=False, next_cursor="c"))
    assert following == command.replace(start_after="c")


def test_webhooks_continue_after_the_last_one() -> None:
    """The list of webhooks has no cursor, so the last id is the cursor while there are more."""
    command = ListWebhooks(page_size=2)
    webhooks = [{"id": "w1"}, {"id": "w2"}]
    following = command.after(answer(command, {"webhooks": webhooks, "has_more": True}))
    assert following == ListWebhooks(page_size=2, start_after="w2")
    assert command.after(answer(command, {"webhooks": webhooks, "has_more": False})) is None


def test_the_result_of_a_paged_command_is_its_page() -> None:
    """The result type of a paged command is its page."""
    assert ListNumbers.result_type() is Numbers


async def test_the_item_type_is_known() -> None:
    """A type checker infers the item type for a generic and for a specific ``send``."""

    async def send_one_kind(_: Command[TargetGroupList]) -> TargetGroupList:
        return TargetGroupList(target_groups=())

    async def send_any(command: Command[R]) -> R:
        return command.result_type()(target_groups=())

    command = ListTargetGroups(project_id=PROJECT)
    async for item in iter_items(send_one_kind, command):
        assert_type(item, TargetGroupSummary)
    async for item in iter_items(send_any, command):
        assert_type(item, TargetGroupSummary)


@pytest.mark.parametrize("body", [{}, {"data": None, "next_cursor": None}])
@pytest.mark.parametrize(
    "command",
    [
        ListExclusionGroups(),
        ListExclusionGroupTargetGroups(exclusion_group_id=PROJECT),
        ListUploadRecontactsJobs(project_id=PROJECT, target_group_id=PROJECT),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_page_without_its_data_is_no_empty_page(command: PagedCommand[Any], body: object) -> None:
    """After an unclear outcome the list decides: one that was not read must not say that nothing was created."""
    with pytest.raises(DecodeError, match="there is no data"):
        answer(command, body)
    assert list(answer(command, {"data": []})) == []
