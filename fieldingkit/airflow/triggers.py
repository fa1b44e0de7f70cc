"""The triggers that wait for jobs: on the triggerer's own event loop, from tokens that hold no secret.

A trigger only reads. Two triggerers that hold the same one do no harm, and one that dies loses nothing: the token is
in Airflow's database, and the job goes on.
"""

import abc
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import attrs
from airflow.triggers.base import BaseTrigger, TriggerEvent

from fieldingkit.airflow.client_pool import Shared, shared
from fieldingkit.airflow.params import as_mapping, fleet_query
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, InvalidCommandError, JobError, JobFailedError, TransportError
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = [
    "FieldingJobTrigger",
    "FieldingJobsTrigger",
    "FieldingStatusTrigger",
    "Goal",
    "Look",
    "SingleEventTrigger",
    "look",
]


_MIN_DELAY = 10.0
"""Seconds that the scheduler gets to hear that the task has left its worker.

Airflow 3.3 takes that news for the end of the task if the task has come back by then, and fails it
(https://github.com/apache/airflow/issues/72716). What can be seen earlier is of no use, so nothing is asked for either.
"""


class SingleEventTrigger(BaseTrigger, abc.ABC):
    """Waits for something, and then fires once."""

    @abc.abstractmethod
    async def wait(self) -> Any:
        """Wait, and give what the event is to say."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait a while in any case, then for what it is about, and tell."""
        if self.trigger_id is not None:  # otherwise it is run in line, as by ``airflow dags test``
            await asyncio.sleep(_MIN_DELAY)
        yield TriggerEvent(await self.wait())


@attrs.frozen(kw_only=True)
class Goal:
    """Which target groups are to reach which status: one target group, or all of a query."""

    status: TargetGroupStatus = attrs.field(converter=TargetGroupStatus)
    """The status."""
    account_id: str | int | None = None
    """The account's number; the client's own if left out."""
    project_id: str | None = None
    """The project's ULID, if it is one target group."""
    target_group_id: str | None = None
    """The target group's ULID, if it is one."""
    query: Mapping[str, Any] | None = None
    """The fields of a ``TargetGroupQuery``, if it is a query; not its ``status``, which is what is waited for."""

    def __attrs_post_init__(self) -> None:
        if (self.project_id is None) != (self.target_group_id is None) or (
            (self.target_group_id is None) == (self.query is None)
        ):
            raise InvalidCommandError("give a project_id and a target_group_id, or a query", field="query")
        if not self.status.known:
            raise InvalidCommandError(f"there is no status {self.status[:40]!r}", field="status")
        if self.query is not None:
            if "status" in as_mapping("query", self.query):
                raise InvalidCommandError("a query for all of its target groups cannot choose by status", field="query")
            fleet_query(self.query)

    def fields(self) -> dict[str, Any]:
        """The goal as plain JSON."""
        return {**attrs.asdict(self), "status": self.status.value}


class Look(NamedTuple):
    """What a look showed."""

    reached: bool
    """Whether all are there."""
    seen: int
    """How many were looked at: one that is not there yet ends the look."""


async def look(client: AsyncClient, goal: Goal) -> Look:
    """Look whether a goal is reached. A query that finds nothing has reached nothing.

    Args:
        client: The client to use.
        goal: What is to be reached.

    Raises:
        FieldingKitError: if it cannot be read.
    """
    if goal.query is None:
        return await _look_at_one(client, goal)
    query = fleet_query(goal.query)
    seen = 0
    for project_id in await _projects(client, goal, query):
        async for group in client.iter_items(query.target_groups(goal.account_id, project_id)):
            seen += 1
            if group.status != goal.status:
                return Look(reached=False, seen=seen)
    return Look(reached=seen > 0, seen=seen)


async def _look_at_one(client: AsyncClient, goal: Goal) -> Look:
    runs = await client.send(
        ListFieldingRuns(
            account_id=goal.account_id,
            project_id=cast("str", goal.project_id),
            target_group_id=cast("str", goal.target_group_id),
        )
    )
    status = runs.data[0].status.value if runs.data else TargetGroupStatus.DRAFT
    return Look(reached=status == goal.status, seen=1)


async def _projects(client: AsyncClient, goal: Goal, query: TargetGroupQuery) -> list[str]:
    if query.project_ids is not None:
        return list(query.project_ids)
    return [project.id async for project in client.iter_items(query.projects(goal.account_id))]


class FieldingJobTrigger(SingleEventTrigger):
    """Waits until a job has ended, for an operator of your own.

    ::

        job = client.submit(batch_jobs.PauseTargetGroups(...))
        self.defer(trigger=FieldingJobTrigger(job.token(), self.fielding_conn_id), method_name="resume")

    Its one event says how the job ended::

        {"job_id": "01K...", "status": "Completed", "updated": 98, "failed": 2, "error": None}

    ``updated`` and ``failed`` are None for a job that is not a batch. ``error`` says why the job cannot be followed any
    further; it is None if its end was seen. For the whole result, ``client.job(token).status()``.

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


class FieldingJobsTrigger(SingleEventTrigger):
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
    job = ours.client.job(token)
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


class FieldingStatusTrigger(SingleEventTrigger):
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
