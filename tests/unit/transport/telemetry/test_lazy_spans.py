"""Lazy spans: a client loads OpenTelemetry once the application has, and its calls are traced from then on."""

from support.otel import run_alone
from support.sandbox_commands import a_read, path_of

from fieldingkit.sandbox import Sandbox

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SCRIPT = """
import asyncio, sys
from fieldingkit import AsyncClient

async def main() -> None:
    async with AsyncClient(auth={token!r}, base_url={url!r}) as client:
        read = lambda: client.request("GET", {path!r})
{body}

asyncio.run(main())
"""


def script(sandbox: Sandbox, body: str) -> str:
    """Return a script that runs some lines with a client, whose ``read`` sends a call."""
    indented = "".join(f"        {line}\n" for line in body.strip().splitlines())
    return SCRIPT.format(token=sandbox.token, url=sandbox.url, path=path_of(a_read(sandbox)), body=indented)


def test_a_call_of_an_untraced_application_loads_no_opentelemetry(sandbox: Sandbox) -> None:
    """Neither the constructor nor a call loads OpenTelemetry, and the call sends no trace."""
    body = """
await read()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert run_alone(script(sandbox, body)) == "[]"
    assert [seen.traceparent for seen in sandbox.requests] == [None]


def test_an_sdk_that_is_loaded_later_records_the_calls_that_follow(sandbox: Sandbox) -> None:
    """Calls get their spans, and attempts theirs, once the application has loaded an SDK and set its provider."""
    body = """
await read()
from opentelemetry import trace
from support.otel import Spans
spans = Spans()
trace.set_tracer_provider(spans.provider)
await read()
print(spans.tree())
"""
    tree = run_alone(script(sandbox, body), PYTHONPATH="tests")
    assert tree == "INTERNAL fieldingkit GET request\n  CLIENT GET 200"
    assert [seen.traceparent is not None for seen in sandbox.requests] == [False, True]


def test_a_parent_that_is_set_later_is_sent(sandbox: Sandbox) -> None:
    """A trace that the application sets after the first call is sent, without an SDK, and ends with its block."""
    body = f"""
await read()
from fieldingkit import TraceContext
with TraceContext({PARENT!r}).use():
    await read()
await read()
"""
    run_alone(script(sandbox, body))
    assert [seen.traceparent for seen in sandbox.requests] == [None, PARENT, None]


def test_a_provider_that_the_environment_names_is_loaded_by_the_client(sandbox: Sandbox) -> None:
    """``OTEL_PYTHON_TRACER_PROVIDER`` is enough: the application need not load OpenTelemetry itself."""
    run_alone(script(sandbox, "await read()"), OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider")
    (seen,) = sandbox.requests
    assert seen.traceparent is not None


def test_generated_traces_need_no_application(sandbox: Sandbox) -> None:
    """``on_missing_trace="generate"`` sends a trace, even if the application never loads OpenTelemetry."""
    made = script(sandbox, "await read()").replace("AsyncClient(", "AsyncClient(on_missing_trace='generate', ")
    run_alone(made)
    (seen,) = sandbox.requests
    assert seen.traceparent is not None
