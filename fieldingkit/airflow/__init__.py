"""An Airflow provider: scheduled fielding actions (extra ``airflow``; Airflow 3.3 or newer).

::

    from fieldingkit.airflow import FieldingSweepOperator

    pause = FieldingSweepOperator(task_id="pause", action="pause", query={"project_ids": [...], "status": ["live"]})

A task submits its batch jobs, passes their tokens to the triggerer and frees its worker; it resumes when the jobs have
ended. Its progress is kept in Airflow's task state store, and the idempotency keys of its jobs are derived from the
task and the DAG run: a retry of a killed task finds the jobs of the first try. Names are loaded on first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldingkit.airflow.hooks import FieldingHook as FieldingHook
    from fieldingkit.airflow.monitors import FieldingMonitorOperator as FieldingMonitorOperator
    from fieldingkit.airflow.operators import EnsureFieldingStatusOperator as EnsureFieldingStatusOperator
    from fieldingkit.airflow.operators import FieldingBatchOperator as FieldingBatchOperator
    from fieldingkit.airflow.operators import FieldingSweepOperator as FieldingSweepOperator
    from fieldingkit.airflow.reports import FieldingReportOperator as FieldingReportOperator
    from fieldingkit.airflow.results import total as total
    from fieldingkit.airflow.sensors import FieldingClosedSensor as FieldingClosedSensor
    from fieldingkit.airflow.sensors import FieldingForecastSensor as FieldingForecastSensor
    from fieldingkit.airflow.sensors import FieldingStatusSensor as FieldingStatusSensor
    from fieldingkit.airflow.soft_launches import FieldingSoftLaunchOperator as FieldingSoftLaunchOperator
    from fieldingkit.airflow.triggers import FieldingJobsTrigger as FieldingJobsTrigger
    from fieldingkit.airflow.triggers import FieldingJobTrigger as FieldingJobTrigger
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit.airflow.hooks": "FieldingHook",
            "fieldingkit.airflow.monitors": "FieldingMonitorOperator",
            "fieldingkit.airflow.operators": "EnsureFieldingStatusOperator FieldingBatchOperator FieldingSweepOperator",
            "fieldingkit.airflow.reports": "FieldingReportOperator",
            "fieldingkit.airflow.results": "total",
            "fieldingkit.airflow.sensors": "FieldingClosedSensor FieldingForecastSensor FieldingStatusSensor",
            "fieldingkit.airflow.soft_launches": "FieldingSoftLaunchOperator",
            "fieldingkit.airflow.triggers": "FieldingJobTrigger FieldingJobsTrigger",
        },
    )
