"""Completes that arrive at random, from a seed."""

import bisect
import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

__all__ = ["poisson_arrivals", "totals"]


def poisson_arrivals(chance: random.Random, *, per_hour: float, count: int) -> list[float]:
    """Return the hours at which so many completes arrive."""
    hours, hour = list[float](), 0.0
    for _ in range(count):
        hour += chance.expovariate(per_hour)
        hours.append(hour)
    return hours


def totals(hours: Sequence[float], start: datetime, until: float) -> list[tuple[datetime, int]]:
    """Return the number of completes at each full hour, and at the last moment."""
    moments = [*range(math.floor(until) + 1), until]
    return [(start + timedelta(hours=at), bisect.bisect_right(hours, at)) for at in moments]
