"""In the morning, resume exactly what the night's pause has paused: one mapped task for each of that night.

What people had paused themselves stays paused.
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
    default_args={"pool": "fielding", "retries": 3, "retry_delay": timedelta(minutes=2)},
)
def morning_resume() -> None:
    """Look up what was paused, and resume it."""

    @task(inlets=[PAUSED])
    def last_night(*, inlet_events: Any) -> list[dict[str, Any]]:
        """Which tasks have paused something since yesterday; an older night's are not ours to take back.

        Every run of the night counts: a second one has found paused what the first had paused, and changed nothing.
        """
        since = pendulum.now("UTC") - timedelta(hours=20)
        nights = list(inlet_events[PAUSED].after(since.isoformat()))
        if not nights:
            raise LookupError("the night's pause has not ended: there is nothing to go by yet")
        told = [paused for night in nights for paused in night.source_task_instance.xcom_pull()]
        return [paused for place, paused in enumerate(told) if paused not in told[:place]]

    FieldingSweepOperator.partial(task_id="resume", action="resume").expand(changed_by=last_night())


morning_resume()
