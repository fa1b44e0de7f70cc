"""What is to be seen of one client from outside: where its spans and measurements go, and who is called back."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import Tracer, TracerProvider

from fieldingkit.errors import ConfigurationError
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.telemetry.semconv import SemanticAttributes
from fieldingkit.transport.telemetry.tracing import tracer_of

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from fieldingkit.transport.telemetry.attempts import AttemptEvent
    from fieldingkit.transport.telemetry.propagation import TraceContext

__all__ = ["Telemetry", "telemetry"]


class Telemetry(NamedTuple):
    """The parts that the transports of one client share."""

    tracer: Tracer
    """Makes the spans."""
    metrics: Metrics
    """Takes the measurements."""
    described: SemanticAttributes
    """Says where requests go."""
    on_attempt: "Callable[[AttemptEvent], object] | None"
    """Is called after each attempt."""
    parent: "TraceContext | None"
    """The parent of calls that are made outside any span."""
    generate: bool
    """Whether a call that belongs to no trace gets one of its own."""


def telemetry(
    base_url: str,
    *,
    version: str,
    tracer_provider: TracerProvider | None,
    meter_provider: "MeterProvider | None",
    on_attempt: "Callable[[AttemptEvent], object] | None",
    trace_context: "TraceContext | None",
    on_missing_trace: str,
) -> Telemetry:
    """Put together what a client was told.

    Raises:
        ConfigurationError: if ``on_missing_trace`` is neither "omit" nor "generate".
    """
    if on_missing_trace not in {"omit", "generate"}:
        raise ConfigurationError(f"on_missing_trace must be 'omit' or 'generate'; got {on_missing_trace!r}")
    described = SemanticAttributes(base_url)
    return Telemetry(
        tracer_of(tracer_provider, version),
        Metrics(meter_provider, version, described),
        described,
        on_attempt,
        trace_context,
        generate=on_missing_trace == "generate",
    )
