"""What of a trace goes over the wire: exactly one ``traceparent``, and it is our attempt's."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from multidict import CIMultiDictProxy
from opentelemetry import baggage
from opentelemetry import context as otel_context
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
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.otel import Spans, ids_of, run_alone
from support.sandbox_commands import a_read, path_of

from fieldingkit import Client
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sandbox import Sandbox, faults

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
    """Where spans go."""
    return Spans()


@pytest.fixture
def instrumented() -> Iterator[Callable[[Spans], None]]:
    """Switches the instrumentation of aiohttp's client on."""
    instrumentor = cast("Any", AioHttpClientInstrumentor())
    yield lambda spans: instrumentor.instrument(tracer_provider=spans.provider)
    instrumentor.uninstrument()


def sent(sandbox: Sandbox, name: str = "traceparent") -> list[list[str]]:
    """All values of a header, request by request."""
    return [list(cast("CIMultiDictProxy[str]", seen.headers).getall(name, [])) for seen in sandbox.requests]


async def test_header_of_each_attempt(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """49: each attempt sends exactly one traceparent, with its own span id and the call's trace id."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503), times=2)
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    attempts = [ids_of(span) for span in spans.of_kind("CLIENT")]
    assert len({attempt.span_id for attempt in attempts}) == 3
    expected = [f"00-{attempt.trace_id:032x}-{attempt.span_id:016x}" for attempt in attempts]
    assert [[value.rsplit("-", 1)[0] for value in values] for values in sent(sandbox)] == [[one] for one in expected]
    assert len({attempt.trace_id for attempt in attempts}) == 1


async def test_sampled_flag(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """54: the low bit of the flags says that the call is recorded; other bits are the SDK's affair."""
    await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
    assert int(sent(sandbox)[0][0].split("-")[3], 16) & 1


async def test_state_is_passed_on(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """49: tracestate goes on byte for byte, with an SDK and without."""
    with use_span(NonRecordingSpan(INCOMING)):
        await make_client(tracer_provider=spans.provider).send(a_read(sandbox))
        await make_client().send(a_read(sandbox))
    assert sent(sandbox, "tracestate") == [[STATE], [STATE]]


async def test_no_sdk_forwards(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient) -> None:
    """49: without an SDK the incoming parent goes out unchanged, with every attempt."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    with use_span(NonRecordingSpan(INCOMING)):
        await make_client(clock=clock).send(a_read(sandbox))
    assert sent(sandbox) == [[PARENT], [PARENT]]


async def test_no_sdk_invents_nothing(sandbox: Sandbox, make_client: MakeClient) -> None:
    """49: without an SDK and a parent no trace header is sent; the API's own trace id is there to be found."""
    exchange = await make_client().send_detailed(a_read(sandbox))
    assert (sent(sandbox), sent(sandbox, "tracestate")) == ([[]], [[]])
    assert exchange.trace_id
    assert exchange.trace_id == exchange.headers["traceparent"].split("-")[1]


async def test_no_baggage(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """52: baggage stays at home, with an SDK and without."""
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
def test_global_propagator_does_not_matter(sandbox: Sandbox, propagators: str) -> None:
    """52: traceparent goes out, and baggage does not, whatever OTEL_PROPAGATORS says."""
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


async def test_own_trace_headers_are_refused(make_client: MakeClient) -> None:
    """49: a request that is spelled out cannot add a second traceparent."""
    with pytest.raises(InvalidCommandError, match="Traceparent"):
        await make_client().request("GET", "/x", headers={"Traceparent": PARENT})


async def test_beside_instrumentation(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans, instrumented: Callable[[Spans], None]
) -> None:
    """53: with aiohttp instrumented there is one CLIENT span an attempt, ours, and its id is on the wire."""
    instrumented(spans)
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    attempts = spans.of_kind("CLIENT")
    assert [span.instrumentation_scope and span.instrumentation_scope.name for span in attempts] == ["fieldingkit"] * 2
    assert [values[0].split("-")[2] for values in sent(sandbox)] == [
        f"{ids_of(span).span_id:016x}" for span in attempts
    ]


@pytest.mark.parametrize("options", [{}, {"tracer_provider": NoOpTracerProvider()}])
async def test_instrumentation_alone(
    sandbox: Sandbox,
    make_client: MakeClient,
    spans: Spans,
    instrumented: Callable[[Spans], None],
    options: dict[str, Any],
) -> None:
    """53: where we make no spans the instrumentation's are not suppressed, and there is still one header."""
    instrumented(spans)
    with spans.tracer.start_as_current_span("the application"):
        await make_client(**options).send(a_read(sandbox))
    (attempt,) = spans.of_kind("CLIENT")
    assert [[value.split("-")[2] for value in values] for values in sent(sandbox)] == [
        [f"{ids_of(attempt).span_id:016x}"]
    ]


def test_blocking_threads(sandbox: Sandbox, spans: Spans) -> None:
    """55: calls from many threads through one blocking client are each part of their caller's trace."""
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
