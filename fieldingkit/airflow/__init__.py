"""An Airflow provider: scheduled fielding actions (extra ``airflow``; Airflow 3.3 or newer).

::

    from fieldingkit.airflow import FieldingSweepOperator

    pause = FieldingSweepOperator(task_id="pause", action="pause", query={"project_ids": [...], "status": ["live"]})

A task submits its batch jobs, passes their tokens to the triggerer and frees its worker; it resumes when the jobs have
ended. Its progress is kept in Airflow's task state store, and the idempotency keys of its jobs are derived from the
task and the DAG run: a retry of a killed task finds the jobs of the first try. Names are loaded on first use.
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
