"""What an operator is given by Airflow's task runner, in memory: for tests of one operator in one process."""

import json
from typing import Any
from uuid import UUID

import attrs
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.execution_time.comms import SetTaskStateStore

from fieldingkit.sandbox import Sandbox


class MemoryStore(dict[str, Any]):
    """A task state store: like Airflow's it takes JSON and nothing that only looks like it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        body = SetTaskStateStore(ti_id=UUID(int=0), key=key, value=value, expires_at=None)
        self.writes += 1
        self[key] = json.loads(body.model_dump_json())["value"]


@attrs.define(kw_only=True)
class FakeTask:
    """A task instance of a DAG run, with what Airflow keeps for it between its tries."""

    dag_id: str = "nightly"
    run_id: str = "scheduled__2026-01-01"
    task_id: str = "pause"
    map_index: int | None = None
    store: MemoryStore = attrs.field(factory=MemoryStore)
    pushed: dict[str, Any] = attrs.field(factory=dict)
    elsewhere: dict[tuple[Any, ...], Any] = attrs.field(factory=dict)
    outlet_events: dict[Any, Any] = attrs.field(factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep an XCom."""
        self.pushed[key] = value

    def xcom_pull(self, *, task_ids: str, dag_id: str, run_id: str, map_indexes: int) -> Any:
        """The XCom of another task."""
        return self.elsewhere.get((dag_id, run_id, task_ids, map_indexes))

    def context(self, operator: BaseOperator) -> Any:
        """The context of a try."""
        return {
            "ti": self,
            "task_state_store": self.store,
            "outlets": operator.outlets,
            "outlet_events": self.outlet_events,
        }

    def start(self, operator: BaseOperator) -> Any:
        """Begin a try: its result, or the deferral that it ends with."""
        try:
            return operator.execute(self.context(operator))
        except TaskDeferred as deferred:
            return deferred

    def come_back(self, operator: BaseOperator, deferred: TaskDeferred, event: Any) -> Any:
        """Go on with a try after its trigger's event."""
        kwargs = {**(deferred.kwargs or {}), "event": event}
        try:
            return operator.resume_execution(deferred.method_name, kwargs, self.context(operator))
        except TaskDeferred as again:
            return again


def carry(task: FakeTask, operator: BaseOperator) -> Any:
    """A try from beginning to end: as often as it defers, its trigger is said to have seen the end."""
    outcome = task.start(operator)
    while isinstance(outcome, TaskDeferred):
        outcome = task.come_back(operator, outcome, {"jobs": []})
    return outcome


def posts(sandbox: Sandbox) -> list[str]:
    """The keys of the requests that create jobs, in order."""
    return [
        request.headers["Idempotency-Key"]
        for request in sandbox.requests
        if request.operation_id is not None and request.operation_id.startswith("create_bulk")
    ]
