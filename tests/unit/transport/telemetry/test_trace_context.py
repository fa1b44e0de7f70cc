"""``TraceContext``, and the trace ids of results and errors."""

from typing import Any, Literal

import attrs
import pytest
from aiohttp import web
from multidict import CIMultiDict
from opentelemetry.trace import get_current_span
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.otel import Spans
from support.sandbox_commands import EVERY, a_failure, a_read

from fieldingkit import Client, RetryPolicy, TraceContext, batch_jobs
from fieldingkit.errors import ConfigurationError, JobFailedError, JobTimeoutError, NotFoundError, RequestTimeoutError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.faults.base import Exchange, Fault

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# Blanks are allowed here, and no parser keeps them.
STATE = "rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE"


def traces(sandbox: Sandbox) -> list[str | None]:
    """Return the trace id of each request that the sandbox received."""
    return [None if seen.traceparent is None else seen.traceparent.split("-")[1] for seen in sandbox.requests]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": PARENT}, TraceContext(PARENT)),
        ({"Traceparent": f" {PARENT} ", "TRACESTATE": STATE}, TraceContext(PARENT, tracestate=STATE)),
        (CIMultiDict([("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]),) * 2,
        ({}, TraceContext()),
        ({"tracestate": STATE}, TraceContext()),
        ({"traceparent": ""}, TraceContext()),
        ({"traceparent": PARENT.upper()}, TraceContext()),
        ({"traceparent": PARENT + "-more"}, TraceContext()),
        ({"traceparent": f"ff{PARENT[2:]}"}, TraceContext()),
        ({"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"}, TraceContext()),
        ({"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, TraceContext()),
        (CIMultiDict([("traceparent", PARENT), ("Traceparent", OTHER)]), TraceContext()),
    ],
)
def test_from_headers_accepts_only_a_valid_traceparent(headers: Any, expected: Any) -> None:
    """Headers are read in any case; invalid ones give an empty context."""
    if headers is expected:
        expected = TraceContext(PARENT, tracestate="a=1,b=2")
    assert TraceContext.from_headers(headers) == expected


def test_a_later_version_of_traceparent_is_read() -> None:
    """A traceparent of a later version is read as far as it is known."""
    assert TraceContext.from_headers({"traceparent": f"cc-{PARENT[3:]}-what-the-future-brings"}).trace_id == TRACE


def test_generated_trace_ids_differ() -> None:
    """A context has its trace id, an empty one has none, and generated ones differ."""
    assert TraceContext(PARENT).trace_id == TRACE
    assert TraceContext().trace_id is None
    one, other = TraceContext.generate(), TraceContext.generate(sampled=False)
    assert one.trace_id != other.trace_id
    assert [(made.traceparent or "")[-3:] for made in (one, other)] == ["-01", "-00"]


def test_an_invalid_context_or_option_is_refused() -> None:
    """An invalid traceparent and an unknown ``on_missing_trace`` are refused."""
    with pytest.raises(ConfigurationError, match="traceparent"):
        TraceContext("nonsense")
    never: Any = "never"
    with pytest.raises(ConfigurationError, match="on_missing_trace"):
        Client(auth="t", on_missing_trace=never)


async def test_a_block_forwards_its_context(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Calls within a block forward its context byte for byte; calls after it do not."""
    client, read = make_client(), a_read(sandbox)
    with TraceContext.from_headers({"traceparent": PARENT, "tracestate": STATE}).use():
        await client.send(read)
    await client.send(read)
    assert [seen.traceparent for seen in sandbox.requests] == [PARENT, None]
    assert [seen.headers.get("tracestate") for seen in sandbox.requests] == [STATE, None]


async def test_tracestate_is_forwarded_with_an_sdk(sandbox: Sandbox, make_client: MakeClient) -> None:
    """With an SDK the span is ours, and the tracestate is forwarded byte for byte."""
    spans = Spans()
    with TraceContext(PARENT, tracestate=STATE).use():
        await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
    (seen,) = sandbox.requests
    assert traces(sandbox) == [TRACE]
    assert (seen.traceparent or "").split("-")[2] != PARENT.split("-")[2]
    assert seen.headers["tracestate"] == STATE


async def test_an_invalid_tracestate_is_dropped(sandbox: Sandbox, make_client: MakeClient) -> None:
    """An invalid tracestate is dropped and the parent is kept."""
    with TraceContext(PARENT, tracestate="no state\x7f at all").use():
        await make_client().send(a_read(sandbox))
    assert [(seen.traceparent, seen.headers.get("tracestate")) for seen in sandbox.requests] == [(PARENT, None)]


async def test_an_empty_context_changes_nothing(sandbox: Sandbox, make_client: MakeClient) -> None:
    """An empty context changes nothing, so callers need not check for the header."""
    spans = Spans()
    with spans.tracer.start_as_current_span("the application") as own, TraceContext.from_headers({}).use():
        await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
    assert traces(sandbox) == [f"{own.get_span_context().trace_id:032x}"]


async def test_a_client_context_is_the_default_parent(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A client's own context is the parent of calls that have no other."""
    client, read = make_client(trace_context=TraceContext(PARENT, tracestate=STATE)), a_read(sandbox)
    await client.send(read)
    with TraceContext(OTHER).use():
        await client.send(read)
    assert [seen.traceparent for seen in sandbox.requests] == [PARENT, OTHER]
    assert [seen.headers.get("tracestate") for seen in sandbox.requests] == [STATE, None]
    assert not get_current_span().get_span_context().is_valid


def test_a_block_holds_for_the_blocking_client(sandbox: Sandbox) -> None:
    """A block holds for the blocking client too, including jobs."""
    project = sandbox.seed(live=2)
    command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
    with (
        Client(account_id=101, auth=sandbox.token, base_url=sandbox.url) as client,
        TraceContext(PARENT).use(),
    ):
        client.run(command)
    assert set(traces(sandbox)) == {TRACE}


async def test_a_generated_trace_is_shared_by_retries(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient
) -> None:
    """With ``on_missing_trace="generate"`` each call gets a trace, which its retries share."""
    client, read = make_client(on_missing_trace="generate", clock=clock), a_read(sandbox)
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503), times=2)
    first = await client.send_detailed(read)
    second = await client.send_detailed(read)
    assert traces(sandbox) == [first.trace_id] * 3 + [second.trace_id]
    assert first.trace_id != second.trace_id
    assert all((seen.traceparent or "").endswith("-01") for seen in sandbox.requests)


async def test_polls_continue_a_generated_trace(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient
) -> None:
    """Polls continue the generated trace that created the job, also in another process."""
    project = sandbox.seed(live=2)
    client = make_client(on_missing_trace="generate", clock=sandbox_clock, poll=EVERY)
    job = await client.submit(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    other = make_client(on_missing_trace="generate", clock=sandbox_clock, poll=EVERY)
    await other.job(job.token()).wait()
    assert traces(sandbox) == [job.trace_id] * 3


@pytest.mark.parametrize("missing", ["omit", "generate"])
async def test_no_trace_is_generated_where_there_is_one(
    sandbox: Sandbox, make_client: MakeClient, missing: Literal["omit", "generate"]
) -> None:
    """No trace is generated within a block, nor with an SDK, which starts one itself."""
    spans = Spans()
    with TraceContext(PARENT).use():
        await make_client(on_missing_trace=missing).send(a_read(sandbox))
    await make_client(on_missing_trace=missing, tracer_provider=spans.provider).send(a_read(sandbox))
    assert sandbox.requests[0].traceparent == PARENT
    assert [span.parent for span in spans.of_kind("INTERNAL")] == [None]


async def test_errors_carry_the_trace_id(sandbox: Sandbox, make_client: MakeClient) -> None:
    """An error carries the trace id of the response, or of the request if there was no response."""
    with pytest.raises(NotFoundError) as answered:
        await make_client().request("GET", "/nowhere")
    assert answered.value.trace_id == answered.value.headers["traceparent"].split("-")[1]
    sandbox.faults.add("get_fielding_runs*", faults.Delay(30))
    client = make_client(trace_context=TraceContext(PARENT), timeout=0.05, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(RequestTimeoutError) as silent:
        await client.send(a_read(sandbox))
    assert silent.value.trace_id == TRACE


async def test_job_errors_carry_the_creating_trace_id(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient
) -> None:
    """An error about a job carries the trace id of the call that created it."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("create_bulk_*", faults.StuckJob())
    client = make_client(trace_context=TraceContext(PARENT), clock=clock)
    with pytest.raises(JobTimeoutError) as raised:
        await client.run(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()), 5.0)
    assert raised.value.trace_id == TRACE


@pytest.mark.parametrize("context", [TraceContext(PARENT), None])
async def test_a_failed_job_carries_the_api_trace_id(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, context: TraceContext | None
) -> None:
    """A failed draft job carries the API's trace id, and whether it equals the creating call's."""
    client = make_client(trace_context=context, clock=sandbox_clock)
    with pytest.raises(JobFailedError) as raised:
        await client.run(a_failure(sandbox))
    assert raised.value.job_trace_id == raised.value.trace_id is not None
    assert raised.value.same_trace is True
    assert "the API's trace" not in str(raised.value)


@attrs.frozen
class OtherTrace(Fault):
    """Let the job have been processed under a trace of its own."""

    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Say so."""
        job_id = exchange.parameters["job_id"]
        exchange.state.replace_job(job_id, lambda job: attrs.evolve(job, trace_id="f" * 32))
        return await exchange.proceed()


async def test_a_failed_job_of_another_trace_names_it(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient
) -> None:
    """A job that the API processed under another trace names that trace in its error."""
    sandbox.faults.add("get_launch_*", OtherTrace(), times=None)
    client = make_client(trace_context=TraceContext(PARENT), clock=sandbox_clock)
    with pytest.raises(JobFailedError) as raised:
        await client.run(a_failure(sandbox))
    assert (raised.value.trace_id, raised.value.job_trace_id) == (TRACE, "f" * 32)
    assert raised.value.same_trace is False
    assert f"[the API's trace: {'f' * 32}]" in str(raised.value)
