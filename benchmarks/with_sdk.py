"""A pause recorded by an OpenTelemetry SDK: two spans of fieldingkit against one span of aiohttp by hand.

Run: ``python -m benchmarks.with_sdk``
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Tracer

from benchmarks.by_hand import ACCOUNT, RUN, TOKEN, Change, RawClient
from benchmarks.calls import many, pause
from benchmarks.measure import Row, Side, compare, main, row
from benchmarks.server import Stub
from benchmarks.ways import RUNS
from fieldingkit import AsyncClient

CALLS = 300


class Nowhere(SpanExporter):
    """Discards the spans."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Do nothing."""
        del spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Do nothing."""


async def has_trace(raw: RawClient, tracer: Tracer, url: str, port: int) -> Change:
    """Send the call by hand, with a span by hand."""
    attributes = {
        "http.request.method": "POST",
        "url.full": f"{url}{RUNS}/{RUN}/pause",
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    with tracer.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=attributes) as span:
        change = await raw.pause()
        span.set_attribute("http.response.status_code", 204)
        return change


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    with asyncio.Runner() as runner, Stub() as stub:
        raw, client = runner.run(_open(stub.url, provider))
        by_hand = partial(has_trace, raw, provider.get_tracer("by-hand"), stub.url, stub.port)

        def run(call: Any, calls: int) -> None:
            runner.run(many(call, calls, 1))

        sides = [
            Side("fieldingkit, two spans", partial(run, partial(pause, client)), CALLS),
            Side("raw aiohttp, one span", partial(run, by_hand), CALLS),
        ]
        times = compare(sides, rounds)
        runner.run(raw.aclose())
        runner.run(client.aclose())
    provider.shutdown()
    return [row("pause with an SDK: CPU", *((side.name, times[side.name].cpu) for side in sides), budget=1.35)]


async def _open(url: str, provider: TracerProvider) -> tuple[RawClient, AsyncClient]:
    return RawClient(url), AsyncClient(account_id=ACCOUNT, auth=TOKEN, base_url=url, tracer_provider=provider)


if __name__ == "__main__":
    main(measure)
