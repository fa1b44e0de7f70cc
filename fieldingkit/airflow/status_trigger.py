"""The trigger that waits until target groups have reached a status."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fieldingkit.airflow.one_event import OneEventTrigger
from fieldingkit.airflow.reaching import Goal, look
from fieldingkit.airflow.sharing import shared
from fieldingkit.errors import ApiError, DecodeError, TransportError

__all__ = ["FieldingStatusTrigger"]


class FieldingStatusTrigger(OneEventTrigger):
    """Looks again and again until a goal is reached; its one event says how many target groups there were.

    Args:
        goal: The fields of a ``Goal``.
        poke_interval: Seconds between two looks.
        fielding_conn_id: The id of the Airflow connection to look with.
    """

    def __init__(self, goal: Mapping[str, Any], poke_interval: float, fielding_conn_id: str) -> None:
        super().__init__()
        self.goal: dict[str, Any] = dict(goal)
        self.poke_interval = poke_interval
        self.fielding_conn_id = fielding_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where it is found, and what it is made of."""
        return (
            f"{__name__}.{type(self).__qualname__}",
            {"goal": self.goal, "poke_interval": self.poke_interval, "fielding_conn_id": self.fielding_conn_id},
        )

    async def wait(self) -> dict[str, Any]:
        """Look until it is reached. A look that fails for a passing reason is repeated."""
        goal = Goal(**self.goal)
        async with shared(self.fielding_conn_id) as ours:
            while True:
                try:
                    seen = await look(ours.client, goal)
                except (TransportError, DecodeError, ApiError) as exc:
                    if isinstance(exc, ApiError) and not exc.retryable:
                        raise
                    self.log.warning("a look failed; it is repeated: %s", exc)
                else:
                    if seen.reached:
                        return {"status": goal.status.value, "target_groups": seen.seen}
                await asyncio.sleep(self.poke_interval)
