"""The trace context of an application that handles the headers ``traceparent`` and ``tracestate`` itself."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Self

import attrs
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from fieldingkit.errors import ConfigurationError
from fieldingkit.transport.telemetry.propagation import read_traceparent, with_parent

__all__ = ["TraceContext"]


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
        return context if self._parent is None else with_parent(context, self._parent, self.tracestate)
