"""Spans: the whole tree of a call and of a job, as OpenTelemetry's SDK sees it."""

import asyncio
import logging
from typing import Any

import attrs
import pytest
from aiohttp import web
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, StatusCode, get_current_span
from support.examples import free_port, tagged
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.otel import Spans, ids_of, run_alone
from support.sandbox_commands import EVERY, PAUSES, POLLS, READS, a_batch, a_read, path_of

from fieldingkit import Client, ClientCredentials, RetryPolicy, fielding_runs
from fieldingkit.errors import ConnectionFailedError, NotFoundError, PreconditionFailedError, RequestTimeoutError
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.faults.base import Exchange, Fault
from fieldingkit.workflows.runs import ensure_status


@pytest.fixture
def spans() -> Spans:
    """Where spans go."""
    return Spans()


async def test_batch(sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, spans: Spans) -> None:
    """46, 51: a batch is a call, and looks beside it that are linked to what created it; no span waits for its end."""
    client = make_client(tracer_provider=spans.provider, clock=sandbox_clock, poll=EVERY)
    with spans.tracer.start_as_current_span("close the field"):
        await client.run(a_batch(sandbox))
    assert spans.tree() == (
        "INTERNAL close the field\n"
        f"  INTERNAL fieldingkit {PAUSES}\n"
        "    CLIENT POST 201\n"
        f"  INTERNAL fieldingkit {POLLS} ~ POST\n"
        "    CLIENT GET 200\n"
        f"  INTERNAL fieldingkit {POLLS} ~ POST\n"
        "    CLIENT GET 200"
    )


async def test_retries(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans) -> None:
    """47, 48: attempts that failed are errors and are counted; a call that came to its end all the same is none."""
    sandbox.faults.add(READS, faults.Answer(503), times=2)
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS}\n"
        "  CLIENT GET 503 ERROR 503\n"
        "  CLIENT GET 503 resend 1 ERROR 503\n"
        "  CLIENT GET 200 resend 2"
    )
    assert [(span.status.description, span.events) for span in spans.finished] == [(None, ())] * 4
    assert (spans.finished[0].attributes or {})["fieldingkit.attempts"] == 3


async def test_token_refresh(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """41, 47: a send after a token refresh counts as a resend, and the request for the token can be seen between."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    client = make_client(tracer_provider=spans.provider, auth=credentials)
    await client.send(a_read(sandbox))
    spans.forget()
    sandbox.faults.add(READS, faults.Answer(401))
    await client.send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS}\n  CLIENT GET 401 ERROR 401\n  CLIENT POST 200\n  CLIENT GET 200 resend 1"
    )
    token = spans.of_kind("CLIENT")[1]
    assert (token.attributes or {})["url.full"] == sandbox.token_url


async def test_precondition(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """48: a refusal is an error of the attempt and of the call, named by its status."""
    group = next(iter(sandbox.seed(live=1).groups))
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag())
    with pytest.raises(PreconditionFailedError):
        await make_client(tracer_provider=spans.provider).send(fielding_runs.PauseFieldingRun(**tagged(group)))
    assert spans.tree() == ("INTERNAL fieldingkit pause_fielding_run ERROR 412\n  CLIENT POST 412 ERROR 412")


@attrs.frozen
class Stall(Fault):
    """Tells that a request has come, and never answers it."""

    came: asyncio.Event
    loop: asyncio.AbstractEventLoop

    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Stall."""
        self.loop.call_soon_threadsafe(self.came.set)
        await asyncio.Event().wait()
        return await exchange.proceed()


async def test_cancelled_wait(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans) -> None:
    """48: a look that the caller broke off is no error, and leaves no span behind."""
    client = make_client(tracer_provider=spans.provider, clock=clock)
    came = asyncio.Event()
    sandbox.faults.add(POLLS, Stall(came, asyncio.get_running_loop()))
    job = await client.submit(a_batch(sandbox))
    waiting = asyncio.create_task(job.wait())
    await came.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert spans.tree() == (
        f"INTERNAL fieldingkit {PAUSES}\n  CLIENT POST 201\nINTERNAL fieldingkit {POLLS} ~ POST\n  CLIENT GET"
    )


async def test_resumed_job(sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, spans: Spans) -> None:
    """51: the looks of a resumed job are linked to the span that created it, in whatever process that was."""
    client = make_client(tracer_provider=spans.provider, clock=sandbox_clock, poll=EVERY)
    job = await client.submit(a_batch(sandbox))
    created = ids_of(spans.of_kind("CLIENT")[0])
    later = Spans()
    other = make_client(tracer_provider=later.provider, clock=sandbox_clock, poll=EVERY)
    with later.tracer.start_as_current_span("next morning"):
        await other.job(job.token()).wait()
    assert later.tree() == (
        "INTERNAL next morning\n"
        f"  INTERNAL fieldingkit {POLLS} ~ elsewhere\n"
        "    CLIENT GET 200\n"
        f"  INTERNAL fieldingkit {POLLS} ~ elsewhere\n"
        "    CLIENT GET 200"
    )
    links = [link.context for span in later.finished for link in span.links]
    assert {(link.trace_id, link.span_id) for link in links} == {(created.trace_id, created.span_id)}


async def test_workflow(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """51: a workflow has no span of its own; its calls are children of the caller's."""
    group = next(iter(sandbox.seed(live=1).groups))
    assert group.run is not None
    get = fielding_runs.GetFieldingRun(
        project_id=group.project_id, target_group_id=group.id, fielding_run_id=group.run.id
    )
    client = make_client(tracer_provider=spans.provider)
    with spans.tracer.start_as_current_span("the application"):
        await ensure_status(client, get, fielding_runs.FieldingRunStatus.PAUSED)
    assert spans.tree() == (
        "INTERNAL the application\n"
        "  INTERNAL fieldingkit get_fielding_run\n"
        "    CLIENT GET 200\n"
        "  INTERNAL fieldingkit pause_fielding_run\n"
        "    CLIENT POST 204"
    )


async def test_attempt_attributes(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """47: an attempt says what was sent where and what came back; values of a query are not told."""
    read = a_read(sandbox)
    path = path_of(read)
    client = make_client(tracer_provider=spans.provider)
    await client.request("GET", path, params={"page_size": 7, "search_string": "secret plan"})
    port = int(sandbox.url.split(":")[2].split("/")[0])
    (attempt,) = spans.of_kind("CLIENT")
    (call,) = spans.of_kind("INTERNAL")
    assert dict(attempt.attributes or {}) == {
        "fieldingkit.operation_id": "GET request",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": f"{sandbox.url}{path}?page_size=REDACTED&search_string=REDACTED",
    }
    assert dict(call.attributes or {}) == {
        "fieldingkit.operation_id": "GET request",
        "fieldingkit.attempts": 1,
    }
    scope = attempt.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.schema_url) == ("fieldingkit", "https://opentelemetry.io/schemas/1.44.0")


async def test_unknown_method(make_client: MakeClient, spans: Spans) -> None:
    """47: a method that the conventions do not know names no span."""
    with pytest.raises(NotFoundError):
        await make_client(tracer_provider=spans.provider, retry=RetryPolicy(max_attempts=1)).request("PURGE", "/x")
    (attempt,) = spans.of_kind("CLIENT")
    attributes = attempt.attributes or {}
    assert attempt.name == "HTTP"
    assert (attributes["http.request.method"], attributes["http.request.method_original"]) == ("_OTHER", "PURGE")


async def test_no_answer(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans) -> None:
    """48: where there was no answer the error is named by its class, on the attempts and on the call."""
    client = make_client(
        tracer_provider=spans.provider,
        clock=clock,
        base_url=f"http://127.0.0.1:{free_port()}/v1",
        retry=RetryPolicy(max_attempts=2),
    )
    with pytest.raises(ConnectionFailedError):
        await client.send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS} ERROR ConnectionFailedError\n"
        "  CLIENT GET ERROR ConnectionFailedError\n"
        "  CLIENT GET resend 1 ERROR ConnectionFailedError"
    )


async def test_attempt_time_out(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """48: an attempt that ran out of time is an error, unlike one that the caller broke off."""
    sandbox.faults.add(READS, faults.Delay(30))
    client = make_client(tracer_provider=spans.provider, timeout=0.05, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(RequestTimeoutError):
        await client.send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS} ERROR RequestTimeoutError\n  CLIENT GET ERROR RequestTimeoutError"
    )


async def test_torn_body(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans) -> None:
    """48: an answer whose body broke off is an error with the status that came."""
    sandbox.faults.add(READS, faults.ResetMidBody())
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS}\n  CLIENT GET 200 ERROR TransportError\n  CLIENT GET 200 resend 1"
    )


async def test_watcher_stays_outside(
    sandbox: Sandbox,
    sandbox_clock: FakeClock,
    make_client: MakeClient,
    spans: Spans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """50: within and after a loop over the looks at a job, the current span is the caller's."""
    client = make_client(tracer_provider=spans.provider, clock=sandbox_clock, poll=EVERY)
    seen: list[Any] = []
    with caplog.at_level(logging.DEBUG), spans.tracer.start_as_current_span("the application") as own:
        job = await client.submit(a_batch(sandbox))
        async for _ in job.watch():
            seen.append(get_current_span())
            break
        seen.append(get_current_span())
    assert seen == [own, own]
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_not_sampled(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient) -> None:
    """49, 54: a call that is not sampled makes no spans, and still is one trace that says so to the API."""
    spans = Spans(ALWAYS_OFF)
    sandbox.faults.add(READS, faults.Answer(503))
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    assert spans.finished == []
    first, second = (request.traceparent or "" for request in sandbox.requests)
    assert first.split("-")[1] == second.split("-")[1]
    assert [int(header.split("-")[3], 16) & 1 for header in (first, second)] == [0, 0]


async def test_switched_off(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """53: with a provider that does nothing there are no spans of ours, and the caller's own trace goes out."""
    client = make_client(tracer_provider=NoOpTracerProvider())
    with spans.tracer.start_as_current_span("the application") as own:
        await client.send(a_read(sandbox))
    assert spans.tree() == "INTERNAL the application"
    assert (sandbox.requests[0].traceparent or "").split("-")[2] == f"{own.get_span_context().span_id:016x}"


def test_blocking_client(sandbox: Sandbox, spans: Spans) -> None:
    """46, 55: the spans of a blocking call are children of the caller's span."""
    with (
        Client(
            account_id=101, auth=sandbox.token, base_url=sandbox.url, tracer_provider=spans.provider, poll=EVERY
        ) as client,
        spans.tracer.start_as_current_span("the script"),
    ):
        client.send(a_read(sandbox))
    assert spans.tree() == (f"INTERNAL the script\n  INTERNAL fieldingkit {READS}\n    CLIENT GET 200")


def test_global_provider(sandbox: Sandbox) -> None:
    """46: spans go to the global provider by default, also if it is set after the client was made."""
    read = a_read(sandbox)
    path = path_of(read)
    script = f"""
import asyncio
from opentelemetry import trace
from support.otel import Spans
from fieldingkit import AsyncClient

async def main() -> None:
    async with AsyncClient(auth={sandbox.token!r}, base_url={sandbox.url!r}) as client:
        spans = Spans()
        trace.set_tracer_provider(spans.provider)
        await client.request("GET", {path!r})
        print(spans.tree())

asyncio.run(main())
"""
    assert run_alone(script, PYTHONPATH="tests") == "INTERNAL fieldingkit GET request\n  CLIENT GET 200"


async def test_statuses_are_unset_but_for_errors(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """48: a span without an error has no status at all, not even OK."""
    await make_client(tracer_provider=spans.provider, clock=sandbox_clock, poll=EVERY).run(a_batch(sandbox))
    assert {span.status.status_code for span in spans.finished} == {StatusCode.UNSET}
