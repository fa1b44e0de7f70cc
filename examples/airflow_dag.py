"""An Airflow DAG that pauses every live target group in the evening, and fails if one may still be live.

    python -m pip install "fieldingkit[airflow]" && airflow db migrate
    AIRFLOW__CORE__DAGS_FOLDER="$PWD/examples" python examples/airflow_dag.py

The second command runs the DAG once in this process. To schedule it, copy the file into the folder of DAGs. The account
comes from the connection `fieldingkit_default`. If AIRFLOW_CONN_FIELDINGKIT_DEFAULT is not set, the command uses a
sandbox.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import dag, task

from fieldingkit.airflow import FieldingSweepOperator


@dag(
    schedule="15 18 * * 1-5",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
)
def evening_pause() -> None:
    """Pause, and log what became of the target groups."""
    # The jobs are awaited without a worker. A task that is killed, cleared or retried creates no second job.
    pause = FieldingSweepOperator(task_id="pause", action="pause", query={"status": ["live"]})

    @task
    def summary(result: dict[str, Any]) -> None:
        """Log the number of target groups by outcome."""
        print(result["counts"])

    summary(pause.output)


evening = evening_pause()


def run_once() -> None:
    """Run the DAG in this process, with the connection of the environment or with a sandbox."""
    import json
    import os

    from fieldingkit.sandbox import Sandbox

    if "AIRFLOW_CONN_FIELDINGKIT_DEFAULT" in os.environ:
        evening.test()
        return
    print("AIRFLOW_CONN_FIELDINGKIT_DEFAULT is not set: a sandbox takes the place of the API.")
    with Sandbox() as sandbox:
        project = sandbox.seed(live=20, paused=2, draft=2)
        os.environ["AIRFLOW_CONN_FIELDINGKIT_DEFAULT"] = json.dumps(
            {
                "conn_type": "fieldingkit",
                "host": sandbox.url,
                "password": sandbox.token,
                "extra": {"account_id": str(sandbox.account_id)},
            }
        )
        evening.test()
        print(len(project.ids("paused")), "target groups are paused")


if __name__ == "__main__":
    run_once()
