"""A trigger with one event, which does not come too early."""

import abc
import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

__all__ = ["OneEventTrigger"]

_HEAD_START = 10.0
"""Seconds that the scheduler gets to hear that the task has left its worker.

Airflow 3.3 takes that news for the end of the task if the task has come back by then, and fails it
(https://github.com/apache/airflow/issues/72716). What can be seen earlier is of no use, so nothing is asked for either.
"""


class OneEventTrigger(BaseTrigger, abc.ABC):
    """Waits for something, and then fires once."""

    @abc.abstractmethod
    async def wait(self) -> Any:
        """Wait, and give what the event is to say."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait a while in any case, then for what it is about, and tell."""
        if self.trigger_id is not None:  # otherwise it is run in line, as by ``airflow dags test``
            await asyncio.sleep(_HEAD_START)
        yield TriggerEvent(await self.wait())
