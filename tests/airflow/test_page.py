"""The Python blocks of the page on Airflow."""

import pendulum
import pytest
from airflow.sdk import DAG
from support.pages import Block, blocks

import fieldingkit.airflow

PAGE = "docs/how-to/airflow.md"
NAMES = {name: getattr(fieldingkit.airflow, name) for name in fieldingkit.airflow.__all__}


@pytest.mark.parametrize("block", [block for block in blocks(PAGE) if block.kind == "python"], ids=str)
def test_each_block_makes_tasks_of_a_dag(block: Block) -> None:
    """Airflow accepts their arguments."""
    with DAG("page", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        exec(block.code, {**NAMES, "project": "01BTGNYV6HRNK8K8VKZASZCFP0", "group": "01BTGNYV6HRNK8K8VKZASZCFP1"})
    assert dag.task_ids
