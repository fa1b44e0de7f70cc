"""Doing the same to many things, a limited number of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from fieldingkit.client import AsyncClient

__all__ = ["run_limited", "wait_for_capacity"]


T = TypeVar("T")

_PATIENCE = 5.0


async def run_limited(items: Sequence[T], work: Callable[[T], Awaitable[object]], *, at_once: int) -> None:
    """Do the work for each item, in order, at most so many at once. The first failure ends it all.

    Args:
        items: What to work on.
        work: What to do with each.
        at_once: How many at once.
    """
    remaining = iter(items)

    async def worker() -> None:
        for item in remaining:
            await work(item)

    if not items:
        return
    workers = [asyncio.create_task(worker()) for _ in range(min(at_once, len(items)))]
    try:
        done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def wait_for_capacity(client: AsyncClient) -> None:
    """Wait until a request would not have to wait long: in the limiter's line its deadline would be running."""
    while (delay := client.rate_limiter.delay) > _PATIENCE:
        await client.clock.sleep(delay - _PATIENCE / 2)
