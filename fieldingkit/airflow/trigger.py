"""The triggers that wait for jobs: on the triggerer's own event loop, from tokens that hold no secret.

A trigger only reads. Two triggerers that hold the same one do no harm, and one that dies loses nothing: the token is
in Airflow's database, and the job goes on.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from fieldingkit.airflow.one_event import OneEventTrigger
from fieldingkit.airflow.sharing import Shared, shared
from fieldingkit.errors import JobError, JobFailedError
from fieldingkit.resources.batch_jobs import BatchResult

__all__ = ["FieldingJobTrigger", "FieldingJobsTrigger"]


class FieldingJobTrigger(OneEventTrigger):
    """Waits until a job has ended, for an operator of your own.

    ::

        job = client.submit(batch_jobs.PauseTargetGroups(...))
        self.defer(trigger=FieldingJobTrigger(job.token(), self.fielding_conn_id), method_name="resume")

    Its one event says how the job ended::

        {"job_id": "01K...", "status": "Completed", "updated": 98, "failed": 2, "error": None}

    ``updated`` and ``failed`` are None for a job that is not a batch. ``error`` says why the job cannot be followed any
    further; it is None if its end was seen. For the whole result, ``client.resume(token).status()``.

    Args:
        token: The job's token.
        fielding_conn_id: The id of the Airflow connection to read the job with.
    """

    def __init__(self, token: str, fielding_conn_id: str) -> None:
        super().__init__()
        self.token = token
        self.fielding_conn_id = fielding_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where it is found, and what it is made of: the token and the connection's id."""
        return (
            f"{__name__}.{type(self).__qualname__}",
            {"token": self.token, "fielding_conn_id": self.fielding_conn_id},
        )

    async def wait(self) -> dict[str, Any]:
        """Wait for the job, and say how it ended."""
        async with shared(self.fielding_conn_id) as ours:
            return await _end_of(ours, self.token)


class FieldingJobsTrigger(OneEventTrigger):
    """Waits until all of some jobs have ended. Its one event has those of ``FieldingJobTrigger`` as ``jobs``.

    Args:
        tokens: The jobs' tokens.
        fielding_conn_id: The id of the Airflow connection to read the jobs with.
    """

    def __init__(self, tokens: Sequence[str], fielding_conn_id: str) -> None:
        super().__init__()
        self.tokens: list[str] = list(tokens)
        self.fielding_conn_id = fielding_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where it is found, and what it is made of: the tokens and the connection's id."""
        return (
            f"{__name__}.{type(self).__qualname__}",
            {"tokens": self.tokens, "fielding_conn_id": self.fielding_conn_id},
        )

    async def wait(self) -> dict[str, Any]:
        """Wait for the jobs, and say how they ended."""
        async with shared(self.fielding_conn_id) as ours:
            return {"jobs": await asyncio.gather(*(_end_of(ours, token) for token in self.tokens))}


async def _end_of(ours: Shared, token: str) -> dict[str, Any]:
    """Wait until a job has ended, or cannot be followed any further."""
    job = ours.client.resume(token)
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
