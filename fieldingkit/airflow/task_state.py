"""The run id that follows from a task instance, and the task's state store."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from fieldingkit.errors import ConfigurationError

__all__ = ["StateStore", "TaskInstance", "run_id_for", "state_store", "task_reference"]


class TaskInstance(Protocol):
    """The attributes of Airflow's task instance that identify it."""

    dag_id: str
    """The DAG's id."""
    run_id: str
    """The DAG run's id."""
    task_id: str
    """The task's id, with the ids of its task groups."""
    map_index: int | None
    """The index of a mapped task; -1 or None if the task is not mapped."""


def run_id_for(ti: TaskInstance) -> str:
    """Return the run id of a task's sweep, from which the idempotency keys of its jobs are derived.

    The try number is not part of it: a task that is retried or cleared resumes its own jobs. A new DAG run starts new
    jobs.
    """
    parts = json.dumps(list(task_reference(ti).values()))
    return f"airflow-{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


def task_reference(ti: TaskInstance) -> dict[str, str | int]:
    """Return the ids of a task instance as plain JSON, by which its result is found in XCom."""
    index = -1 if ti.map_index is None else ti.map_index
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": index}


class StateStore(Protocol):
    """The methods of ``context["task_state_store"]`` that the checkpoint uses."""

    def get(self, key: str) -> Any:
        """Return the value of a key; None if there is none."""
        ...

    def set(self, key: str, value: Any) -> object:
        """Write a value of plain JSON: lists, not tuples."""
        ...


def state_store(context: Mapping[str, Any]) -> StateStore:
    """Return the state store of a task.

    Args:
        context: The task's context.

    Raises:
        ConfigurationError: if it has none, because Airflow is too old.
    """
    store: StateStore | None = context.get("task_state_store")
    if store is None:
        raise ConfigurationError(
            "this task has no state store, in which its progress is saved: use Airflow 3.3 or newer; nothing was sent"
        )
    return store
