"""A tracer that starts spans only once the application has set up OpenTelemetry's SDK."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, ProxyTracer, Span, SpanKind, Tracer

__all__ = ["LazyTracer"]


class LazyTracer:
    """A tracer that starts spans only once the application has set up OpenTelemetry's SDK.

    Without an SDK no span is started. The global provider is checked by each call until it is set, then never again.

    Args:
        tracer: The tracer of the client's provider; of the global provider, it may be a proxy until an SDK is set.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer: Tracer | None = None if isinstance(tracer, NoOpTracer) else tracer
        self._proxy: ProxyTracer | None = tracer if isinstance(tracer, ProxyTracer) else None

    def start_span(
        self,
        name: str,
        context: Context,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, str | int] | None = None,
    ) -> Span | None:
        """Start a span; return None if there is no SDK, or if its span is invalid."""
        if self._proxy is not None:
            # No public attribute shows whether the proxy has found its tracer. Without this one, it starts each span.
            found: Any = getattr(self._proxy, "_tracer", self._proxy)
            if isinstance(found, NoOpTracer):
                return None
            self._tracer, self._proxy = found, None
        if self._tracer is None:
            return None
        span = self._tracer.start_span(name, context, kind, attributes)
        return span if span.get_span_context().is_valid else None
