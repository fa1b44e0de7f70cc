"""A soft launch whose first try is killed right after the launch."""

import os
import signal
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, Context, Param

from fieldingkit.airflow import FieldingSoftLaunchOperator


class KilledOnce(FieldingSoftLaunchOperator):
    """Dies when the draft is launched, but only once."""

    def execute(self, context: Context) -> Any:
        """Launch, or die."""
        from fieldingkit.monitoring.soft_launches import workflow

        marker = Path(os.environ["AIRFLOW_HOME"]) / "killed_soft_launch"
        launch = workflow.launch

        async def launch_and_die(*args: Any, **kwargs: Any) -> Any:
            await launch(*args, **kwargs)
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        if not marker.exists():
            workflow.launch = launch_and_die
        return super().execute(context)


with DAG(
    "killed_soft_launch",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    params={"project_id": Param(type="string"), "target_group_id": Param(type="string")},
):
    KilledOnce(
        task_id="launch",
        project_id="{{ params.project_id }}",
        target_group_id="{{ params.target_group_id }}",
        until={"percent": 10},
        check={"min_conversion_rate": 0.1},
        poke_interval=1,
        retries=3,
        retry_delay=1,
        deferrable=True,
    )
