"""Running a story with either client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import attrs

from fieldingkit import AsyncClient, Client, Command, JobCommand, PagedCommand
from fieldingkit.paging import Page

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")


class Walker(Protocol):
    """The verbs that a story needs, awaitable for both clients."""

    async def send(self, command: Command[R]) -> R:
        """Send a command."""
        ...

    async def run(self, command: JobCommand[R]) -> R:
        """Run a job command."""
        ...

    async def all_of(self, command: PagedCommand[Page[Item]]) -> list[Item]:
        """Return the items of all pages of a list."""
        ...

    async def call(
        self,
        workflow: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a workflow."""
        ...


@attrs.frozen
class AsyncWalker:
    """Runs a story with the asynchronous client."""

    client: AsyncClient

    async def send(self, command: Command[R]) -> R:
        """Send a command."""
        return await self.client.send(command)

    async def run(self, command: JobCommand[R]) -> R:
        """Run a job command."""
        return await self.client.run(command)

    async def all_of(self, command: PagedCommand[Page[Item]]) -> list[Item]:
        """Return the items of all pages of a list."""
        items: AsyncIterator[Item] = self.client.iter_items(command)
        return [item async for item in items]

    async def call(
        self,
        workflow: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a workflow."""
        return await workflow(self.client, *args, **kwargs)


@attrs.frozen
class BlockingWalker:
    """Runs a story with the blocking client, on threads, so that the test's event loop keeps running."""

    client: Client

    async def send(self, command: Command[R]) -> R:
        """Send a command."""
        return await asyncio.to_thread(self.client.send, command)

    async def run(self, command: JobCommand[R]) -> R:
        """Run a job command."""
        return await asyncio.to_thread(self.client.run, command)

    async def all_of(self, command: PagedCommand[Page[Item]]) -> list[Item]:
        """Return the items of all pages of a list."""
        return await asyncio.to_thread(lambda: list(self.client.iter_items(command)))

    async def call(
        self,
        workflow: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a workflow."""
        return await asyncio.to_thread(lambda: self.client.call(workflow, *args, **kwargs))
