"""In-memory providers of OpenTelemetry's SDK, with readable output."""

import os
import subprocess
import sys
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import SpanContext, StatusCode


def ids_of(span: ReadableSpan) -> SpanContext:
    """Return the ids of a finished span."""
    context = span.get_span_context()
    assert context is not None
    return context


class Spans:
    """A tracer provider that keeps its spans."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("the application")

    @property
    def finished(self) -> list[ReadableSpan]:
        """The finished spans in the order of their start."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def of_kind(self, kind: str) -> list[ReadableSpan]:
        """Return the finished spans of a kind, such as ``CLIENT``."""
        return [span for span in self.finished if span.kind.name == kind]

    def clear(self) -> None:
        """Remove all spans."""
        self._exporter.clear()

    def tree(self) -> str:
        """Return all spans as an indented list: kind, name, status, resends, error and links."""
        spans = self.finished
        ids = {ids_of(span).span_id: span for span in spans}

        def lines(parent: int | None, indent: str) -> list[str]:
            found: list[str] = []
            for span in spans:
                above = span.parent.span_id if span.parent is not None and span.parent.span_id in ids else None
                if above == parent:
                    found += [indent + _line(span, ids), *lines(ids_of(span).span_id, indent + "  ")]
            return found

        return "\n".join(lines(None, ""))


def _line(span: ReadableSpan, ids: dict[int, ReadableSpan]) -> str:
    attributes = span.attributes or {}
    words = [span.kind.name, span.name]
    if "http.response.status_code" in attributes:
        words.append(str(attributes["http.response.status_code"]))
    if "http.request.resend_count" in attributes:
        words.append(f"resend {attributes['http.request.resend_count']}")
    if span.status.status_code is not StatusCode.UNSET or "error.type" in attributes:
        words.append(f"{span.status.status_code.name} {attributes.get('error.type')}")
    for link in span.links:
        linked = ids.get(link.context.span_id)
        words.append(f"~ {linked.name if linked is not None else 'elsewhere'}")
    return " ".join(words)


class Measurements:
    """A meter provider that keeps its measurements."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self._reader])

    def of(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the measurements of a name: attributes, and the point with the value or the histogram."""
        metrics = [metric for metric in self._all() if metric.name == name]
        return [(dict(point.attributes), point) for metric in metrics for point in metric.data.data_points]

    @property
    def names(self) -> set[str]:
        """The names of all measurements."""
        return {metric.name for metric in self._all()}

    def _all(self) -> list[Any]:
        data: Any = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return [metric for scope in scopes for metric in scope.metrics]


def run_alone(script: str, **environment: str) -> str:
    """Run a script in a separate process, where global providers may be set; return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
