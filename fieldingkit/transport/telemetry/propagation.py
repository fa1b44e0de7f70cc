"""W3C trace context: read and write the headers ``traceparent`` and ``tracestate``.

https://www.w3.org/TR/trace-context/. The application's global propagator is never used: it would also send baggage to
the vendor, or with ``OTEL_PROPAGATORS=b3`` omit the header that the API reads.
"""

from typing import NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceState, get_current_span, set_span_in_context

__all__ = ["read_traceparent", "trace_headers", "with_parent"]

_TRACEPARENT = "00-%032x-%016x-%02x"  # a third faster than an f-string
_RAW_TRACE_STATE = otel_context.create_key("fieldingkit-tracestate")
"""The context's key of its ``_RawTraceState``."""


class _RawTraceState(NamedTuple):
    """A ``tracestate`` with its original bytes, which OpenTelemetry does not keep."""

    parsed: TraceState
    text: str


def read_traceparent(traceparent: str, tracestate: str | None = None) -> SpanContext | None:
    """Return the span that the headers name; None if they are invalid."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": traceparent}
    if tracestate is not None:
        carrier["tracestate"] = tracestate
    named = get_current_span(TraceContextTextMapPropagator().extract(carrier, Context())).get_span_context()
    return named if named.is_valid else None


def trace_headers(span: SpanContext, context: Context) -> dict[str, str]:
    """Return the headers of a valid span: ``traceparent``, and ``tracestate`` if there is one.

    Args:
        span: The span to name.
        context: The context that it was started in, or that it is current in.
    """
    headers = {"traceparent": _TRACEPARENT % (span.trace_id, span.span_id, span.trace_flags)}
    if state := span.trace_state:
        raw = context.get(_RAW_TRACE_STATE)
        # A sampler may have replaced the state since; then the new one is sent.
        original = raw.text if isinstance(raw, _RawTraceState) and raw.parsed is state else None
        headers["tracestate"] = state.to_header() if original is None else original
    return headers


def with_parent(context: Context, parent: SpanContext, tracestate: str | None) -> Context:
    """Return a context in which the span that headers named is current.

    Args:
        context: The context to extend.
        parent: The span that ``read_traceparent`` returned.
        tracestate: The header that belongs to it; it is sent on byte for byte.
    """
    if tracestate is not None and parent.trace_state:
        context = otel_context.set_value(_RAW_TRACE_STATE, _RawTraceState(parent.trace_state, tracestate), context)
    return set_span_in_context(NonRecordingSpan(parent), context)
