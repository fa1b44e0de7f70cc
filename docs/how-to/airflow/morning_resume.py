"""In the morning, resume exactly the target groups that the night's pause changed, one mapped task for each night task.

Target groups that people paused themselves stay paused.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Asset, dag, task

from fieldingkit.airflow import FieldingSweepOperator

PAUSED = Asset("fielding-paused-for-the-night")


@dag(
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "fielding", "retries": 3, "retry_delay": timedelta(minutes=2), "deferrable": True},
)
def morning_resume() -> None:
    """Find the tasks that paused target groups, and resume those target groups."""

    @task(inlets=[PAUSED])
    def last_night(*, inlet_events: Any) -> list[dict[str, Any]]:
        """Return the tasks that changed something since yesterday evening, and ignore older nights.

        Every run of the night counts, because a second run finds the target groups paused and changes nothing.
        """
        since = pendulum.now("UTC") - timedelta(hours=20)
        nights = list(inlet_events[PAUSED].after(since.isoformat()))
        if not nights:
            raise LookupError("the pause of last night has not finished yet")
        tasks = [paused for night in nights for paused in night.source_task_instance.xcom_pull()]
        return [paused for position, paused in enumerate(tasks) if paused not in tasks[:position]]

    FieldingSweepOperator.partial(task_id="resume", action="resume").expand(changed_by=last_night())


morning_resume()
