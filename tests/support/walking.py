"""Walking a story with either client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

import attrs

from fieldingkit import AsyncClient, Client, Command, JobCommand, PagedCommand
from fieldingkit.paging import Page

R = TypeVar("R")
Item = TypeVar("Item")


class Walker(Protocol):
    """What a story needs of a client, to be awaited whichever client it is."""

    async def send(self, command: Command[R]) -> R:
        """Carry out a command."""
        ...

    async def run(self, command: JobCommand[R]) -> R:
        """Start a job, and wait for it."""
        ...

    async def all_of(self, command: PagedCommand[Page[Item]]) -> list[Item]:
        """The items of a list, of all pages."""
        ...


@attrs.frozen
class AsyncWalker:
    """Walks with the asynchronous client."""

    client: AsyncClient

    async def send(self, command: Command[R]) -> R:
        """Carry out a command."""
        return await self.client.send(command)

    async def run(self, command: JobCommand[R]) -> R:
        """Start a job, and wait for it."""
        return await self.client.run(command)

    async def all_of(self, command: PagedCommand[Page[Item]]) -> list[Item]:
        """The items of a list, of all pages."""
        items: AsyncIterator[Item] = self.client.iter_items(command)
        return [item async for item in items]


@attrs.frozen
class BlockingWalker:
    """Walks with the blocking client, on threads, so that the test's own event loop goes on meanwhile."""

    client: Client

    async def send(self, command: Command[R]) -> R:
        """Carry out a command."""
        return await asyncio.to_thread(self.client.send, command)

    async def run(self, command: JobCommand[R]) -> R:
        """Start a job, and wait for it."""
        return await asyncio.to_thread(self.client.run, command)

    async def all_of(self, command: PagedCommand[Page[Item]]) -> list[Item]:
        """The items of a list, of all pages."""
        return await asyncio.to_thread(lambda: list(self.client.iter_items(command)))
