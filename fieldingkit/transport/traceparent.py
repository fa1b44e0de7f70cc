"""The W3C headers ``traceparent`` and ``tracestate``, read and written: https://www.w3.org/TR/trace-context/.

Always the ``TraceContextTextMapPropagator`` itself, never the application's global propagator: that one would also send
baggage to the vendor, or with ``OTEL_PROPAGATORS=b3`` leave out the header that the API wants.
"""

from typing import NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["VERBATIM", "Verbatim", "inject", "read_traceparent"]

_PROPAGATOR = TraceContextTextMapPropagator()
VERBATIM = otel_context.create_key("fieldingkit-tracestate")
"""Where a context keeps its ``Verbatim``."""


class Verbatim(NamedTuple):
    """A ``tracestate`` as it came: OpenTelemetry keeps its members, but not its bytes."""

    parsed: TraceState
    """What OpenTelemetry made of it."""
    text: str
    """As it came."""


def read_traceparent(traceparent: str, tracestate: str | None = None) -> SpanContext | None:
    """The span that the headers name; None if they name none."""
    carrier = {"traceparent": traceparent}
    if tracestate is not None:
        carrier["tracestate"] = tracestate
    named = get_current_span(_PROPAGATOR.extract(carrier, Context())).get_span_context()
    return named if named.is_valid else None


def inject(context: Context) -> dict[str, str]:
    """The headers that tell of the span in a context: ``traceparent``, and ``tracestate`` if there is one."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers, context)
    kept = context.get(VERBATIM)
    # A sampler may have changed the state on the way: then it is another one, and goes out as that.
    if isinstance(kept, Verbatim) and get_current_span(context).get_span_context().trace_state is kept.parsed:
        headers["tracestate"] = kept.text
    return headers
