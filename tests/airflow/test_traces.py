"""The task's trace goes on in the calls that it makes, on the worker and on the triggerer."""

import asyncio
from collections.abc import Iterator

import pytest
from airflow.sdk.exceptions import TaskDeferred
from opentelemetry import context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from support.fake_task import FakeTask

from fieldingkit.airflow import FieldingSweepOperator
from fieldingkit.sandbox import Sandbox

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def _task_span() -> Iterator[None]:
    """What Airflow makes current around a task and around a trigger: the span that the DAG run's carrier names."""
    parent = TraceContextTextMapPropagator().extract({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    token = context.attach(parent)
    yield
    context.detach(token)


def calls(sandbox: Sandbox) -> list[str | None]:
    """The trace ids of the calls so far, but for the token's."""
    found = [request.traceparent for request in sandbox.requests if "/oauth/" not in request.path]
    return [None if header is None else header.split("-")[1] for header in found]


@pytest.mark.usefixtures("_task_span")
def test_the_calls_of_a_task_belong_to_its_trace(connected: Sandbox) -> None:
    """The lookup, the job and the result."""
    project = connected.seed(live=1)
    task = FakeTask()
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    deferred = task.start(operator)
    assert isinstance(deferred, TaskDeferred)
    task.come_back(operator, deferred, {"jobs": []})
    assert len(calls(connected)) >= 3
    assert set(calls(connected)) == {TRACE}


@pytest.mark.usefixtures("_task_span")
def test_the_looks_of_a_trigger_belong_to_its_trace(connected: Sandbox) -> None:
    """The triggerer makes the trigger's span current while it runs; our looks are part of it."""
    project = connected.seed(live=1)
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    deferred = FakeTask().start(operator)
    assert isinstance(deferred, TaskDeferred)
    connected.requests.clear()

    async def run() -> int:
        return len([event async for event in deferred.trigger.run()])

    assert asyncio.run(run()) == 1
    assert calls(connected)
    assert set(calls(connected)) == {TRACE}
