"""A sensor that waits on the triggerer until the field of a project is closed."""

import pendulum
from airflow.sdk import DAG, Param

from fieldingkit.airflow import FieldingClosedSensor

with DAG(
    "closed_field",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    params={"project_id": Param(type="string")},
):
    FieldingClosedSensor(
        task_id="closed",
        query={"project_ids": ["{{ params.project_id }}"]},
        poke_interval=1,
        timeout=3600,
        retries=3,
        retry_delay=1,
        deferrable=True,
    )
