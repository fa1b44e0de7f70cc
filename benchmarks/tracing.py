"""The cost of tracing without an OpenTelemetry SDK: the pipeline with and without its tracing layers.

The whole call over a socket gives the ratio. The layers' share is too small to be seen there, so the pipeline is also
measured over a transport that answers immediately; the budget applies to that difference.

Run: ``python -m benchmarks.tracing``
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar, cast
from unittest.mock import patch

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, RUN, TAG, TOKEN
from benchmarks.calls import kit, many, pause
from benchmarks.measure import Row, Side, compare, main, row
from benchmarks.server import Stub
from fieldingkit import AsyncClient, BearerToken, RetryPolicy, TraceContext, fielding_runs
from fieldingkit.clock import MonotonicClock
from fieldingkit.codec import encode
from fieldingkit.errors import Attempt
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.http import Call, Response, Transport
from fieldingkit.transport.pipeline import Pipeline
from fieldingkit.transport.telemetry import Telemetry

T = TypeVar("T")

BUDGET = 6.0
"""Microseconds per call."""
LAYERS = ("CallSpans", "AttemptObserver", "AttemptSpans")
PARENT = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


class Instant:
    """A transport that answers immediately."""

    async def __call__(self, call: Call) -> Response:
        """Answer."""
        call.attempts.append(Attempt(1, 204, None, sent=True, started=0.0, duration=0.0, delay=call.delay))
        return Response(204, {"ETag": TAG}, b"")


class OnlyWithin:
    """A layer that only passes on to the inner one."""

    def __init__(self, inner: Transport, *_rest: object, **_options: object) -> None:
        self.__call__ = inner


def bare(make: Callable[[], T]) -> T:
    """Create something without the tracing layers."""
    with ExitStack() as stack:
        for name in LAYERS:
            stack.enter_context(patch(f"fieldingkit.transport.pipeline.{name}", OnlyWithin))
        return make()


def pipeline(parent: TraceContext | None = None) -> Transport:
    """Return a pipeline over the transport that answers immediately."""
    telemetry = Telemetry(
        "http://127.0.0.1:1/v1",
        version="0",
        tracer_provider=None,
        meter_provider=None,
        on_request=None,
        on_attempt=None,
        trace_context=parent,
        on_missing_trace="omit",
    )
    http = cast("AiohttpTransport", Instant())
    return Pipeline(http, provider=BearerToken(TOKEN), retry=RetryPolicy(), telemetry=telemetry).send


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    with asyncio.Runner() as runner, Stub() as stub:
        clients: dict[str, AsyncClient] = {
            "API alone": runner.run(_open(partial(kit, stub.url))),
            "no tracing layers": runner.run(_open(partial(bare, partial(kit, stub.url)))),
        }
        calls = {name: partial(pause, client) for name, client in clients.items()}
        times = compare(_sides(runner, calls, 300), rounds)
        beside = "no tracing layers"
        rows = [row("a pause: CPU", ("API alone", times["API alone"].cpu), (beside, times[beside].cpu))]
        for client in clients.values():
            runner.run(client.aclose())
        pipelines = {"no parent": pipeline(), "a parent": pipeline(PARENT), beside: bare(pipeline)}
        times = compare(_sides(runner, {name: partial(_send, send) for name, send in pipelines.items()}, 5000), rounds)
    for name, budget in (("no parent", BUDGET), ("a parent", None)):
        taken = [mine - other for mine, other in zip(times[name].cpu, times[beside].cpu, strict=True)]
        rows.append(
            Row(
                what="the layers: CPU",
                side=f"API alone, {name}",
                value=statistics.median(taken) * 1e6,
                unit="us",
                budget=budget,
            )
        )
    return rows


def _sides(runner: asyncio.Runner, ways: Mapping[str, Callable[[], Awaitable[object]]], calls: int) -> list[Side]:
    def run(call: Callable[[], Awaitable[object]], number: int) -> None:
        runner.run(many(call, number, 1))

    return [Side(name, partial(run, call), calls) for name, call in ways.items()]


async def _open(make: Callable[[], AsyncClient]) -> AsyncClient:
    return make()


_PAUSE = fielding_runs.PauseFieldingRun(project_id=PROJECT, target_group_id=GROUP, fielding_run_id=RUN, if_match=TAG)
_REQUEST = encode(_PAUSE, account_id=str(ACCOUNT), headers={"Accept": "application/json"})
_CLOCK = MonotonicClock()


async def _send(send: Transport) -> object:
    return await send(Call(_REQUEST, clock=_CLOCK, timeout=30.0, deadline=120.0))


if __name__ == "__main__":
    main(measure)
