"""The intervals between polls and the tolerance for failed polls."""

import math
from collections.abc import Callable
from typing import Any

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError

__all__ = ["PollPolicy"]


def _number_from(least: float, *, finite: bool = True) -> Callable[[object, "attrs.Attribute[Any]", object], None]:
    def check(policy: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not number >= least or (finite and not math.isfinite(number)):
            kind = "a finite number" if finite else "a number"
            name = f"{type(policy).__name__}.{attribute.name}"
            raise ConfigurationError(f"{name} must be {kind} of at least {least:g}; got {brief_repr(value)}")

    return check


@attrs.frozen(kw_only=True)
class PollPolicy:
    """Intervals between the polls of a job, and the tolerance for failed polls.

    A client with a policy polls all its jobs by it. Without one, these defaults are for batches and launches; reports,
    reconciliations and uploads are polled less often.

    Raises:
        ConfigurationError: if a value is not possible, or ``min_interval`` exceeds ``max_interval``.
    """

    first_delay: float = attrs.field(default=0.1, validator=_number_from(0))
    """Seconds before the first poll, unless the API asks for another delay."""
    min_interval: float = attrs.field(default=0.15, validator=_number_from(0))
    """Shortest interval between two polls in seconds, even if the API asks for less."""
    max_interval: float = attrs.field(default=300.0, validator=_number_from(0))
    """Longest interval between two polls in seconds, even if the API asks for more."""
    growth: float = attrs.field(default=1.5, validator=_number_from(1))
    """Factor by which the interval grows from poll to poll; it starts over when the job makes progress."""
    error_tolerance: float = attrs.field(default=300.0, validator=_number_from(0, finite=False))
    """Seconds of failed polls, without a single success, before the wait ends with an error.

    A failed poll is not a failed job: with 0 the first failed poll ends the wait, with ``math.inf`` none does.
    """
    not_found_grace: float = attrs.field(default=5.0, validator=_number_from(0))
    """Seconds during which a job may answer 404 or 410 before it counts as gone. It is polled at least once more."""

    def __attrs_post_init__(self) -> None:
        if self.min_interval > self.max_interval:
            raise ConfigurationError(
                f"PollPolicy.min_interval ({self.min_interval:g}) must not exceed max_interval ({self.max_interval:g})"
            )
