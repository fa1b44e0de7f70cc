"""Telemetry configuration of one client."""

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError
from fieldingkit.transport.http import Transport
from fieldingkit.transport.telemetry.lazy_spans import LazySpans, is_tracing_loaded
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.telemetry.semconv import SCHEMA_URL, SemanticAttributes

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from fieldingkit.transport.telemetry.events import AttemptEvent, RequestEvent
    from fieldingkit.transport.telemetry.lazy_tracer import LazyTracer
    from fieldingkit.transport.telemetry.trace_context import TraceContext

__all__ = ["Telemetry"]


class Telemetry:
    """The tracer, metrics and callbacks that the transports of one client share.

    Args:
        base_url: The client's base URL.
        version: The version of fieldingkit.
        tracer_provider: Receives the spans; by default the global provider, even if it is set later.
        meter_provider: Receives the measurements; by default the global provider, even if it is set later.
        on_request: Called before each attempt.
        on_attempt: Called after each attempt.
        trace_context: The parent of calls outside any span.
        on_missing_trace: "generate" gives each call outside any trace one of its own, "omit" does not.

    Raises:
        ConfigurationError: if ``on_missing_trace`` is neither "omit" nor "generate", or if ``FIELDINGKIT_LOG`` is
            neither "debug" nor "info".
    """

    def __init__(
        self,
        base_url: str,
        *,
        version: str,
        tracer_provider: "TracerProvider | None",
        meter_provider: "MeterProvider | None",
        on_request: "Callable[[RequestEvent], object] | None",
        on_attempt: "Callable[[AttemptEvent], object] | None",
        trace_context: "TraceContext | None",
        on_missing_trace: str,
    ) -> None:
        if on_missing_trace not in {"omit", "generate"}:
            raise ConfigurationError(
                f"on_missing_trace must be 'omit' or 'generate'; got {brief_repr(on_missing_trace)}"
            )
        if "FIELDINGKIT_LOG" in os.environ:
            from fieldingkit.transport.telemetry.logs import enable_logs_from_env

            enable_logs_from_env()
        self.attributes: SemanticAttributes = SemanticAttributes(base_url)
        self.metrics: Metrics = Metrics(meter_provider, version, self.attributes)
        self.on_request: Callable[[RequestEvent], object] | None = on_request
        self.on_attempt: Callable[[AttemptEvent], object] | None = on_attempt
        self._version = version
        self._tracer_provider = tracer_provider
        self._trace_context = trace_context
        self._generate = on_missing_trace == "generate"
        # Otherwise tracing is loaded once the application has loaded OpenTelemetry, as an SDK does.
        self._needs_tracing = (
            is_tracing_loaded()
            or self._generate
            or tracer_provider is not None
            or "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
        )

    def around_calls(self, send: Transport) -> Transport:
        """Return a transport that opens a span around each call, and sends it."""

        def with_spans() -> Transport:
            from fieldingkit.transport.telemetry.tracing import CallSpans

            return CallSpans(send, self._tracer, parent=self._trace_context, generate=self._generate).__call__

        return self._once_loaded(with_spans, send)

    def around_attempts(self, send: Transport) -> Transport:
        """Return a transport that opens a span around each attempt, and sends it with the span's id."""

        def with_spans() -> Transport:
            from fieldingkit.transport.telemetry.tracing import AttemptSpans

            return AttemptSpans(send, self._tracer, self.attributes).__call__

        return self._once_loaded(with_spans, send)

    def _once_loaded(self, with_spans: Callable[[], Transport], send: Transport) -> Transport:
        return with_spans() if self._needs_tracing else LazySpans(send, with_spans).__call__

    @cached_property
    def _tracer(self) -> "LazyTracer":
        from opentelemetry.trace import get_tracer

        from fieldingkit.transport.telemetry.lazy_tracer import LazyTracer

        return LazyTracer(get_tracer("fieldingkit", self._version, self._tracer_provider, SCHEMA_URL))
