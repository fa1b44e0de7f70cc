"""What the callbacks ``on_request`` and ``on_attempt`` receive."""

from collections.abc import Mapping

import attrs

__all__ = ["AttemptEvent", "RequestEvent"]


@attrs.frozen(kw_only=True)
class RequestEvent:
    """A request that is about to be sent, as passed to ``on_request``."""

    operation_id: str
    """The API's name of the operation; ``token`` for a token request."""
    method: str
    """The HTTP method."""
    url: str
    """The full URL; the values of its query are replaced by ``REDACTED``."""
    headers: Mapping[str, str]
    """The headers; the value of each that may hold a credential is replaced by ``REDACTED``."""
    number: int
    """The number of the attempt within the call, from 1."""


@attrs.frozen(kw_only=True)
class AttemptEvent:
    """An attempt that has ended, as passed to ``on_attempt``."""

    operation_id: str
    """The API's name of the operation; ``token`` for a token request."""
    method: str
    """The HTTP method."""
    number: int
    """The number of the attempt within the call, from 1; retries and resends after a token refresh both count."""
    status: int | None
    """The HTTP status of the response; None if there was none."""
    error: str | None
    """The error: a status, or the name of an exception; None if the attempt succeeded."""
    sent: bool
    """True if bytes of the request may have reached the server."""
    duration: float
    """Seconds from the start of the attempt to the end of the response's body."""
    delay: float
    """Seconds that the client waited before the attempt."""
    trace_id: str | None
    """The W3C trace id of the response, or of the request if there was no response."""
    request_id: str | None
    """The response's ``x-request-id``."""
