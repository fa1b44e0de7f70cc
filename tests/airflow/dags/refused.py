"""A task that the API rejects in part, and that has retries."""

from typing import Any

import pendulum
from airflow.sdk import dag, task

from fieldingkit.airflow import FieldingBatchOperator, FieldingHook


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False)
def refused() -> None:
    """Pause all target groups, drafts included."""

    @task
    def everything() -> dict[str, Any]:
        """Return the first project and all of its target groups."""
        from fieldingkit import projects, target_groups

        with FieldingHook().client() as client:
            project = next(iter(client.iter_items(projects.ListProjects())))
            groups = client.iter_items(target_groups.ListTargetGroups(project_id=project.id))
            return {"project_id": project.id, "target_group_ids": [group.id for group in groups]}

    found = everything()
    FieldingBatchOperator(
        task_id="refused",
        action="pause",
        project_id=found["project_id"],
        target_group_ids=found["target_group_ids"],
        retries=2,
        retry_delay=1,
        deferrable=True,
    )


refused()
