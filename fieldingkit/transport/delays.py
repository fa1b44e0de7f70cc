"""Growing delays with random jitter, for retries and for polling; the only module that uses backoff."""

from collections.abc import Callable, Generator
from functools import cache
from types import ModuleType

__all__ = ["poll_interval", "retry_delays"]

Jitter = Callable[[float], float]
"""Draws a number between zero and its argument."""


def retry_delays(first: float, longest: float, *, jitter: Jitter | None = None) -> Generator[float, None, None]:
    """Yield the delays before retries: each is drawn between zero and a bound that doubles up to the longest.

    Args:
        first: The first bound, in seconds.
        longest: The last bound, in seconds.
        jitter: The random source, for tests; ``backoff.full_jitter`` by default.
    """
    draw = jitter or _full_jitter()
    for bound in _bounds(first, longest, growth=2.0):
        yield draw(bound)


def poll_interval(bound: float, shortest: float, *, jitter: Jitter | None = None) -> float:
    """Return an interval between two polls: it is drawn from the upper half of its bound.

    Args:
        bound: The bound, in seconds.
        shortest: The shortest interval, in seconds.
        jitter: The random source, for tests; ``backoff.full_jitter`` by default.
    """
    draw = jitter or _full_jitter()
    return max(shortest, bound / 2 + draw(bound / 2))


def _bounds(first: float, longest: float, *, growth: float) -> Generator[float, None, None]:
    bounds: Generator[float, None, None] = _backoff().expo(base=growth, factor=first, max_value=longest)
    next(bounds)  # backoff's generators yield None first
    yield from bounds


def _full_jitter() -> Jitter:
    jitter: Jitter = _backoff().full_jitter
    return jitter


@cache
def _backoff() -> ModuleType:
    """Return the module, which most clients do not need; kept, since each poll needs it again."""
    import backoff

    return backoff
