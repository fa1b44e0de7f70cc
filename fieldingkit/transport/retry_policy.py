"""Retry policy: how often and how fast failed attempts are retried."""

import attrs

from fieldingkit.option_validators import number

__all__ = ["NO_RETRIES", "RetryPolicy"]


_SECONDS = number(above=0, unit="seconds")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and how fast failed attempts are retried. Which failures are retried is not configurable."""

    max_attempts: int | None = attrs.field(
        default=None, validator=number(at_least=1, whole=True, none="the deadline decides")
    )
    """Sends of one call at most, the first included; 1 switches retries off.

    None means as many as fit into the deadline; without a deadline, 8. While a deadline runs, attempts that were
    answered with 429 do not count.
    """
    base_delay: float = attrs.field(default=0.5, validator=_SECONDS)
    """Upper bound of the first delay, in seconds. It doubles with each retry; the delay is random below it."""
    max_delay: float = attrs.field(default=20.0, validator=_SECONDS)
    """Upper bound of all delays, in seconds, unless the server asks for more."""
    max_retry_after: float = attrs.field(default=120.0, validator=_SECONDS)
    """Longest ``Retry-After`` that is waited for, in seconds. If the server asks for more, the call fails at once."""
    budget: float = attrs.field(default=20.0, validator=number(above=0, unit="retries"))
    """Retries that all calls of the client may make at once. A 429 takes none; a successful call gives back a fifth."""
    budget_refill: float = attrs.field(default=2.0, validator=number(above=0, unit="retries per second"))
    """Retries per second that the budget regains. Retries beyond the budget wait for it."""
    idempotency_key_ttl: float = attrs.field(default=3600.0, validator=_SECONDS)
    """Seconds for which the API is trusted to remember an idempotency key; its documentation names no time."""


NO_RETRIES = RetryPolicy(max_attempts=1)
"""The policy of calls whose caller retries, such as polls."""
