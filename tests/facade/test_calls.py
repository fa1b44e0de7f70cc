"""Calls of the blocking client: context, results, errors and jobs."""

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.scripts import WaitUntil

from fieldingkit import (
    AsyncClient,
    AsyncFulfillmentClient,
    Client,
    FulfillmentClient,
    Job,
    PollPolicy,
    batch_jobs,
    fielding_runs,
)
from fieldingkit.errors import FieldingKitError, JobTimeoutError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.portal import Portal
from fieldingkit.sandbox import Sandbox, faults

number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)


async def tasks(client: AsyncClient) -> int:
    """Return the number of other tasks in the loop."""
    del client
    return len(asyncio.all_tasks()) - 1


SCHEDULING = {
    "clock",
    "closed_error",
    "earliest_poll_at",
    "latest_poll_at",
    "next_poll_at",
    "nudge",
    "raise_again",
    "resume_note",
    "settled",
}


@pytest.mark.parametrize(
    ("blocking", "asynchronous", "without"),
    [
        (Client, AsyncClient, {"aclose", "clock"}),
        (FulfillmentClient, AsyncFulfillmentClient, {"aclose", "clock"}),
        (Job, AsyncJob, SCHEDULING),
    ],
)
def test_blocking_classes_offer_every_public_name_of_the_async_ones(
    blocking: type, asynchronous: type, without: set[str]
) -> None:
    """The blocking classes have every public name of the async ones, except those that only an event loop needs."""
    missing = set(dir(asynchronous)) - set(dir(blocking))
    assert {name for name in missing if not name.startswith("_")} == without


def test_rate_limiter_is_readable_from_any_thread(sandbox: Sandbox, read: fielding_runs.ListFieldingRuns) -> None:
    """The rate limiter can be read outside the loop, also before the first call."""
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options, rate=0.001) as client:
        assert (client.rate_limiter.rate, client.rate_limiter.waiting, client.rate_limiter.delay) == (0.001, 0, 0.0)
        client.send(read)
        assert (client.rate_limiter.rate, client.rate_limiter.waiting) == (0.001, 0)
        assert 0 < client.rate_limiter.delay <= 1000.0


def test_job_knows_its_creation_and_its_end(blocking_client: Client, pause: batch_jobs.PauseTargetGroups) -> None:
    """A job knows when it was created and whether it has ended."""
    before = time.time()
    job = blocking_client.submit(pause)
    assert before - 1.0 < job.created_at < time.time() + 1.0
    assert not job.ended
    job.wait()
    assert job.ended


def test_context_variables_reach_the_coroutine_and_never_leak_back(blocking_client: Client) -> None:
    """A coroutine sees the context variables of its caller, and the caller never sees those of the coroutine."""

    async def work(client: AsyncClient) -> int:
        seen = number.get()
        number.set(-1)
        await asyncio.sleep(0)
        return seen

    def call(value: int) -> tuple[int, int]:
        number.set(value)
        return blocking_client.call(work), number.get()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(1, 33))) == [(value, value) for value in range(1, 33)]
    assert blocking_client.call(work) == 0


def test_current_span_is_the_parent_of_the_call(sandbox: Sandbox, read: fielding_runs.ListFieldingRuns) -> None:
    """The span that is current in the calling thread is the parent of the call, and stays current."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("the application")
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}

    def call(name: str) -> None:
        with tracer.start_as_current_span(name) as span:
            client.send(read)
            assert trace.get_current_span() is span
        assert not trace.get_current_span().get_span_context().is_valid

    with Client(**options, tracer_provider=provider) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(call, ["one", "two", "three", "four"]))
    spans = exporter.get_finished_spans()
    own = {span.context.span_id: span for span in spans if span.name in {"one", "two", "three", "four"}}
    calls = [span for span in spans if span.name.startswith("fieldingkit ")]
    assert len(calls) == len(own) == 4
    assert {span.parent.span_id for span in calls if span.parent} == set(own)
    assert {request.traceparent.split("-")[1] for request in sandbox.requests if request.traceparent} == {
        f"{span.context.trace_id:032x}" for span in own.values()
    }


class LoopResource:
    """A resource without connections."""

    async def aclose(self) -> None:
        """Close nothing."""

    def reopen(self) -> None:
        """Reopen nothing."""


def test_loop_thread_does_not_keep_the_context_of_its_first_caller() -> None:
    """The thread starts with an empty context, so that nothing of the first caller stays alive."""

    class Span:
        pass

    current: contextvars.ContextVar[object] = contextvars.ContextVar("current")

    async def work() -> object:
        return type(current.get())

    portal = Portal(LoopResource())
    span = Span()
    kept = weakref.ref(span)
    token = current.set(span)
    assert portal.call(work) is Span
    current.reset(token)
    del span, token
    gc.collect()
    assert kept() is None
    portal.close()


def test_coroutine_that_cancels_itself_raises_a_fieldingkit_error(blocking_client: Client) -> None:
    """A coroutine that is cancelled in the loop raises FieldingKitError, not CancelledError."""

    async def work(client: AsyncClient) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    with pytest.raises(FieldingKitError, match="cancelled") as caught:
        blocking_client.call(work)
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


@pytest.mark.parametrize("wrong", [lambda client: 3, print, len, 3, None])
def test_call_refuses_what_is_not_a_coroutine_function(blocking_client: Client, wrong: Any) -> None:
    """``call`` with anything but a coroutine function is a TypeError, and the client remains usable."""
    with pytest.raises(TypeError):
        blocking_client.call(wrong)
    assert blocking_client.call(tasks) == 0


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_exit_exceptions_reach_the_caller_and_keep_the_loop_running(
    blocking_client: Client, end: type[BaseException]
) -> None:
    """SystemExit and KeyboardInterrupt in a coroutine or its tasks reach the caller, and the loop keeps running."""

    async def leave() -> None:
        raise end("enough")

    async def work(client: AsyncClient, *, in_a_task: bool) -> None:
        await (asyncio.create_task(leave()) if in_a_task else leave())

    for in_a_task in (False, True):
        with pytest.raises(end, match="enough"):
            blocking_client.call(work, in_a_task=in_a_task)
        assert blocking_client.call(tasks) == 0


def test_raised_errors_leave_no_reference_cycle(blocking_client: Client) -> None:
    """An error keeps its traceback and is freed without the garbage collector."""

    class BrokenError(Exception):
        pass

    async def work(client: AsyncClient) -> None:
        raise BrokenError

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(BrokenError) as caught:
            blocking_client.call(work)
        assert [entry.name for entry in caught.traceback][-1] == "work"
        kept = weakref.ref(caught.value)
        del caught
        assert kept() is None
    finally:
        gc.enable()


def test_job_timeout_leaves_no_task_and_carries_a_blocking_job(
    sandbox: Sandbox,
    pause: batch_jobs.PauseTargetGroups,
    read: fielding_runs.ListFieldingRuns,
    wait_until: WaitUntil,
) -> None:
    """A job timeout leaves no task in the loop, and its error carries the blocking job."""
    sandbox.clock.freeze()
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options, poll=PollPolicy(min_interval=0.05, max_interval=0.05)) as client:
        for wait in (lambda: client.run(pause, timeout=0.2), lambda: client.submit(pause).wait(0.2)):
            with pytest.raises(JobTimeoutError) as caught:
                wait()
            wait_until(lambda: client.call(tasks) == 0)  # a poll in flight ends by itself
        asked = len(sandbox.requests)
        time.sleep(0.3)
        assert len(sandbox.requests) == asked
        job = caught.value.job
        assert isinstance(job, Job)
        sandbox.clock.advance(1)
        assert job.wait().ok is True
        assert client.send(read).data


def test_leaving_a_watch_ends_its_polling(
    sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups, wait_until: WaitUntil
) -> None:
    """Leaving a watch early leaves no task, and no poll follows."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options, poll=PollPolicy(min_interval=0.05, max_interval=0.05)) as client:
        for event in client.submit(pause).watch():
            if event.polls == 3:
                break
        wait_until(lambda: client.call(tasks) == 0)
        asked = len(sandbox.requests)
        time.sleep(0.3)
        assert len(sandbox.requests) == asked


def test_watch_may_be_dropped_after_the_client_was_closed(
    sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups
) -> None:
    """Dropping a watch after its client was closed raises no warning."""
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options) as client:
        watch = client.submit(pause).watch()
        next(watch)
    del watch
    gc.collect()
    assert "fieldingkit" not in {thread.name for thread in threading.enumerate()}
