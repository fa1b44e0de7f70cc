"""How often a job is looked at; apart from the poller, since every client has a policy but few have jobs."""

from typing import Any

import attrs

from fieldingkit.errors import ConfigurationError

__all__ = ["PollPolicy"]


def _not_negative(policy: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not value >= 0:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must not be negative; got {value}")


def _at_least_one(policy: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not value >= 1:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must be at least 1; got {value}")


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often a job's status is read while one waits for it."""

    first_delay: float = attrs.field(default=0.1, validator=_not_negative)
    """Seconds before the first look, unless the API names a time."""
    min_interval: float = attrs.field(default=0.15, validator=_not_negative)
    """Seconds between two looks at least, also if the API asks for less."""
    max_interval: float = attrs.field(default=300.0, validator=_not_negative)
    """Seconds between two looks at most, also if the API asks for more."""
    growth: float = attrs.field(default=1.5, validator=_at_least_one)
    """By how much the interval grows from look to look; it starts anew when the job makes progress."""
    error_tolerance: int = attrs.field(default=5, validator=_not_negative)
    """How many looks in a row may fail before the wait gives up. A failing look is not a failing job."""
    gone_grace: float = attrs.field(default=5.0, validator=_not_negative)
    """Seconds for which a new job may be not readable yet (404) before it counts as gone."""
