"""The W3C headers ``traceparent`` and ``tracestate``, read and written: https://www.w3.org/TR/trace-context/.

Always the ``TraceContextTextMapPropagator`` itself, never the application's global propagator: that one would also send
baggage to the vendor, or with ``OTEL_PROPAGATORS=b3`` leave out the header that the API wants.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Self

import attrs
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceState, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fieldingkit.errors import ConfigurationError

__all__ = ["VERBATIM", "TraceContext", "Verbatim", "inject", "read_traceparent"]


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


@attrs.frozen
class TraceContext:
    """The trace that a call is to be part of, for callers who hold the headers themselves.

    An application with an OpenTelemetry SDK needs none of this: there, the current span is the parent.
    """

    traceparent: str | None = None
    """The W3C header of that name; None for no trace."""
    tracestate: str | None = attrs.field(default=None, kw_only=True)
    """The W3C header of that name; it is passed on byte for byte."""
    _parent: SpanContext | None = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        parent = None if self.traceparent is None else read_traceparent(self.traceparent, self.tracestate)
        if self.traceparent is not None and parent is None:
            raise ConfigurationError(f"this is no W3C traceparent: {self.traceparent[:80]!r}")
        object.__setattr__(self, "_parent", parent)

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Self:
        """The trace context of an incoming request; an empty one if it has none, or one that is not valid.

        Args:
            headers: The request's headers; names in any case.
        """
        found: dict[str, list[str]] = {"traceparent": [], "tracestate": []}
        for name, value in headers.items():
            if (folded := name.lower()) in found:
                found[folded].append(value)
        # Two parents are as good as none; a state may come in several lines (sections 3.2 and 3.3).
        parents, state = found["traceparent"], ",".join(found["tracestate"])
        if len(parents) != 1 or read_traceparent(parents[0]) is None:
            return cls()
        return cls(parents[0].strip(" \t"), tracestate=state or None)

    @classmethod
    def generate(cls, *, sampled: bool = True) -> Self:
        """A trace of its own, for callers who want an id to look for.

        Args:
            sampled: Whether whoever receives it is asked to record it. If not, a server that follows its parent's
                decision switches its own recording off for the call.
        """
        ids = os.urandom(24).hex()
        return cls(f"00-{ids[:32]}-{ids[32:]}-{'01' if sampled else '00'}")

    @property
    def trace_id(self) -> str | None:
        """The trace id, 32 hexadecimal digits; None for an empty context."""
        return None if self.traceparent is None else self.traceparent.split("-")[1]

    @contextmanager
    def use(self) -> Generator[None]:
        """Make this the parent of every call within the ``with`` block, jobs and workflows included.

        It is OpenTelemetry's own context that is set: it follows into tasks that start within the block, and through
        the blocking client into its thread. An empty context changes nothing.
        """
        if self.traceparent is None:
            yield
            return
        token = otel_context.attach(self.inside())
        try:
            yield
        finally:
            otel_context.detach(token)

    def inside(self, context: Context | None = None) -> Context:
        """An OpenTelemetry context with this as the parent; ``context``, or the present one, if it is empty."""
        context = otel_context.get_current() if context is None else context
        if self._parent is None:
            return context
        if self.tracestate is not None and self._parent.trace_state:
            context = otel_context.set_value(VERBATIM, Verbatim(self._parent.trace_state, self.tracestate), context)
        return set_span_in_context(NonRecordingSpan(self._parent), context)
