"""What goes into the loop with a call, and what comes back."""

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.scripts import Eventually

from fieldingkit import AsyncClient, Client, Job, PollPolicy, batch_jobs, fielding_runs
from fieldingkit.errors import FieldingKitError, JobTimeoutError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.portal import Portal
from fieldingkit.sandbox import Sandbox, faults

number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)


async def tasks(client: AsyncClient) -> int:
    """How many tasks there are in the loop beside this one."""
    del client
    return len(asyncio.all_tasks()) - 1


@pytest.mark.parametrize(
    ("blocking", "asynchronous", "without"),
    [(Client, AsyncClient, {"aclose", "clock"}), (Job, AsyncJob, {"clock", "next_poll_at"})],
)
def test_everything_is_there(blocking: type, asynchronous: type, without: set[str]) -> None:
    """What the asynchronous class offers its user, the blocking one offers too, but for what only a loop needs."""
    missing = set(dir(asynchronous)) - set(dir(blocking))
    assert {name for name in missing if not name.startswith("_")} == without


def test_the_speed_can_be_seen(sandbox: Sandbox, look: fielding_runs.ListFieldingRuns) -> None:
    """How long the next request would have to wait can be asked from outside the loop, also before the first one."""
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options, rate=0.001) as client:
        assert (client.rate_limiter.rate, client.rate_limiter.waiting, client.rate_limiter.delay) == (0.001, 0, 0.0)
        client.send(look)
        assert (client.rate_limiter.rate, client.rate_limiter.waiting) == (0.001, 0)
        assert 0 < client.rate_limiter.delay <= 1000.0


def test_the_facts_of_a_job(blocking_client: Client, pause: batch_jobs.PauseTargetGroups) -> None:
    """Since when there is a job, and whether there is still something to wait for."""
    before = time.time()
    job = blocking_client.submit(pause)
    assert before - 1.0 < job.created_at < time.time() + 1.0
    assert not job.ended
    job.wait()
    assert job.ended


def test_context_variables(blocking_client: Client) -> None:
    """55: a thread's context variables are those of its coroutine, and nothing that is set in the loop leaks back."""

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


def test_the_current_span(sandbox: Sandbox, look: fielding_runs.ListFieldingRuns) -> None:
    """55: the span that is current in the caller's thread is the parent of the call's, and stays the current one."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("the application")
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}

    def call(name: str) -> None:
        with tracer.start_as_current_span(name) as span:
            client.send(look)
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
    """A tenant that has nothing to close."""

    async def aclose(self) -> None:
        """Close nothing."""

    def renew(self) -> None:
        """Begin nothing anew."""


def test_the_first_caller_is_not_kept() -> None:
    """63: the thread starts with an empty context: it does not keep the span, or whatever else, of who called first."""

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


def test_cancelled_from_within(blocking_client: Client) -> None:
    """61: a coroutine that was cancelled raises an error of ours; it gives no None, and cancels nobody else."""

    async def work(client: AsyncClient) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    with pytest.raises(FieldingKitError, match="cancelled") as caught:
        blocking_client.call(work)
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_leaving_from_within(blocking_client: Client, end: type[BaseException]) -> None:
    """61: SystemExit and KeyboardInterrupt in a coroutine or its tasks reach the caller, and do not end the loop."""

    async def leave() -> None:
        raise end("enough")

    async def work(client: AsyncClient, *, in_a_task: bool) -> None:
        await (asyncio.create_task(leave()) if in_a_task else leave())

    for in_a_task in (False, True):
        with pytest.raises(end, match="enough"):
            blocking_client.call(work, in_a_task=in_a_task)
        assert blocking_client.call(tasks) == 0


def test_errors_are_not_kept(blocking_client: Client) -> None:
    """61: an error takes its traceback along and leaves no garbage that only the collector would find."""

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


def test_the_wait_for_a_job_runs_out(
    sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups, look: fielding_runs.ListFieldingRuns
) -> None:
    """60: when the wait for a job runs out nothing is left running; the error has the blocking handle to go on with."""
    sandbox.clock.freeze()
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options, poll=PollPolicy(max_interval=0.05)) as client:
        for wait in (lambda: client.run(pause, timeout=0.2), lambda: client.submit(pause).wait(0.2)):
            with pytest.raises(JobTimeoutError) as caught:
                wait()
            assert client.call(tasks) == 0
        asked = len(sandbox.requests)
        time.sleep(0.3)
        assert len(sandbox.requests) == asked
        job = caught.value.job
        assert isinstance(job, Job)
        sandbox.clock.advance(1)
        assert job.wait().ok is True
        assert client.send(look).data


def test_a_watch_is_broken_off(sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups, eventually: Eventually) -> None:
    """38: a watch that is broken off leaves no task and looks no more."""
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options, poll=PollPolicy(max_interval=0.05)) as client:
        for event in client.submit(pause).watch():
            if event.polls == 3:
                break
        eventually(lambda: client.call(tasks) == 0)
        asked = len(sandbox.requests)
        time.sleep(0.3)
        assert len(sandbox.requests) == asked


def test_a_watch_is_dropped_after_the_end(sandbox: Sandbox, pause: batch_jobs.PauseTargetGroups) -> None:
    """38: a watch that is dropped only after its client was closed makes no noise."""
    options = {"account_id": sandbox.account_id, "auth": sandbox.token, "base_url": sandbox.url}
    with Client(**options) as client:
        watch = client.submit(pause).watch()
        next(watch)
    del watch
    gc.collect()
    assert "fieldingkit" not in {thread.name for thread in threading.enumerate()}
