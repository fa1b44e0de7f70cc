"""A task that waits on the triggerer."""

import pendulum
from airflow.sdk import DAG

from fieldingkit.airflow import FieldingSweepOperator

with DAG("waiting", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False):
    FieldingSweepOperator(
        task_id="pause", action="pause", query={"status": ["live"]}, retries=3, retry_delay=1, deferrable=True
    )
