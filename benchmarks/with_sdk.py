"""A pause recorded by an OpenTelemetry SDK: the two spans of fieldingkit beside one span of aiohttp by hand."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

from opentelemetry import trace

from benchmarks.by_hand import RUNS, Change, within_trace
from benchmarks.measure import Run, Side, compare
from benchmarks.rows import Excluded, Row, compared
from benchmarks.server import Stub
from benchmarks.ways import Way, aiohttp_way, fieldingkit_way, many

ROUNDS = 25
CALLS = 400
KIT, RAW = "fieldingkit, two spans", "raw aiohttp, one span"
WHAT = "pause with an SDK, one by one: CPU"


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    if find_spec("opentelemetry.sdk") is None:
        return [Excluded(what=WHAT, reason="opentelemetry-sdk is not installed")]
    calls = 1 if quick else CALLS
    with Stub() as stub:
        sides = [
            Side(name=name, open=partial(recorded, make, stub.url), calls=calls, warm_up=40)
            for name, make in {KIT: fieldingkit_way.asynchronous, RAW: with_span}.items()
        ]
        times = compare(sides, rounds)
    return [compared(WHAT, (KIT, times[KIT].cpu), (RAW, times[RAW].cpu), budget=1.15)]


@contextmanager
def recorded(make: Callable[[str], Way], url: str) -> Iterator[Run]:
    """Make pauses within a recorded span of an SDK that exports nowhere."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Sequence[Any]) -> SpanExportResult:
            del spans
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    parent = trace.get_tracer("service").start_span("request")
    with within_trace(parent), asyncio.Runner() as runner:
        way = runner.run(_made(make, url))
        yield lambda calls: runner.run(many(way.pause, calls, 1))
        runner.run(way.close())
    parent.end()
    provider.shutdown()


def with_span(url: str) -> Way:
    """Use aiohttp by hand, with a span by hand."""
    raw, tracer = aiohttp_way.asynchronous(url), trace.get_tracer("by-hand")
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    attributes: dict[str, str | int] = {
        "http.request.method": "POST",
        "url.full": f"{url}{RUNS}/pause",
        "server.address": host,
        "server.port": int(port),
    }

    async def pause() -> Change:
        with tracer.start_as_current_span("POST", kind=trace.SpanKind.CLIENT, attributes=attributes) as span:
            change: Change = await raw.pause()
            span.set_attribute("http.response.status_code", 204)
            return change

    return Way(pause, raw.job, raw.close)


async def _made(make: Callable[[str], Way], url: str) -> Way:
    return make(url)
