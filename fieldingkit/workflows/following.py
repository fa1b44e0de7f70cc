"""Many jobs at once, in the order in which they end."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.handle import Job
from fieldingkit.workflows.lookout import Lookout

__all__ = ["as_completed"]

R = TypeVar("R")


async def as_completed(jobs: Iterable[Job[R]], *, max_concurrency: int = 8) -> AsyncIterator[Job[R]]:
    """The jobs as they end, each once.

    ::

        async for job in as_completed(jobs):
            try:
                result = await job  # it has ended: no request is made
            except JobError:
                ...

    A job that fails, or cannot be followed any further, comes like any other: awaiting it raises its error, and the
    rest goes on. All jobs are waited for at the same time; one that takes long delays no other. Leaving the loop stops
    the looking, not the jobs.

    Args:
        jobs: The handles, of one client.
        max_concurrency: How many jobs may be looked at in the same moment.

    Raises:
        ConfigurationError: if no job may be looked at.
    """
    if max_concurrency < 1:
        raise ConfigurationError(f"max_concurrency must be at least 1; got {max_concurrency}")
    waited_for = list(dict.fromkeys(jobs))
    if not waited_for:
        return
    ended: asyncio.Queue[Job[Any]] = asyncio.Queue()
    lookout = Lookout(waited_for[0].clock, looks_at_once=max_concurrency)
    try:
        for job in waited_for:
            lookout.add(job, ended.put_nowait)
        for _ in waited_for:
            yield await ended.get()
    finally:
        await lookout.aclose()
