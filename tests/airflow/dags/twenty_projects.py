"""Tasks mapped over projects, and a batch with templated arguments."""

from typing import Any

import pendulum
from airflow.sdk import dag, task

from fieldingkit.airflow import (
    EnsureFieldingStatusOperator,
    FieldingBatchOperator,
    FieldingHook,
    FieldingStatusSensor,
    FieldingSweepOperator,
)


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    default_args={"deferrable": True},
)
def twenty_projects() -> None:
    """Pause each project, wait, resume one target group of each project, and pause two of those again."""

    @task
    def ids() -> list[str]:
        """List the projects."""
        from fieldingkit import projects

        with FieldingHook().client() as client:
            return [project.id for project in client.iter_items(projects.ListProjects(page_size=100))]

    @task
    def batches(details: Any) -> list[dict[str, Any]]:
        """Return one target group of each project, as the arguments of a batch."""
        found = [entry for each in details for entry in each["changed"]]
        return [
            {"project_id": entry["project_id"], "target_group_ids": entry["target_group_ids"][:1]} for entry in found
        ]

    @task
    def ones(details: Any) -> list[dict[str, Any]]:
        """Return the same target group of the first two projects."""
        found = [entry for each in list(details)[:2] for entry in each["changed"]]
        return [{"project_id": entry["project_id"], "target_group_id": entry["target_group_ids"][0]} for entry in found]

    @task
    def queries(project_ids: list[str]) -> list[dict[str, Any]]:
        """Return a query for each project."""
        return [{"project_ids": [id_]} for id_ in project_ids]

    found = queries(ids())
    pause = FieldingSweepOperator.partial(task_id="pause", action="pause", fail_on="never").expand(query=found)
    all_paused = FieldingStatusSensor.partial(task_id="all_paused", status="paused", poke_interval=1).expand(
        query=found
    )
    resume = FieldingBatchOperator.partial(task_id="resume", action="{{ 're' }}sume").expand_kwargs(
        batches(pause.output["details"])
    )
    one = EnsureFieldingStatusOperator.partial(task_id="one", status="paused").expand_kwargs(
        ones(pause.output["details"])
    )
    pause >> all_paused >> resume >> one


twenty_projects()
