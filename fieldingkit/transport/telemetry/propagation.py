"""W3C trace context: read and write the headers ``traceparent`` and ``tracestate``.

https://www.w3.org/TR/trace-context/. The application's global propagator is never used: it would also send baggage to
the vendor, or with ``OTEL_PROPAGATORS=b3`` omit the header that the API reads.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Self

import attrs
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceState, get_current_span, set_span_in_context

from fieldingkit.errors import ConfigurationError

__all__ = ["TraceContext", "read_traceparent", "trace_headers"]

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


@attrs.frozen
class TraceContext:
    """The parent trace of calls, for applications that handle the headers themselves.

    An application with an OpenTelemetry SDK does not need it: there, the current span is the parent.
    """

    traceparent: str | None = None
    """The W3C header of that name; None for no trace."""
    tracestate: str | None = attrs.field(default=None, kw_only=True)
    """The W3C header of that name; it is sent byte for byte."""
    _parent: SpanContext | None = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        parent = None if self.traceparent is None else read_traceparent(self.traceparent, self.tracestate)
        if self.traceparent is not None and parent is None:
            raise ConfigurationError(f"invalid W3C traceparent: {self.traceparent[:80]!r}")
        object.__setattr__(self, "_parent", parent)

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Self:
        """Return the trace context of an incoming request; an empty one if its headers have none or an invalid one.

        Args:
            headers: The headers of the request; names in any case.
        """
        found: dict[str, list[str]] = {"traceparent": [], "tracestate": []}
        for name, value in headers.items():
            if (folded := name.lower()) in found:
                found[folded].append(value)
        # Two parents are invalid (section 3.2); a state may be split into several headers (section 3.3).
        parents, state = found["traceparent"], ",".join(found["tracestate"])
        if len(parents) != 1 or read_traceparent(parents[0]) is None:
            return cls()
        return cls(parents[0].strip(" \t"), tracestate=state or None)

    @classmethod
    def generate(cls, *, sampled: bool = True) -> Self:
        """Return a new trace with a random id, to correlate calls by.

        Args:
            sampled: The flag that asks servers to record the trace. Without it, a server that follows its parent's
                decision records nothing of the call.
        """
        ids = os.urandom(24).hex()
        return cls(f"00-{ids[:32]}-{ids[32:]}-{'01' if sampled else '00'}")

    @property
    def trace_id(self) -> str | None:
        """The trace id, 32 hexadecimal digits; None for an empty context."""
        return None if self.traceparent is None else self.traceparent.split("-")[1]

    @contextmanager
    def use(self) -> Generator[None]:
        """Make this the parent of every call within the ``with`` block, including jobs and workflows.

        The block sets OpenTelemetry's own context, which tasks started within the block inherit, and which the blocking
        client copies to its thread. An empty context changes nothing.
        """
        if self.traceparent is None:
            yield
            return
        token = otel_context.attach(self.to_otel_context())
        try:
            yield
        finally:
            otel_context.detach(token)

    def to_otel_context(self) -> Context:
        """Return the current OpenTelemetry context with this as its parent span; unchanged if this is empty."""
        context = otel_context.get_current()
        if self._parent is None:
            return context
        if self.tracestate is not None and self._parent.trace_state:
            raw = _RawTraceState(self._parent.trace_state, self.tracestate)
            context = otel_context.set_value(_RAW_TRACE_STATE, raw, context)
        return set_span_in_context(NonRecordingSpan(self._parent), context)
