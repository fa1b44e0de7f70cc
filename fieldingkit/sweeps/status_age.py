"""The age of the statuses of a sweep: old ones are read again before their target groups are sent."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, TransportError
from fieldingkit.sweeps.discovery import GroupsRead, read_groups
from fieldingkit.sweeps.plan import SweepPlan

__all__ = ["MAX_STATUS_AGE", "StatusAge"]

MAX_STATUS_AGE = 30.0
"""The largest age in seconds of a status for which a target group is sent."""


class StatusAge:
    """When the statuses of a sweep's target groups were read, project by project.

    Args:
        read_at: When they were first read, by the client's clock; None if an earlier process read them.
    """

    def __init__(self, read_at: float | None = None) -> None:
        self._first_read_at = float("-inf") if read_at is None else read_at
        self._read_at: dict[str, float] = {}
        self._latest: dict[str, GroupsRead] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read_again(
        self, client: AsyncClient, plan: SweepPlan, project_id: str, unsent: Callable[[], Sequence[str]]
    ) -> GroupsRead | None:
        """Return the statuses of a project's target groups as last read; read them if they are over 30 seconds old.

        Only the statuses that the action starts from, and the one that it leads to, are listed. A failure counts as a
        reading, so that the other chunks of a project that cannot be read do not keep those of other projects waiting.

        Args:
            client: The client to use.
            plan: The plan.
            project_id: The project's ULID.
            unsent: Returns the target groups of the project that were never sent.

        Returns:
            The statuses; None if those that the sweep has are recent, or if the plan reads none.
        """
        if plan.query is None and not plan.check_status_first:
            return None
        async with self._reading[project_id]:
            read_at = client.clock.now()
            if read_at - self._read_at.get(project_id, self._first_read_at) > MAX_STATUS_AGE:
                statuses, ids = plan.action.sources | {plan.action.target}, unsent()
                try:
                    read = await read_groups(client, plan.account_id, project_id, ids, statuses=statuses)
                except (ApiError, TransportError, DecodeError) as exc:
                    read, read_at = GroupsRead({}, dict.fromkeys(ids, exc.message)), client.clock.now()
                self._read_at[project_id], self._latest[project_id] = read_at, read
            return self._latest.get(project_id)
