"""Spans: the whole tree of a call and of a job, as OpenTelemetry's SDK exports it."""

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
    """Return a tracer provider that keeps its spans."""
    return Spans()


async def test_polls_are_sibling_spans_linked_to_the_creation(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """A batch is one call span; its polls are siblings, each linked to the attempt that created the job."""
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


async def test_a_retried_call_that_succeeds_is_no_error(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """Failed attempts are errors with a resend count; the call that succeeds in the end is not."""
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


async def test_a_resend_after_a_token_refresh_is_counted(
    sandbox: Sandbox, make_client: MakeClient, spans: Spans
) -> None:
    """A send after a token refresh counts as a resend, and the token request is a span between the two."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    client = make_client(tracer_provider=spans.provider, auth=credentials)
    await client.send(a_read(sandbox))
    spans.clear()
    sandbox.faults.add(READS, faults.Answer(401))
    await client.send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS}\n  CLIENT GET 401 ERROR 401\n  CLIENT POST 200\n  CLIENT GET 200 resend 1"
    )
    token = spans.of_kind("CLIENT")[1]
    assert (token.attributes or {})["url.full"] == sandbox.token_url


async def test_a_refusal_is_an_error_named_by_its_status(
    sandbox: Sandbox, make_client: MakeClient, spans: Spans
) -> None:
    """A refused attempt and its call are errors named by the status."""
    group = next(iter(sandbox.seed(live=1).groups))
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag())
    with pytest.raises(PreconditionFailedError):
        await make_client(tracer_provider=spans.provider).send(fielding_runs.PauseFieldingRun(**tagged(group)))
    assert spans.tree() == ("INTERNAL fieldingkit pause_fielding_run ERROR 412\n  CLIENT POST 412 ERROR 412")


@attrs.frozen
class Stall(Fault):
    """Report that a request arrived, and never answer it."""

    came: asyncio.Event
    loop: asyncio.AbstractEventLoop

    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Stall."""
        self.loop.call_soon_threadsafe(self.came.set)
        await asyncio.Event().wait()
        return await exchange.proceed()


async def test_a_cancelled_poll_is_no_error(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """A poll that its caller cancels is no error, and its spans end."""
    client = make_client(tracer_provider=spans.provider, clock=clock)
    came = asyncio.Event()
    sandbox.faults.add(POLLS, Stall(came, asyncio.get_running_loop()))
    job = await client.submit(a_batch(sandbox))
    polling = asyncio.create_task(job.status())
    await came.wait()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    await asyncio.sleep(0)
    assert spans.tree() == (
        f"INTERNAL fieldingkit {PAUSES}\n  CLIENT POST 201\nINTERNAL fieldingkit {POLLS} ~ POST\n  CLIENT GET"
    )


async def test_polls_of_a_resumed_job_link_to_its_creation(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """The polls of a resumed job link to the span that created it in another process."""
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


async def test_a_workflow_has_no_span_of_its_own(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """A workflow has no span; its calls are children of the caller's span."""
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


async def test_attempt_spans_have_the_conventional_attributes(
    sandbox: Sandbox, make_client: MakeClient, spans: Spans
) -> None:
    """An attempt's span has the conventions' attributes, with the values of the query redacted."""
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


async def test_an_unknown_method_names_no_span(make_client: MakeClient, spans: Spans) -> None:
    """A method that is unknown to the conventions is not the name of a span."""
    with pytest.raises(NotFoundError):
        await make_client(tracer_provider=spans.provider, retry=RetryPolicy(max_attempts=1)).request("PURGE", "/x")
    (attempt,) = spans.of_kind("CLIENT")
    attributes = attempt.attributes or {}
    assert attempt.name == "HTTP"
    assert (attributes["http.request.method"], attributes["http.request.method_original"]) == ("_OTHER", "PURGE")


async def test_a_missing_response_is_named_by_its_error_class(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """Without a response the attempts and the call are errors named by the exception's class."""
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


async def test_an_attempt_that_timed_out_is_an_error(sandbox: Sandbox, make_client: MakeClient, spans: Spans) -> None:
    """An attempt that timed out is an error, unlike one that its caller cancelled."""
    sandbox.faults.add(READS, faults.Delay(30))
    client = make_client(tracer_provider=spans.provider, timeout=0.05, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(RequestTimeoutError):
        await client.send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS} ERROR RequestTimeoutError\n  CLIENT GET ERROR RequestTimeoutError"
    )


async def test_a_truncated_body_is_an_error_with_its_status(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """An attempt whose body was truncated is an error that keeps its status."""
    sandbox.faults.add(READS, faults.ResetMidBody())
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    assert spans.tree() == (
        f"INTERNAL fieldingkit {READS}\n  CLIENT GET 200 ERROR TransportError\n  CLIENT GET 200 resend 1"
    )


async def test_watching_a_job_keeps_the_callers_span(
    sandbox: Sandbox,
    sandbox_clock: FakeClock,
    make_client: MakeClient,
    spans: Spans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Within and after ``job.watch()`` the current span is the caller's."""
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


async def test_an_unsampled_call_exports_nothing(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient) -> None:
    """An unsampled call exports no spans, and its attempts send one trace with the flag cleared."""
    spans = Spans(ALWAYS_OFF)
    sandbox.faults.add(READS, faults.Answer(503))
    await make_client(tracer_provider=spans.provider, clock=clock).send(a_read(sandbox))
    assert spans.finished == []
    first, second = (request.traceparent or "" for request in sandbox.requests)
    assert first.split("-")[1] == second.split("-")[1]
    assert [int(header.split("-")[3], 16) & 1 for header in (first, second)] == [0, 0]


async def test_a_noop_tracer_forwards_the_callers_trace(
    sandbox: Sandbox, make_client: MakeClient, spans: Spans
) -> None:
    """A no-op tracer provider makes no spans, and the caller's own trace is sent."""
    client = make_client(tracer_provider=NoOpTracerProvider())
    with spans.tracer.start_as_current_span("the application") as own:
        await client.send(a_read(sandbox))
    assert spans.tree() == "INTERNAL the application"
    assert (sandbox.requests[0].traceparent or "").split("-")[2] == f"{own.get_span_context().span_id:016x}"


def test_blocking_calls_are_children_of_the_caller(sandbox: Sandbox, spans: Spans) -> None:
    """The spans of a blocking call are children of the caller's span."""
    with (
        Client(
            account_id=101, auth=sandbox.token, base_url=sandbox.url, tracer_provider=spans.provider, poll=EVERY
        ) as client,
        spans.tracer.start_as_current_span("the script"),
    ):
        client.send(a_read(sandbox))
    assert spans.tree() == (f"INTERNAL the script\n  INTERNAL fieldingkit {READS}\n    CLIENT GET 200")


def test_a_global_tracer_may_be_set_after_the_client(sandbox: Sandbox) -> None:
    """Spans go to the global provider by default, even if it is set after the client was made."""
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


async def test_successful_spans_have_no_status(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, spans: Spans
) -> None:
    """A span without an error has no status, not even OK."""
    await make_client(tracer_provider=spans.provider, clock=sandbox_clock, poll=EVERY).run(a_batch(sandbox))
    assert {span.status.status_code for span in spans.finished} == {StatusCode.UNSET}
