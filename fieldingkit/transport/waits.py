"""How long to wait before an attempt is repeated. Loaded with the first attempt that is."""

from collections.abc import Generator

import backoff

__all__ = ["waits"]


def waits(base: float, longest: float) -> Generator[float, None, None]:
    """One wait after the other: each is drawn below a bound, which doubles up to the longest.

    Args:
        base: The first bound, in seconds.
        longest: The last one.
    """
    bounds = backoff.expo(base=2, factor=base, max_value=longest)
    next(bounds)  # backoff's generators yield nothing the first time
    for bound in bounds:
        yield backoff.full_jitter(bound)
