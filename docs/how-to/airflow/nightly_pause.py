"""At night, pause every live target group of every active project, in one mapped task for every ten projects.

The asset ``fielding-paused-for-the-night`` records the tasks that changed something, for the morning.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Asset, dag, task

from fieldingkit.airflow import FieldingHook, FieldingSweepOperator, total

PROJECTS_PER_TASK = 10
PAUSED = Asset("fielding-paused-for-the-night")


@dag(
    schedule="0 22 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "fielding", "retries": 3, "retry_delay": timedelta(minutes=2), "deferrable": True},
)
def nightly_pause() -> None:
    """Find the projects, pause their target groups, and record the tasks that changed something."""

    @task
    def live_groups() -> list[dict[str, Any]]:
        """Return a query for every ten active projects."""
        from fieldingkit import projects  # here, so that parsing the DAG stays fast

        with FieldingHook().client() as client:
            active = [
                project.id for project in client.iter_items(projects.ListProjects(status="active", page_size=100))
            ]
        return [
            {"project_ids": active[start : start + PROJECTS_PER_TASK], "status": ["live"]}
            for start in range(0, len(active), PROJECTS_PER_TASK)
        ]

    @task(outlets=[PAUSED], trigger_rule="all_done")
    def record(results: Any, *, outlet_events: Any) -> list[dict[str, Any]]:
        """Return the tasks that changed something, and add the totals to the asset event."""
        found = list(results)
        outlet_events[PAUSED].extra = total(found)
        return [result["task"] for result in found if result["changed"]]

    @task
    def all_paused() -> None:
        """Do nothing: this task runs, and the DAG run succeeds, only if every project was paused."""

    pause = FieldingSweepOperator.partial(task_id="pause", action="pause").expand(query=live_groups())
    record(pause.output)
    pause >> all_paused()


nightly_pause()
