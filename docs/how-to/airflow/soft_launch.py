"""Launch a draft with a soft launch, and wait until its field is closed; report it if the forecast is too late.

Run it with the ids of the draft as ``--conf '{"project_id": "01K...", "target_group_id": "01K..."}'``.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Param, dag, task

from fieldingkit.airflow import FieldingClosedSensor, FieldingForecastSensor, FieldingSoftLaunchOperator

TARGET_GROUP = {"project_id": "{{ params.project_id }}", "target_group_id": "{{ params.target_group_id }}"}


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    params={"project_id": Param(type="string"), "target_group_id": Param(type="string")},
    default_args={"pool": "fielding", "retries": 3, "retry_delay": timedelta(minutes=2), "deferrable": True},
)
def soft_launch() -> None:
    """Field a tenth of the goal, check it, and field the rest."""

    @task
    def report(late: dict[str, Any]) -> list[str]:
        """Return what the forecast says, and what to do; send it where your team reads it."""
        return [f"{one['name']}: {one['seen']}. To do: {one['action']}." for one in late["findings"]]

    launch = FieldingSoftLaunchOperator(
        task_id="launch",
        **TARGET_GROUP,
        until={"percent": 10, "max_hours": 48},
        check={"max_length_of_interview_minutes": 12, "max_drop_off_rate": 0.3, "min_conversion_rate": 0.1},
        poke_interval=60,
    )
    closed = FieldingClosedSensor(task_id="closed", **TARGET_GROUP, poke_interval=600, timeout=30 * 86_400)
    too_slow = FieldingForecastSensor(task_id="too_slow", **TARGET_GROUP, poke_interval=900, timeout=30 * 86_400)
    launch >> [closed, too_slow]
    report(too_slow.output)


soft_launch()
