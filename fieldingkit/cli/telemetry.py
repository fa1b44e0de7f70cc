"""Telemetry of a command: export spans and metrics as OpenTelemetry's ``OTEL_*`` variables say.

The variables are those of the specification, read by the OpenTelemetry SDK itself: ``OTEL_SERVICE_NAME``,
``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_TRACES_SAMPLER``, ``OTEL_EXPORTER_OTLP_HEADERS`` and so on. Nothing of the SDK is
imported unless they name an exporter or an endpoint.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from fieldingkit.cli.streams import SurvivingStream
from fieldingkit.rendering.text import strip_control_chars

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

__all__ = ["export_telemetry"]

_FLUSH_TIMEOUT: Final = 5.0
"""Seconds at the end of a command for what was not exported yet."""
_MAX_LENGTH: Final = 200


class _Provider(Protocol):
    def shutdown(self) -> object: ...


@contextmanager
def export_telemetry(words: str) -> Generator[Callable[[int], None]]:
    """Export the telemetry of a command, with one span around all of its calls.

    A collector that is slow or fails is noted on stderr, and changes neither the exit code nor, beyond a few seconds at
    the end, the duration.

    Args:
        words: The words of the command, without arguments.

    Yields:
        A function that records the exit code.
    """
    kinds = {signal: kind for signal in ("traces", "metrics") if (kind := _exporter(signal)) != "none"}
    if not kinds or os.environ.get("OTEL_SDK_DISABLED", "").casefold() == "true":
        yield _ignore
        return
    failures = _Failures()
    try:
        providers = _start(kinds)
    except (ImportError, ValueError) as exc:
        reason = str(exc)
        if isinstance(exc, ImportError):
            grpc = "grpc" in (exc.name or "")
            package = "opentelemetry-exporter-otlp-proto-grpc" if grpc else '"fieldingkit[otel]"'
            reason = f"python -m pip install {package}"
        _note(f"OTEL_* variables are set, but nothing is exported: {reason}")
        yield _ignore
        return
    from opentelemetry.trace import Status, StatusCode, get_tracer

    def record(code: int) -> None:
        span.set_attribute("process.exit.code", code)
        span.set_status(Status(StatusCode.OK if code == 0 else StatusCode.ERROR))

    try:
        with get_tracer("fieldingkit").start_as_current_span(words, record_exception=False) as span:
            yield record
    finally:
        _shut_down(providers, failures)


def _ignore(code: int) -> None:
    del code


def _exporter(signal: str) -> str:
    """Return the kind of exporter of a signal; "none" if the variables do not ask for one."""
    name = signal.upper()
    if kind := os.environ.get(f"OTEL_{name}_EXPORTER", "").strip().casefold():
        return kind
    endpoints = (f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return "otlp" if any(map(os.environ.get, endpoints)) else "none"


def _start(kinds: dict[str, str]) -> list[_Provider]:
    """Set the global providers and return them.

    Raises:
        ImportError: The SDK or an exporter is not installed.
        ValueError: An exporter is unknown.
    """
    from opentelemetry.sdk.resources import Resource

    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "fieldingkit"}))
    starters = {"traces": _start_traces, "metrics": _start_metrics}
    return [starters[signal](kind, resource) for signal, kind in kinds.items()]


def _start_traces(kind: str, resource: "Resource") -> _Provider:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
    from opentelemetry.trace import set_tracer_provider

    console = kind == "console"
    exporter = ConsoleSpanExporter(out=sys.stderr) if console else _otlp("traces", kind).OTLPSpanExporter()
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    set_tracer_provider(provider)
    return provider


def _start_metrics(kind: str, resource: "Resource") -> _Provider:
    from opentelemetry.metrics import set_meter_provider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader

    exporter = (
        ConsoleMetricExporter(out=sys.stderr) if kind == "console" else _otlp("metrics", kind).OTLPMetricExporter()
    )
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], resource=resource, shutdown_on_exit=False)
    set_meter_provider(provider)
    return provider


def _otlp(signal: str, kind: str) -> Any:
    """Return the module with the OTLP exporter of a signal, for the protocol that the variables name.

    Raises:
        ImportError: It is not installed.
        ValueError: The exporter is not OTLP.
    """
    if kind != "otlp":
        raise ValueError(f"OTEL_{signal.upper()}_EXPORTER must be otlp, console or none; got {kind!r}")
    variables = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = "grpc" if next(filter(None, map(os.environ.get, variables)), "") == "grpc" else "http"
    name = {"traces": "trace_exporter", "metrics": "metric_exporter"}[signal]
    return import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.{name}")


class _Failures(logging.Handler):
    """Keeps the first problem that OpenTelemetry logs, in place of a line for each export."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: str | None = None
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, unless there is one."""
        self.first = self.first or record.getMessage()


def _shut_down(providers: list[_Provider], failures: _Failures) -> None:
    """Export what is left, for a few seconds at most. A daemon thread does it, which does not hold up the exit."""

    def work() -> None:
        for provider in providers:
            provider.shutdown()

    thread = threading.Thread(target=work, name="fieldingkit-telemetry", daemon=True)
    thread.start()
    with suppress(KeyboardInterrupt):
        thread.join(_FLUSH_TIMEOUT)
    problem = failures.first
    if thread.is_alive():
        problem = problem or f"the collector did not answer within {_FLUSH_TIMEOUT:g} s"
    if problem is not None:
        _note(f"Telemetry was not exported completely: {strip_control_chars(problem)[:_MAX_LENGTH]}")


def _note(text: str) -> None:
    stderr = SurvivingStream(sys.stderr)
    stderr.write(f"{text}\n")
    stderr.flush()
