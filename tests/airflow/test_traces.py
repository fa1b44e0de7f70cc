"""Tracing: requests on workers and triggerers belong to the trace of their task."""

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
    """Make a span current, as Airflow does around tasks and triggers."""
    parent = TraceContextTextMapPropagator().extract({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    token = context.attach(parent)
    yield
    context.detach(token)


def trace_ids(sandbox: Sandbox) -> list[str | None]:
    """Return the trace ids of the requests so far, except those for tokens."""
    found = [request.traceparent for request in sandbox.requests if "/oauth/" not in request.path]
    return [None if header is None else header.split("-")[1] for header in found]


@pytest.mark.usefixtures("_task_span")
def test_the_requests_of_a_task_belong_to_its_trace(connected: Sandbox) -> None:
    """Discovery, submission and result belong to the trace of the task."""
    project = connected.seed(live=1)
    task = FakeTask()
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    deferred = task.start(operator)
    assert isinstance(deferred, TaskDeferred)
    task.come_back(operator, deferred, {"jobs": []})
    assert len(trace_ids(connected)) >= 3
    assert set(trace_ids(connected)) == {TRACE}


@pytest.mark.usefixtures("_task_span")
def test_the_polls_of_a_trigger_belong_to_its_trace(connected: Sandbox) -> None:
    """The triggerer makes the span of the trigger current, and polls belong to it."""
    project = connected.seed(live=1)
    operator = FieldingSweepOperator(task_id="x", action="pause", query={"project_ids": [project.id]})
    deferred = FakeTask().start(operator)
    assert isinstance(deferred, TaskDeferred)
    connected.requests.clear()

    async def run() -> int:
        return len([event async for event in deferred.trigger.run()])

    assert asyncio.run(run()) == 1
    assert trace_ids(connected)
    assert set(trace_ids(connected)) == {TRACE}
