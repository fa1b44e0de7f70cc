"""An in-memory task instance, for tests of one operator in one process."""

import json
from typing import Any
from uuid import UUID

import attrs
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.execution_time.comms import SetTaskStateStore

from fieldingkit.sandbox import Sandbox


class MemoryStore(dict[str, Any]):
    """A task state store that accepts exactly the JSON values that Airflow's own store accepts."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def set(self, key: str, value: Any) -> None:
        """Store a value."""
        body = SetTaskStateStore(ti_id=UUID(int=0), key=key, value=value, expires_at=None)
        self.writes += 1
        self[key] = json.loads(body.model_dump_json())["value"]


@attrs.define(kw_only=True)
class FakeTask:
    """A task instance of a DAG run, with the data that Airflow keeps between its tries."""

    dag_id: str = "nightly"
    run_id: str = "scheduled__2026-01-01"
    task_id: str = "pause"
    map_index: int | None = None
    store: MemoryStore = attrs.field(factory=MemoryStore)
    pushed: dict[str, Any] = attrs.field(factory=dict)
    elsewhere: dict[tuple[Any, ...], "FakeTask"] = attrs.field(factory=dict)
    outlet_events: dict[Any, Any] = attrs.field(factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Store an XCom as JSON."""
        self.pushed[key] = json.loads(json.dumps(value))

    def xcom_pull(self, *, key: str, task_ids: str, dag_id: str, run_id: str, map_indexes: int) -> Any:
        """Return the XCom of another task."""
        other = self.elsewhere.get((dag_id, run_id, task_ids, map_indexes))
        return None if other is None else other.pushed.get(key)

    def context(self, operator: BaseOperator) -> Any:
        """Return the context of a try."""
        return {
            "ti": self,
            "task_state_store": self.store,
            "outlets": operator.outlets,
            "outlet_events": self.outlet_events,
        }

    def start(self, operator: BaseOperator) -> Any:
        """Start a try, and return its result or its deferral."""
        try:
            return operator.execute(self.context(operator))
        except TaskDeferred as deferred:
            return deferred

    def come_back(self, operator: BaseOperator, deferred: TaskDeferred, event: Any) -> Any:
        """Resume a try with the event of its trigger."""
        kwargs = {**(deferred.kwargs or {}), "event": event}
        try:
            return operator.resume_execution(deferred.method_name, kwargs, self.context(operator))
        except TaskDeferred as again:
            return again


def run_task(task: FakeTask, operator: BaseOperator) -> Any:
    """Run a try to its end; whenever it defers, its trigger reports the end of the jobs at once."""
    outcome = task.start(operator)
    while isinstance(outcome, TaskDeferred):
        outcome = task.come_back(operator, outcome, {"jobs": []})
    return outcome


def posts(sandbox: Sandbox) -> list[str]:
    """Return the keys of the requests that created jobs, in order."""
    return [
        request.headers["Idempotency-Key"]
        for request in sandbox.requests
        if request.operation_id is not None and request.operation_id.startswith("create_bulk")
    ]
