"""A task whose first try is killed after its POST and before it saves the answer."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import DAG, Context

from fieldingkit.airflow import FieldingSweepOperator

if TYPE_CHECKING:
    from fieldingkit.airflow.checkpoint import TaskStateCheckpoint
    from fieldingkit.sweeps.chunks import Chunk


class KilledOnce(FieldingSweepOperator):
    """Dies when its first job is accepted, but only once."""

    def execute(self, context: Context) -> Any:
        """Sweep, or die."""
        from fieldingkit.airflow.checkpoint import TaskStateCheckpoint

        marker = Path(os.environ["AIRFLOW_HOME"]) / "killed"
        save = TaskStateCheckpoint.save

        async def save_or_die(checkpoint: "TaskStateCheckpoint", chunk: "Chunk", *args: Any, **kwargs: Any) -> None:
            if chunk.token is not None:
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            await save(checkpoint, chunk, *args, **kwargs)

        if not marker.exists():
            TaskStateCheckpoint.save = save_or_die
        return super().execute(context)


with DAG("killed", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False):
    KilledOnce(
        task_id="pause",
        action="pause",
        query="{{ {'status': ['live']} }}",
        retries=3,
        retry_delay=1,
        deferrable=True,
        render_template_as_native_obj=True,
    )
