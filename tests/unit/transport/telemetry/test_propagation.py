"""Trace propagation: each request has exactly one ``traceparent``, and it names the attempt's span."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDictProxy
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracerProvider,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.otel import Spans, ids_of, run_alone
from support.sandbox_commands import a_read, path_of

from fieldingkit import Client
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.telemetry.propagation import trace_headers

STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
INCOMING = SpanContext(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C,
    span_id=0xB7AD6B7169203331,
    is_remote=True,
    trace_flags=TraceFlags(1),
    trace_state=TraceState.from_header([STATE]),
)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Spans:
    """Return a tracer provider that keeps its spans."""
    return Spans()


@pytest.fixture
def instrumented() -> Iterator[Callable[[Spans], None]]:
    """Yield a function that instruments aiohttp's client."""
    instrumentor = cast("Any", AioHttpClientInstrumentor())
    yield lambda spans: instrumentor.instrument(tracer_provider=spans.provider)
    instrumentor.uninstrument()


def sent(sandbox: Sandbox, name: str = "traceparent") -> list[list[str]]:
    """Return all values of a header, request by request."""
    return [list(cast("CIMultiDictProxy[str]", seen.headers).getall(name, [])) for seen in sandbox.requests]


async def test_each_attempt_sends_its_own_span_id(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """Each attempt sends exactly one traceparent, with its own span id and the call's trace id."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503), times=2)
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    attempts = [ids_of(span) for span in spans.of_kind("CLIENT")]
    assert len({attempt.span_id for attempt in attempts}) == 3
    expected = [f"00-{attempt.trace_id:032x}-{attempt.span_id:016x}" for attempt in attempts]
    assert [[value.rsplit("-", 1)[0] for value in values] for values in sent(sandbox)] == [[one] for one in expected]
    assert len({attempt.trace_id for attempt in attempts}) == 1


async def test_the_sampled_flag_is_sent(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """The low bit of the flags says that the call is sampled; the SDK may set other bits."""
    await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
    assert int(sent(sandbox)[0][0].split("-")[3], 16) & 1


async def test_tracestate_is_sent_byte_for_byte(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """The tracestate is sent byte for byte, with an SDK and without."""
    with use_span(NonRecordingSpan(INCOMING)):
        await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
        await make_client().send(a_read(sandbox))
    assert sent(sandbox, "tracestate") == [[STATE], [STATE]]


async def test_without_an_sdk_the_parent_is_forwarded(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient
) -> None:
    """Without an SDK every attempt sends the incoming parent unchanged."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    with use_span(NonRecordingSpan(INCOMING)):
        await make_client(clock=clock).send(a_read(sandbox))
    assert sent(sandbox) == [[PARENT], [PARENT]]


@given(
    st.builds(
        SpanContext,
        st.integers(1, 2**128 - 1),
        st.integers(1, 2**64 - 1),
        is_remote=st.booleans(),
        trace_flags=st.integers(0, 255).map(TraceFlags),
        trace_state=st.none() | st.sampled_from(["", STATE, "a=1"]).map(lambda text: TraceState.from_header([text])),
    )
)
def test_headers_are_those_of_the_standard_propagator(parent: SpanContext) -> None:
    """The headers of any valid span are the ones that OpenTelemetry's W3C propagator writes."""
    context = set_span_in_context(NonRecordingSpan(parent), Context())
    expected: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(expected, context)
    assert trace_headers(parent, context) == expected


async def test_without_sdk_and_parent_no_header_is_sent(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Without an SDK and a parent no trace header is sent, and the API's own trace id is returned."""
    exchange = await make_client().send_detailed(a_read(sandbox))
    assert (sent(sandbox), sent(sandbox, "tracestate")) == ([[]], [[]])
    assert exchange.trace_id
    assert exchange.trace_id == exchange.headers["traceparent"].split("-")[1]


async def test_baggage_is_never_sent(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """Baggage is never sent, with an SDK or without."""
    context = baggage.set_baggage("customer", "secret", set_span_in_context(NonRecordingSpan(INCOMING)))
    token = otel_context.attach(context)
    try:
        await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
        await make_client().send(a_read(sandbox))
    finally:
        otel_context.detach(token)
    assert sent(sandbox, "baggage") == [[], []]
    assert [len(values) for values in sent(sandbox)] == [1, 1]


@pytest.mark.parametrize("propagators", ["none", "baggage", "tracecontext,baggage"])
def test_the_global_propagator_is_not_used(sandbox: Sandbox, propagators: str) -> None:
    """The traceparent is sent and baggage is not, for any value of OTEL_PROPAGATORS."""
    read = a_read(sandbox)
    path = path_of(read)
    script = f"""
import asyncio
from opentelemetry import baggage, context, propagate
from support.otel import Spans
from fieldingkit import AsyncClient

async def main() -> None:
    context.attach(baggage.set_baggage("customer", "secret"))
    spans = Spans()
    async with AsyncClient(auth={sandbox.token!r}, base_url={sandbox.url!r}, tracer_provider=spans.provider) as client:
        await client.request("GET", {path!r})

asyncio.run(main())
"""
    run_alone(script, PYTHONPATH="tests", OTEL_PROPAGATORS=propagators)
    assert [len(values) for values in sent(sandbox)] == [1]
    assert sent(sandbox, "baggage") == [[]]


async def test_request_refuses_a_traceparent_of_the_caller(make_client: MakeClient) -> None:
    """``request`` refuses a traceparent among the caller's headers."""
    with pytest.raises(InvalidCommandError, match="Traceparent"):
        await make_client().request("GET", "/x", headers={"Traceparent": PARENT})


async def test_instrumented_aiohttp_adds_no_second_span(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans, instrumented: Callable[[Spans], None]
) -> None:
    """With aiohttp instrumented each attempt has one CLIENT span, ours, and its id is sent."""
    instrumented(spans)
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    attempts = spans.of_kind("CLIENT")
    assert [span.instrumentation_scope and span.instrumentation_scope.name for span in attempts] == ["fieldingkit"] * 2
    assert [values[0].split("-")[2] for values in sent(sandbox)] == [
        f"{ids_of(span).span_id:016x}" for span in attempts
    ]


@pytest.mark.parametrize("options", [{}, {"tracer_provider": NoOpTracerProvider()}])
async def test_instrumented_aiohttp_makes_the_span_where_we_do_not(
    sandbox: Sandbox,
    make_client: MakeClient,
    spans: Spans,
    instrumented: Callable[[Spans], None],
    options: dict[str, Any],
) -> None:
    """Without spans of ours the instrumentation's are not suppressed, and one header is sent."""
    instrumented(spans)
    with spans.tracer.start_as_current_span("the application"):
        await make_client(**options).send(a_read(sandbox))
    (attempt,) = spans.of_kind("CLIENT")
    assert [[value.split("-")[2] for value in values] for values in sent(sandbox)] == [
        [f"{ids_of(attempt).span_id:016x}"]
    ]


def test_each_thread_of_a_blocking_client_keeps_its_trace(sandbox: Sandbox, spans: Spans) -> None:
    """Calls from several threads through one blocking client each belong to their caller's trace."""
    read = a_read(sandbox)
    traces: dict[str, str] = {}

    def work(name: str) -> None:
        with spans.tracer.start_as_current_span(name) as span:
            client.send_detailed(read)
            traces[name] = f"{span.get_span_context().trace_id:032x}"

    with Client(account_id=101, auth=sandbox.token, base_url=sandbox.url, tracer_provider=spans.provider) as client:
        threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(values[0].split("-")[1] for values in sent(sandbox)) == sorted(traces.values())
    assert len(set(traces.values())) == 8
    assert not get_current_span().get_span_context().is_valid
