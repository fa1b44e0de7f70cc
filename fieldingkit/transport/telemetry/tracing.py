"""OpenTelemetry spans: one for each call, one for each attempt; and the ``traceparent`` of each attempt.

The application provides the SDK. Without one, no span is started, and every attempt sends the caller's trace.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, get_current_span, set_span_in_context

from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.telemetry.lazy_tracer import LazyTracer
from fieldingkit.transport.telemetry.propagation import read_traceparent, trace_headers
from fieldingkit.transport.telemetry.semconv import SemanticAttributes, error_type, protocol_version

if TYPE_CHECKING:
    from fieldingkit.transport.telemetry.trace_context import TraceContext

__all__ = ["AttemptSpans", "CallSpans"]

_SUPPRESS = getattr(otel_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None)


class CallSpans:
    """Opens an INTERNAL span around each call, with all its attempts; without an SDK it passes the caller's trace on.

    Args:
        inner: Sends the call.
        tracer: Starts the spans.
        parent: The parent of calls outside any span.
        generate: Whether a call outside any trace gets one of its own.
    """

    def __init__(
        self, inner: Transport, tracer: LazyTracer, *, parent: "TraceContext | None" = None, generate: bool = False
    ) -> None:
        self._inner = inner
        self._tracer = tracer
        self._parent = parent
        self._generate = generate

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send a call within a span named after its operation."""
        current = context = otel_context.get_current()
        parent = get_current_span(context).get_span_context()
        traced = parent.is_valid
        if not traced and self._parent is not None:
            context = self._parent.to_otel_context()
            parent = get_current_span(context).get_span_context()
            traced = parent.is_valid
        span = self._tracer.start_span(f"fieldingkit {call.request.operation_id}", context)
        if span is not None:
            return self._send_within(span, set_span_in_context(span, context), call)
        if not traced and self._generate:
            context = _generated_trace(call.request).to_otel_context()
            parent = get_current_span(context).get_span_context()
            traced = True
        call.has_spans = False
        if traced:
            call.headers = trace_headers(parent, context)
        # A trace of the client's own is made current, because token requests and callbacks belong to it as well.
        return self._inner(call) if context is current else self._send_within(None, context, call)

    async def _send_within(self, span: Span | None, context: Context, call: Call) -> Response:
        token = otel_context.attach(context)
        response: Response | None = None
        failure: BaseException | None = None
        try:
            if span is not None and span.is_recording():
                span.set_attribute("fieldingkit.operation_id", call.request.operation_id)
                linked_to = call.request.linked_to
                if linked_to is not None and (creation := read_traceparent(linked_to)) is not None:
                    span.add_link(creation)
            response = await self._inner(call)
            return response
        except BaseException as exc:
            failure = exc
            raise
        finally:
            otel_context.detach(token)
            if span is not None and span.is_recording():
                span.set_attribute("fieldingkit.attempts", len(call.attempts))
                _end(span, error_type(response, failure))


class AttemptSpans:
    """Opens a CLIENT span around each attempt, and adds its trace context to the headers.

    Args:
        inner: Sends the attempt.
        tracer: Starts the spans.
        attributes: The attributes of the spans.
    """

    def __init__(self, inner: Transport, tracer: LazyTracer, attributes: SemanticAttributes) -> None:
        self._inner = inner
        self._tracer = tracer
        self._attributes = attributes

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send an attempt within a span whose id is sent as ``traceparent``."""
        if not call.has_spans:
            return self._inner(call)
        context = otel_context.get_current()
        parent = get_current_span(context)
        named = parent.get_span_context()
        if not named.is_valid:
            return self._inner(call)  # neither an SDK nor a parent
        request, resends = call.request, len(call.attempts)
        # Samplers see only the attributes that a span starts with. But preparing them is most of the cost of a span.
        attributes = self._attributes.of_attempt(request, resends=resends) if parent.is_recording() else None
        span = self._tracer.start_span(self._attributes.span_name(request), context, SpanKind.CLIENT, attributes)
        if span is None:
            call.headers = trace_headers(named, context)  # of a token request, which no call span surrounds
            return self._inner(call)
        if attributes is None and span.is_recording():
            span.set_attributes(self._attributes.of_attempt(request, resends=resends))
        return self._send_within(span, named, set_span_in_context(span, context), call)

    async def _send_within(self, span: Span, parent: SpanContext, context: Context, call: Call) -> Response:
        named = span.get_span_context()
        call.headers = trace_headers(named, context)
        if _SUPPRESS is not None and named.span_id != parent.span_id:
            # An instrumented aiohttp would create a second span, and overwrite our header with its id. It is suppressed
            # only where there is a span of ours.
            context = otel_context.set_value(_SUPPRESS, True, context)
        token = otel_context.attach(context)
        response: Response | None = None
        failure: BaseException | None = None
        try:
            response = await self._inner(call)
            return response
        except BaseException as exc:
            failure = exc
            raise
        finally:
            otel_context.detach(token)
            if span.is_recording():
                if response is not None:
                    span.set_attribute("http.response.status_code", response.status)
                    if (version := protocol_version(response)) is not None:
                        span.set_attribute("network.protocol.version", version)
                _end(span, error_type(response, failure))


def _generated_trace(request: Request) -> "TraceContext":
    """Return a new trace; for a poll, the trace of the call that created the job."""
    from fieldingkit.transport.telemetry.trace_context import TraceContext

    created = TraceContext.from_headers({"traceparent": request.linked_to or ""})
    return created if created.traceparent is not None else TraceContext.generate()


def _end(span: Span, error: str | None) -> None:
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR)
    span.end()
