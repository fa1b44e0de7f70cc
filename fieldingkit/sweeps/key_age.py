"""The age of idempotency keys by the API's own clock, which no change of the local clock affects."""

import asyncio

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ClientClosedError, FieldingKitError
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.plan import SweepPlan

__all__ = ["DATE_RESOLUTION", "KeyAge"]

DATE_RESOLUTION = 1.0
"""The resolution of the API's ``Date`` header in seconds."""


class KeyAge:
    """The age of the keys of a sweep. The API's time comes from the ``Date`` header of its responses.

    Args:
        client: The client of the sweep.
        plan: The plan.
    """

    def __init__(self, client: AsyncClient, plan: SweepPlan) -> None:
        self._client = client
        self._plan = plan
        self._reading = asyncio.Lock()
        self._was_read = False

    async def api_time(self, chunk: Chunk) -> float | None:
        """Return the API's time; None if no response has shown it. It is read once, before the first key is used.

        Args:
            chunk: The chunk of which a target group is read.
        """
        async with self._reading:
            if self._client.api_time is None and not self._was_read:
                self._was_read = True
                try:
                    await self._client.send(
                        ListFieldingRuns(
                            account_id=self._plan.account_id,
                            project_id=chunk.project_id,
                            target_group_id=chunk.ids[0],
                        )
                    )
                except ClientClosedError:
                    raise
                except FieldingKitError:
                    pass  # a response of any status has a date
        return self._client.api_time

    async def of(self, chunk: Chunk) -> float | None:
        """Return the age of a chunk's key in seconds; None if it is not known."""
        if chunk.sent_date is None or (now := await self.api_time(chunk)) is None:
            return None
        return now - chunk.sent_date

    async def expired(self, chunk: Chunk) -> bool:
        """Return whether the API may have forgotten a chunk's key. A key of unknown age is not taken for expired."""
        age = await self.of(chunk)
        return age is not None and age > self._plan.idempotency_key_ttl
