"""The lazy tracer: no span is started before the application has set up an SDK."""

from unittest.mock import patch

import pytest
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    NoOpTracer,
    NoOpTracerProvider,
    ProxyTracer,
    SpanContext,
    Tracer,
    set_span_in_context,
)
from support.fixture_types import MakeClient
from support.otel import Spans, run_alone
from support.sandbox_commands import a_read, path_of

from fieldingkit.sandbox import Sandbox
from fieldingkit.transport.telemetry.lazy_tracer import LazyTracer

CONTEXT = set_span_in_context(NonRecordingSpan(SpanContext(trace_id=1, span_id=2, is_remote=False)))


class Global(ProxyTracer):
    """A proxy whose provider is set by the test."""

    def __init__(self) -> None:
        super().__init__("fieldingkit")
        self.found: Tracer = NoOpTracer()
        self.lookups = 0

    @property
    def _tracer(self) -> Tracer:
        self.lookups += 1
        return self.found


def test_a_proxy_starts_no_span_before_its_provider_is_set() -> None:
    """The proxy of the global provider starts no span until it has found a tracer, and then is not asked again."""
    proxy, spans = Global(), Spans()
    lazy = LazyTracer(proxy)
    assert lazy.start_span("a", CONTEXT) is None
    proxy.found = spans.tracer
    for name in ("b", "c"):
        span = lazy.start_span(name, CONTEXT)
        assert span is not None
        span.end()
    assert ([span.name for span in spans.finished], proxy.lookups) == (["b", "c"], 2)


def test_the_private_attribute_of_the_proxy_exists() -> None:
    """OpenTelemetry's proxy has the attribute that shows whether it has found a tracer."""
    assert isinstance(getattr(ProxyTracer("fieldingkit"), "_tracer", None), NoOpTracer)


def test_an_invalid_span_is_none() -> None:
    """A tracer that gives no valid span, such as a disabled one, counts as one that starts none."""
    tracer = Spans().tracer
    with patch.object(tracer, "start_span", return_value=INVALID_SPAN):
        assert LazyTracer(tracer).start_span("a", CONTEXT) is None


@pytest.mark.parametrize("options", [{}, {"tracer_provider": NoOpTracerProvider()}])
async def test_without_an_sdk_no_span_is_started(
    options: dict[str, NoOpTracerProvider], sandbox: Sandbox, make_client: MakeClient
) -> None:
    """Without an SDK neither calls nor attempts start a span, with a parent or without."""
    client, spans = make_client(**options), Spans()
    with patch.object(NoOpTracer, "start_span", side_effect=AssertionError("a span was started")):
        await client.send(a_read(sandbox))
        with spans.tracer.start_as_current_span("the application"):
            await client.send(a_read(sandbox))
    assert [seen.traceparent is not None for seen in sandbox.requests] == [False, True]


def test_a_provider_may_be_set_after_the_first_calls(sandbox: Sandbox) -> None:
    """A global provider that is set between two calls records those that begin later."""
    script = f"""
import asyncio
from opentelemetry import trace
from support.otel import Spans
from fieldingkit import AsyncClient

async def main() -> None:
    async with AsyncClient(auth={sandbox.token!r}, base_url={sandbox.url!r}) as client:
        spans = Spans()
        for _ in range(2):
            await client.request("GET", {path_of(a_read(sandbox))!r})
            print(spans.tree())
            trace.set_tracer_provider(spans.provider)
            trace.set_tracer_provider = lambda provider: None

asyncio.run(main())
"""
    assert run_alone(script, PYTHONPATH="tests") == "INTERNAL fieldingkit GET request\n  CLIENT GET 200"
