"""OpenTelemetry: a span for each call, a span for each attempt, and the ``traceparent`` that goes out.

Names and attributes follow the stable HTTP semantic conventions, 1.44:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/. Only the API is used; the application brings the SDK.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from fieldingkit.errors import FieldingKitError
from fieldingkit.transport.http import Call, Request, Response, Transport

__all__ = ["AttemptSpans", "CallSpans"]

# W3C Trace Context itself, not the application's global propagator: that one would also send baggage to the vendor, or
# leave out the header that the API wants.
_PROPAGATOR = TraceContextTextMapPropagator()
_SUPPRESS = getattr(otel_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None)


class CallSpans:
    """An INTERNAL span around each call, whatever number of attempts it takes."""

    def __init__(self, inner: Transport, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    async def __call__(self, request: Request, call: Call) -> Response:
        """Send within a span that is named after the operation."""
        span = self._tracer.start_span(
            f"fieldingkit {request.operation_id}", kind=SpanKind.INTERNAL, links=_links(request.linked_to)
        )
        if not span.is_recording():
            span.end()
            return await self._inner(request, call)
        token = otel_context.attach(set_span_in_context(span))
        try:
            response = await self._inner(request, call)
            if response.status >= 400:
                span.set_attribute("error.type", str(response.status))
                span.set_status(StatusCode.ERROR)
            return response
        except Exception as exc:
            _failed(span, exc)
            raise
        finally:
            otel_context.detach(token)
            span.set_attribute("fieldingkit.attempts", len(call.attempts))
            span.end()


class AttemptSpans:
    """A CLIENT span around each attempt, and the trace context in its headers."""

    def __init__(self, inner: Transport, tracer: Tracer, base_url: str) -> None:
        self._inner = inner
        self._tracer = tracer
        self._base_url = base_url
        parts = urlsplit(base_url)
        self._server: dict[str, AttributeValue] = {
            "server.address": parts.hostname or "",
            "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        }

    async def __call__(self, request: Request, call: Call) -> Response:
        """Send once, within a span whose id goes out as ``traceparent``."""
        span = self._tracer.start_span(request.method, kind=SpanKind.CLIENT)
        if not span.get_span_context().is_valid:
            return await self._inner(request, call)  # no SDK and no parent: nothing to pass on, nothing is made up
        context = set_span_in_context(span)
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, context)
        call.trace = carrier.get("traceparent")
        if span.is_recording():
            self._describe(span, request, call)
        if _SUPPRESS is not None:
            # An instrumented aiohttp would make a second span of the same attempt, and write its id into our header.
            context = otel_context.set_value(_SUPPRESS, True, context)
        token = otel_context.attach(context)
        try:
            response = await self._inner(request.with_headers(carrier), call)
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 400:
                span.set_attribute("error.type", str(response.status))
                span.set_status(StatusCode.ERROR)
            return response
        except Exception as exc:
            _failed(span, exc)
            raise
        finally:
            otel_context.detach(token)
            span.end()

    def _describe(self, span: Span, request: Request, call: Call) -> None:
        path, _, query = request.target.partition("?")
        span.set_attributes(
            {
                **self._server,
                "http.request.method": request.method,
                # A query may hold what a user searched for; its place is told, not its text.
                "url.full": self._base_url + path + ("?REDACTED" if query else ""),
                "url.template": request.template,
            }
        )
        if call.attempts:
            span.set_attribute("http.request.resend_count", len(call.attempts))


def _links(traceparent: str | None) -> Sequence[Link]:
    if traceparent is None:
        return ()
    created = get_current_span(_PROPAGATOR.extract({"traceparent": traceparent})).get_span_context()
    return (Link(created),) if created.is_valid else ()


def _failed(span: Span, exc: Exception) -> None:
    """Mark a span as failed; a caller who cancels has not seen a failure (semconv 1.41, #3495)."""
    if isinstance(exc, asyncio.CancelledError):
        return
    kind = type(exc)
    name = kind.__name__ if isinstance(exc, FieldingKitError) else f"{kind.__module__}.{kind.__qualname__}"
    span.set_attribute("error.type", name)
    span.set_status(Status(StatusCode.ERROR))
