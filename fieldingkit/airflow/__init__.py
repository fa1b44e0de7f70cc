"""An Airflow provider: fielding on a schedule, on many machines (extra ``airflow``; Airflow 3.3 or newer).

::

    from fieldingkit.airflow import FieldingSweepOperator

    pause = FieldingSweepOperator(task_id="pause", action="pause", query={"project_ids": [...], "status": ["live"]})

A task submits its batch jobs, hands their tokens to the triggerer, and leaves its worker; when the jobs have ended it
comes back for the result. What it has done is kept in Airflow's own task state store, and the keys of its jobs follow
from the task and the run: a task that was killed and is tried again finds the jobs of its first try. Names are loaded
when they are first touched.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldingkit.airflow.hooks import FieldingHook as FieldingHook
    from fieldingkit.airflow.operators import EnsureFieldingStatusOperator as EnsureFieldingStatusOperator
    from fieldingkit.airflow.operators import FieldingBatchOperator as FieldingBatchOperator
    from fieldingkit.airflow.operators import FieldingSweepOperator as FieldingSweepOperator
    from fieldingkit.airflow.results import total as total
    from fieldingkit.airflow.sensors import FieldingStatusSensor as FieldingStatusSensor
    from fieldingkit.airflow.triggers import FieldingJobsTrigger as FieldingJobsTrigger
    from fieldingkit.airflow.triggers import FieldingJobTrigger as FieldingJobTrigger

__all__ = [
    "EnsureFieldingStatusOperator",
    "FieldingBatchOperator",
    "FieldingHook",
    "FieldingJobTrigger",
    "FieldingJobsTrigger",
    "FieldingStatusSensor",
    "FieldingSweepOperator",
    "total",
]

_LAZY_ATTRIBUTES = {
    "EnsureFieldingStatusOperator": "fieldingkit.airflow.operators",
    "FieldingBatchOperator": "fieldingkit.airflow.operators",
    "FieldingHook": "fieldingkit.airflow.hooks",
    "FieldingJobTrigger": "fieldingkit.airflow.triggers",
    "FieldingJobsTrigger": "fieldingkit.airflow.triggers",
    "FieldingStatusSensor": "fieldingkit.airflow.sensors",
    "FieldingSweepOperator": "fieldingkit.airflow.operators",
    "total": "fieldingkit.airflow.results",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY_ATTRIBUTES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY_ATTRIBUTES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
