"""The example service of docs/how-to/observability.md, run as printed."""

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from support.otel import Spans
from support.pages import code_of

from fieldingkit.sandbox import Sandbox
from fieldingkit.transport.telemetry.metrics import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "observability.md").read_text()


def block(number: int) -> dict[str, Any]:
    """Return the names that a code block of the page defines."""
    code = code_of("docs/how-to/observability.md", "python")[number]
    names: dict[str, Any] = {"__name__": "observability"}
    exec(compile(code, "docs/how-to/observability.md", "exec"), names)  # the page's own code
    return names


@pytest.fixture
def environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the credentials that the service reads."""
    monkeypatch.setenv("CINT_BASE_URL", sandbox.url)
    monkeypatch.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
    monkeypatch.setenv("CINT_TOKEN", sandbox.token)


@pytest.mark.parametrize("path", ["/pause", "/pause-in-a-thread"])
@pytest.mark.parametrize("with_sdk", [False, True])
async def test_one_trace_spans_caller_service_and_api(
    sandbox: Sandbox, environment: None, path: str, *, with_sdk: bool
) -> None:
    """One trace id goes from the caller through the service to the API, for both clients."""
    project = sandbox.seed(live=2)
    caller, spans = Spans(), Spans()
    settings = {"tracer_provider": spans.provider} if with_sdk else {}
    async with TestServer(block(0)["service"](**settings)) as server, aiohttp.ClientSession() as session:
        with caller.tracer.start_as_current_span("the caller") as own:
            headers: dict[str, str] = {}
            TraceContextTextMapPropagator().inject(headers)
            body = {"project_id": project.id, "target_group_ids": project.ids()}
            async with session.post(server.make_url(path), json=body, headers=headers) as answer:
                assert (await answer.json()) == {"updated": project.ids(), "failed": 0}
    trace_id = f"{own.get_span_context().trace_id:032x}"
    assert {(seen.traceparent or "").split("-")[1] for seen in sandbox.requests} == {trace_id}
    seen = [(seen.traceparent or "").split("-")[2] for seen in sandbox.requests]
    if with_sdk:
        assert seen == [f"{span.context.span_id:016x}" for span in spans.of_kind("CLIENT") if span.context]
        assert {span.parent and span.parent.span_id for span in spans.of_kind("INTERNAL")} == {
            own.get_span_context().span_id
        }
    else:
        assert set(seen) == {f"{own.get_span_context().span_id:016x}"}


async def test_a_request_without_a_trace_generates_none(sandbox: Sandbox, environment: None) -> None:
    """A request without a traceparent is served, and no trace is generated for it."""
    project = sandbox.seed(live=1)
    async with TestServer(block(0)["service"]()) as server, aiohttp.ClientSession() as session:
        body = {"project_id": project.id, "target_group_ids": project.ids()}
        async with session.post(server.make_url("/pause"), json=body) as answer:
            assert answer.status == 200
    assert {seen.traceparent for seen in sandbox.requests} == {None}


def test_a_client_accepts_the_callback_of_the_page() -> None:
    """A client accepts the callback of the page."""
    assert block(1)["statuses"] == {}


def test_the_page_lists_all_instruments_and_loggers() -> None:
    """The page lists every instrument and every logger."""
    source = Path(__file__).parents[2] / "fieldingkit"
    text = "\n".join(file.read_text() for file in source.rglob("*.py") if "sandbox" not in file.parts)
    names = {constant for constant in Metrics._create_instruments.__code__.co_consts if isinstance(constant, str)}
    instruments = {name for name in names if re.fullmatch(r"(fieldingkit|http)(\.\w+)+", name)}
    loggers = set(re.findall(r'getLogger\("(fieldingkit[.\w]*)"\)', text))
    assert len(instruments) == 6
    assert {name for name in instruments | loggers if f"`{name}`" not in PAGE} == set()
