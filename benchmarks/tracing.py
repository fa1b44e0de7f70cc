"""Tracing without an OpenTelemetry SDK, within a trace: the pipeline with and without its two layers of spans.

The pipeline runs over a transport that answers immediately, with both kinds in one process: beside a whole call the
difference would be lost in the noise.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar, cast
from unittest.mock import patch

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TAG, TOKEN, next_run, within_trace
from benchmarks.measure import time_once
from benchmarks.rows import Row, measured
from benchmarks.ways import many
from fieldingkit import BearerToken, RetryPolicy, fielding_runs
from fieldingkit.clock import MonotonicClock
from fieldingkit.codec import encode
from fieldingkit.errors import Attempt
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.http import Call, Response, Transport
from fieldingkit.transport.pipeline import Pipeline
from fieldingkit.transport.telemetry import Telemetry

ROUNDS = 50
CALLS = 3_000
LAYERS = ("CallSpans", "AttemptSpans")

T = TypeVar("T")


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


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row]:
    """Return the one row."""
    sends = (pipeline(), without_layers(pipeline))
    calls = 10 if quick else CALLS
    differences: list[float] = []
    with within_trace(), asyncio.Runner() as runner:

        def run(send: Transport, calls: int) -> None:
            runner.run(many(partial(_pause, send), calls, 1))

        for _ in range(rounds):
            cpu = {send: time_once(partial(run, send), calls)[0] for send in random.sample(sends, 2)}
            differences.append(cpu[sends[0]] - cpu[sends[1]])
    what = "tracing layers within a trace, without an SDK: CPU of a call"
    return [measured(what, "fieldingkit", differences, unit="us", budget=3)]


def pipeline() -> Transport:
    """Return a pipeline over the transport that answers immediately."""
    telemetry = Telemetry(
        "http://127.0.0.1:1/v1",
        version="0",
        tracer_provider=None,
        meter_provider=None,
        on_request=None,
        on_attempt=None,
        trace_context=None,
        on_missing_trace="omit",
    )
    http = cast("AiohttpTransport", Instant())
    return Pipeline(http, provider=BearerToken(TOKEN), retry=RetryPolicy(), telemetry=telemetry).send


def without_layers(make: Callable[[], T]) -> T:
    """Create something without the layers of spans."""
    with ExitStack() as stack:
        for name in LAYERS:
            stack.enter_context(patch(f"fieldingkit.transport.telemetry.tracing.{name}", OnlyWithin))
        return make()


_CLOCK = MonotonicClock()


async def _pause(send: Transport) -> object:
    command = fielding_runs.PauseFieldingRun(
        project_id=PROJECT, target_group_id=GROUP, fielding_run_id=next_run(), if_match=TAG
    )
    request = encode(command, account_id=ACCOUNT, headers={"Accept": "application/json"})
    return await send(Call(request, clock=_CLOCK, timeout=30.0, deadline=120.0))
