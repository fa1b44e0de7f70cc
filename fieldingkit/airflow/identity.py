"""The name of a task's work: the same for every try of the task, another for every other task and run. Pure."""

import hashlib
import json
from typing import Protocol

__all__ = ["TaskInstance", "reference", "run_name"]


class TaskInstance(Protocol):
    """What is needed of Airflow's task instance."""

    dag_id: str
    """The DAG's id."""
    run_id: str
    """The DAG run's id."""
    task_id: str
    """The task's id, with those of its task groups."""
    map_index: int | None
    """Which of the mapped tasks it is; -1 or None if it is not mapped."""


def run_name(ti: TaskInstance) -> str:
    """The run id of a task's sweep, from which the idempotency keys of its jobs follow.

    The number of the try has no part in it: a task that is tried again, or cleared, goes on with its own jobs. To do
    the same afresh, start a new DAG run.
    """
    parts = json.dumps(list(reference(ti).values()))
    return f"airflow-{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


def reference(ti: TaskInstance) -> dict[str, str | int]:
    """Which task it is, of which run: plain JSON, to find its result again."""
    index = -1 if ti.map_index is None else ti.map_index
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": index}
