"""A result together with the HTTP answer that carried it."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from fieldingkit.errors import Attempt

__all__ = ["Exchange"]

R_co = TypeVar("R_co", covariant=True)


@attrs.frozen(kw_only=True)
class Exchange(Generic[R_co]):
    """A result together with the HTTP answer that carried it."""

    result: R_co
    """What the command gives."""
    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The answer's headers, with lower-case names."""
    trace_id: str | None
    """The W3C trace id of the call, to give to the API's support."""
    request_id: str | None
    """The answer's ``x-request-id``."""
    attempts: tuple[Attempt, ...]
    """Every send of the call, in order."""
    raw: Any
    """The body as decoded JSON, with the fields that the result does not have; None if it is not JSON."""
