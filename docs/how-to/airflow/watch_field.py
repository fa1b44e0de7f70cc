"""Every half hour, find target groups in trouble; the task fails when a trouble is new, and says what to do.

Airflow's own alerts (``on_failure_callback``, notifiers) work as usual. For a chat, name the connection of its webhook.
"""

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from fieldingkit.airflow import FieldingMonitorOperator


@dag(
    schedule="*/30 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "fielding", "retries": 2, "retry_delay": timedelta(minutes=2)},
)
def watch_field() -> None:
    """Apply the default rules to all target groups that are live or paused."""
    FieldingMonitorOperator(task_id="trouble", on_findings="fail_if_new")


watch_field()
