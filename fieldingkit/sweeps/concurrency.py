"""Bounded concurrency: run work for many items, a limited number at a time, and wait for the rate limiter."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from fieldingkit.client import AsyncClient

__all__ = ["run_limited", "wait_for_capacity"]


T = TypeVar("T")

_MAX_QUEUE_DELAY = 5.0
"""Seconds that a request may wait in the limiter's queue; a longer wait happens before the call starts."""


async def run_limited(items: Sequence[T], work: Callable[[T], Awaitable[object]], *, limit: int) -> None:
    """Run the work for each item, in order, at most ``limit`` items at a time. The first failure cancels the rest.

    Args:
        items: The items.
        work: Called with each item.
        limit: The largest number of items in progress at once.
    """
    remaining = iter(items)

    async def worker() -> None:
        for item in remaining:
            await work(item)

    if not items:
        return
    workers = [asyncio.create_task(worker()) for _ in range(min(limit, len(items)))]
    try:
        done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def wait_for_capacity(client: AsyncClient) -> None:
    """Wait until the limiter's queue is short. A call that waits in the queue uses up its deadline."""
    while (delay := client.rate_limiter.delay) > _MAX_QUEUE_DELAY:
        await client.clock.sleep(delay - _MAX_QUEUE_DELAY / 2)
