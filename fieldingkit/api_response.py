"""A result together with its HTTP response, as ``send_detailed`` returns it."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from fieldingkit.errors import Attempt

__all__ = ["ApiResponse"]

R_co = TypeVar("R_co", covariant=True)


@attrs.frozen(kw_only=True)
class ApiResponse(Generic[R_co]):
    """A result together with the HTTP response that carried it."""

    result: R_co
    """The result of the command."""
    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The response headers, with lower-case names and without cookies."""
    trace_id: str | None
    """The W3C trace id of the call, for the API's support."""
    request_id: str | None
    """The ``x-request-id`` of the response."""
    attempts: tuple[Attempt, ...]
    """Every send of the call, in order."""
    raw: Any = attrs.field(repr=False)
    """The body as decoded JSON, unknown members included; None if it is not JSON."""
