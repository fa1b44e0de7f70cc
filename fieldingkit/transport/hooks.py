"""Callbacks for those who have no OpenTelemetry: what they are told of an attempt, and how they are called."""

import logging
from collections.abc import Callable
from typing import TypeVar

import attrs

__all__ = ["AttemptEvent", "notify"]

_logger = logging.getLogger("fieldingkit.hooks")

E = TypeVar("E")


@attrs.frozen(kw_only=True)
class AttemptEvent:
    """One send of a call, as ``on_attempt`` is told of it when it has ended."""

    operation_id: str
    """The API's own name of the operation; ``token`` for a request to the token endpoint."""
    method: str
    """The HTTP method."""
    number: int
    """1 for the first send of the call; retries and re-sends after a token refresh both count."""
    status: int | None
    """The HTTP status of the answer; None when there was none."""
    error: str | None
    """The class of error it ended with: the status, or the name of an exception; None if there was none."""
    sent: bool
    """Whether bytes of the request may have reached the server."""
    duration: float
    """How long it took, in seconds."""
    delay: float
    """How long the client had waited before it, in seconds."""
    trace_id: str | None
    """The W3C trace id; the answer's, or else the one that was sent."""
    request_id: str | None
    """The answer's ``x-request-id``."""


def notify(callback: Callable[[E], object], event: E) -> None:
    """Call a callback; whatever it raises is logged, and is no affair of the call."""
    try:
        callback(event)
    except Exception as exc:  # it is the application's code: it may raise anything
        _logger.warning("a callback failed", exc_info=exc, extra={"event": type(event).__name__})
