"""In the morning, resume exactly what the night's pause has paused: one mapped task for each of that night.

What people had paused themselves stays paused.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Asset, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from fieldingkit.airflow import FieldingSweepOperator

PAUSED = Asset("fielding-paused-for-the-night")


@dag(
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "fielding", "retries": 3, "retry_delay": timedelta(minutes=2)},
)
def morning_resume() -> None:
    """Look up what was paused, and resume it."""

    @task(inlets=[PAUSED])
    def last_night(*, inlet_events: Any) -> list[dict[str, Any]]:
        """Which tasks of the last night have paused something; an older night's are not ours to take back."""
        since = pendulum.now("UTC") - timedelta(hours=20)
        nights = inlet_events[PAUSED].after(since.isoformat()).ascending(False).limit(1)
        if not nights:
            raise AirflowSkipException("nothing was paused last night")
        return nights[0].source_task_instance.xcom_pull()

    FieldingSweepOperator.partial(task_id="resume", action="resume").expand(changed_by=last_night())


morning_resume()
