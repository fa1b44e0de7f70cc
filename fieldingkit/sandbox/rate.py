"""The rate limit."""

import math
from datetime import datetime

from fieldingkit.sandbox import problems

__all__ = ["RateLimit"]


class RateLimit:
    """A token bucket that holds one second's worth of requests.

    Args:
        rate: How many requests a second it lets through.
    """

    def __init__(self, rate: float) -> None:
        if rate <= 0:
            raise ValueError("the rate has to be greater than zero")
        self._rate = rate
        self._room = self._capacity = max(1.0, rate)
        self._filled_at: datetime | None = None

    def take(self, now: datetime) -> None:
        """Let a request through, or answer 429 with the whole seconds until there is room again."""
        if self._filled_at is not None:
            passed = (now - self._filled_at).total_seconds()
            self._room = min(self._capacity, self._room + passed * self._rate)
        self._filled_at = now
        if self._room < 1:
            raise problems.too_many_requests(max(1, math.ceil((1 - self._room) / self._rate)))
        self._room -= 1
