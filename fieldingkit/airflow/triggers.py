"""The triggers: wait for jobs and conditions on the triggerer, from tokens and ids that contain no secret.

Triggers only read. Two triggerers that run the same trigger do no harm, and a triggerer that dies loses nothing: the
token or the condition is in Airflow's database, and the job continues. DAG files may import this module, so that a
client is loaded only when a trigger starts to wait.
"""

import abc
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from fieldingkit.airflow.conditions import Condition
    from fieldingkit.client import AsyncClient

__all__ = [
    "ConditionTrigger",
    "FieldingClosedTrigger",
    "FieldingForecastTrigger",
    "FieldingJobTrigger",
    "FieldingJobsTrigger",
    "FieldingSoftLaunchTrigger",
    "FieldingStatusTrigger",
    "SingleEventTrigger",
]


_MIN_DELAY = 10.0
"""Seconds before any event, which give the scheduler time to see that the task is deferred.

Airflow 3.3 fails a task that resumes earlier, because it takes the delayed news of the deferral for the end of the task
(https://github.com/apache/airflow/issues/72716). An earlier event is of no use, so nothing is polled earlier either.
"""


class SingleEventTrigger(BaseTrigger, abc.ABC):
    """A trigger that fires once."""

    @abc.abstractmethod
    async def wait(self) -> Any:
        """Wait, and return the payload of the event."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the minimum delay and then for the event."""
        if self.trigger_id is not None:  # otherwise it runs inline, as in ``airflow dags test``
            await asyncio.sleep(_MIN_DELAY)
        yield TriggerEvent(await self.wait())


class FieldingJobTrigger(SingleEventTrigger):
    """Waits until a job ends; for your own operators.

    ::

        job = client.submit(batch_jobs.PauseTargetGroups(...))
        self.defer(trigger=FieldingJobTrigger(job.token(), self.fielding_conn_id), method_name="execute_complete")

    An example of its event::

        {"job_id": "01K...", "status": "Completed", "updated": 98, "failed": 2, "error": None}

    ``updated`` and ``failed`` are None for a job that is not a batch. ``error`` is the reason why the job can no longer
    be polled, and None if its end was seen. ``client.job(token).status()`` returns the whole result.

    Args:
        token: The job's token.
        fielding_conn_id: The id of the Airflow connection to use.
    """

    def __init__(self, token: str, fielding_conn_id: str) -> None:
        super().__init__()
        self.token = token
        self.fielding_conn_id = fielding_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: the token and the connection id."""
        return (
            f"{__name__}.{type(self).__qualname__}",
            {"token": self.token, "fielding_conn_id": self.fielding_conn_id},
        )

    async def wait(self) -> dict[str, Any]:
        """Wait for the job, and return how it ended."""
        from fieldingkit.airflow.client_pool import pooled_client

        async with pooled_client(self.fielding_conn_id) as client:
            return await _wait_for_job(client, self.token)


class FieldingJobsTrigger(SingleEventTrigger):
    """Waits until several jobs end. Its event lists the events of ``FieldingJobTrigger`` under ``jobs``.

    Args:
        tokens: The jobs' tokens.
        fielding_conn_id: The id of the Airflow connection to use.
    """

    def __init__(self, tokens: Sequence[str], fielding_conn_id: str) -> None:
        super().__init__()
        self.tokens: list[str] = list(tokens)
        self.fielding_conn_id = fielding_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: the tokens and the connection id."""
        return (
            f"{__name__}.{type(self).__qualname__}",
            {"tokens": self.tokens, "fielding_conn_id": self.fielding_conn_id},
        )

    async def wait(self) -> dict[str, Any]:
        """Wait for the jobs, and return how they ended."""
        from fieldingkit.airflow.client_pool import pooled_client

        async with pooled_client(self.fielding_conn_id) as client:
            return {"jobs": await asyncio.gather(*(_wait_for_job(client, token) for token in self.tokens))}


async def _wait_for_job(client: "AsyncClient", token: str) -> dict[str, Any]:
    """Wait until a job ends or can no longer be polled."""
    from fieldingkit.errors import JobError, JobFailedError
    from fieldingkit.resources.batch_jobs import BatchResult

    job = client.job(token)
    result: Any = None
    error: str | None = None
    try:
        result = await job.wait(timeout=None)
    except JobFailedError as exc:
        result = exc.last_status
    except JobError as exc:
        error = str(exc)
    batch = result if isinstance(result, BatchResult) else None
    return {
        "job_id": job.id,
        "status": None if result is None else str(result.status),
        "updated": None if batch is None else len(batch.updated),
        "failed": None if batch is None else len(batch.failed),
        "error": error,
    }


class ConditionTrigger(SingleEventTrigger, abc.ABC):
    """Waits until a condition is met; the base class of the triggers of sensors.

    Its event has one of three members: ``value`` with the figures that were seen, ``never`` with the reason why the
    condition can no longer be met, or ``error`` with the reason why it cannot be read.

    Args:
        condition: The fields of the condition.
        poke_interval: Seconds between two reads.
        fielding_conn_id: The id of the Airflow connection to use.
        max_failed_reads: Failed reads in a row after which it gives up. A restarted triggerer counts from 0.
    """

    def __init__(
        self, condition: Mapping[str, Any], poke_interval: float, fielding_conn_id: str, max_failed_reads: int = 10
    ) -> None:
        super().__init__()
        self.condition: dict[str, Any] = dict(condition)
        self.poke_interval = poke_interval
        self.fielding_conn_id = fielding_conn_id
        self.max_failed_reads = max_failed_reads

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return (
            f"{__name__}.{type(self).__qualname__}",
            {
                "condition": self.condition,
                "poke_interval": self.poke_interval,
                "fielding_conn_id": self.fielding_conn_id,
                "max_failed_reads": self.max_failed_reads,
            },
        )

    @abc.abstractmethod
    def load(self) -> "Condition":
        """Return the condition."""

    async def wait(self) -> dict[str, Any]:
        """Read the condition until it is met. A read that fails for a transient reason is repeated."""
        from fieldingkit.airflow.client_pool import pooled_client
        from fieldingkit.airflow.polling import poll
        from fieldingkit.errors import ConfigurationError, InvalidCommandError

        try:
            condition = self.load()
            async with pooled_client(self.fielding_conn_id) as client:
                return await poll(
                    client,
                    condition,
                    interval=self.poke_interval,
                    max_failed_reads=self.max_failed_reads,
                    warn=self.log.warning,
                )
        except (ConfigurationError, InvalidCommandError) as exc:
            return {"error": str(exc)}


class FieldingStatusTrigger(ConditionTrigger):
    """Waits until target groups have a status: a ``StatusCondition``."""

    def load(self) -> "Condition":
        """Return the condition."""
        from fieldingkit.airflow.conditions import StatusCondition

        return StatusCondition(**self.condition)


class FieldingClosedTrigger(ConditionTrigger):
    """Waits until target groups are closed: a ``ClosedCondition``."""

    def load(self) -> "Condition":
        """Return the condition."""
        from fieldingkit.airflow.field_conditions import ClosedCondition

        return ClosedCondition(**self.condition)


class FieldingForecastTrigger(ConditionTrigger):
    """Waits until a target group will probably end before its goal: a ``ForecastCondition``."""

    def load(self) -> "Condition":
        """Return the condition."""
        from fieldingkit.airflow.field_conditions import ForecastCondition

        return ForecastCondition(**self.condition)


class FieldingSoftLaunchTrigger(ConditionTrigger):
    """Waits until a soft launch has another step to take: a ``SoftLaunchCondition``."""

    def load(self) -> "Condition":
        """Return the condition."""
        from fieldingkit.airflow.field_conditions import SoftLaunchCondition

        return SoftLaunchCondition(**self.condition)
