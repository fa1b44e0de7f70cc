"""OpenTelemetry: a span for each call, a span for each attempt, and the ``traceparent`` that goes out.

Names and attributes follow the stable HTTP semantic conventions; see ``conventions``. Only the API is used: the
application brings the SDK. Where there is none, neither transport adds a frame to the call.
"""

from collections.abc import Awaitable
from importlib import import_module
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.telemetry.propagation import inject, read_traceparent
from fieldingkit.transport.telemetry.semconv import SemanticAttributes, error_type, protocol_version

if TYPE_CHECKING:
    from fieldingkit.transport.telemetry.propagation import TraceContext

__all__ = ["AttemptSpans", "CallSpans"]


_SUPPRESS = getattr(otel_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None)


class CallSpans:
    """An INTERNAL span around each call, whatever number of attempts it takes.

    Args:
        inner: What the call goes on through.
        tracer: Makes the spans.
        parent: The parent of calls that are made outside any span.
        generate: Whether a call that belongs to no trace gets one of its own.
    """

    def __init__(
        self, inner: Transport, tracer: Tracer, *, parent: "TraceContext | None" = None, generate: bool = False
    ) -> None:
        self._inner = inner
        self._tracer = tracer
        self._parent = parent
        self._generate = generate

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send within a span that is named after the operation."""
        context: Context | None = None
        if self._parent is not None and not get_current_span().get_span_context().is_valid:
            context = self._parent.to_otel_context()
        span = self._tracer.start_span(f"fieldingkit {call.request.operation_id}", context)
        if span is INVALID_SPAN or not span.get_span_context().is_valid:
            # There is no parent, and no SDK, which had begun a trace.
            if self._generate:
                return self._within(span, _invented(call.request).to_otel_context(), call)
            call.has_trace = False
            return self._inner(call)
        if span is get_current_span():
            return self._inner(call)  # no SDK: the caller's parent goes out as it is
        return self._within(span, set_span_in_context(span, context), call)

    async def _within(self, span: Span, context: Context, call: Call) -> Response:
        token = otel_context.attach(context)
        response: Response | None = None
        failure: BaseException | None = None
        try:
            if span.is_recording():
                request = call.request
                span.set_attribute("fieldingkit.operation_id", request.operation_id)
                if request.linked_to is not None and (followed := read_traceparent(request.linked_to)) is not None:
                    span.add_link(followed)
            response = await self._inner(call)
            return response
        except BaseException as exc:
            failure = exc
            raise
        finally:
            otel_context.detach(token)
            if span.is_recording():
                span.set_attribute("fieldingkit.attempts", len(call.attempts))
                _end(span, error_type(response, failure))


class AttemptSpans:
    """A CLIENT span around each attempt, and the trace context in its headers."""

    def __init__(self, inner: Transport, tracer: Tracer, attributes: SemanticAttributes) -> None:
        self._inner = inner
        self._tracer = tracer
        self._attributes = attributes

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Send once, within a span whose id goes out as ``traceparent``."""
        if not call.has_trace:
            return self._inner(call)
        parent = get_current_span()
        if not parent.get_span_context().is_valid:
            return self._inner(call)  # no SDK and no parent: nothing to pass on, nothing is made up
        # A sampler sees what a span has from its start; but attributes that nobody records cost the most.
        request, resends = call.request, len(call.attempts)
        attributes = self._attributes.of_attempt(request, resends=resends) if parent.is_recording() else None
        span = self._tracer.start_span(self._attributes.span_name(request), None, SpanKind.CLIENT, attributes)
        if span is parent:
            _tell(call, otel_context.get_current())  # no SDK: the parent goes out
            return self._inner(call)
        if attributes is None and span.is_recording():
            span.set_attributes(self._attributes.of_attempt(request, resends=resends))
        return self._within(span, parent, call)

    async def _within(self, span: Span, parent: Span, call: Call) -> Response:
        context = set_span_in_context(span)
        _tell(call, context)
        if _SUPPRESS is not None and span.get_span_context().span_id != parent.get_span_context().span_id:
            # An instrumented aiohttp would make a second span of the same attempt, and write its id into our header.
            # Where we make no span of our own, its span is welcome.
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


def _invented(request: Request) -> "TraceContext":
    """A trace of the call's own; a look at a job goes on with the one that created it."""
    made: type[TraceContext] = import_module("fieldingkit.transport.telemetry.propagation").TraceContext
    followed = made.from_headers({"traceparent": request.linked_to or ""})
    return followed if followed.traceparent is not None else made.generate()


def _tell(call: Call, context: Context) -> None:
    """Have the next attempt carry the trace context."""
    headers = inject(context)
    call.trace = headers.get("traceparent")
    call.headers = {**call.headers, **headers}


def _end(span: Span, error: str | None) -> None:
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR)
    span.end()
