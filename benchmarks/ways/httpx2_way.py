"""httpx2, by hand: it has the interface of httpx."""

import httpx2

from benchmarks.ways import Way, httpx_way


def asynchronous(base: str) -> Way:
    """Use ``httpx2.AsyncClient``."""
    return httpx_way.asynchronous(base, httpx2.AsyncClient)


def blocking(base: str) -> Way:
    """Use ``httpx2.Client``."""
    return httpx_way.blocking(base, httpx2.Client)
