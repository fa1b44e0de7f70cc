"""The same calls with other libraries, each used as its own documentation recommends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from opentelemetry import propagate

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TAG, TOKEN, Change, next_run

__all__ = ["JOBS", "OWN", "Missing", "Way", "async_ways", "blocking_ways", "change", "headers", "pausing", "tagged"]

RUNS = f"/demand/accounts/{ACCOUNT}/projects/{PROJECT}/target-groups/{GROUP}/fielding-runs"
JOBS = f"/demand/accounts/{ACCOUNT}/projects/{PROJECT}/batch-jobs/pause-fielding-runs-by-target-group-id"
OWN = {
    "Accept": "application/json",
    "Authorization": f"Bearer {TOKEN}",
    "Cint-API-Version": "2025-12-18",
    "User-Agent": "by-hand/1.0",
}
_ASYNC = ("httpx_way", "azure_way", "generated_way")
_BLOCKING = ("urllib3_way", "httpx_way", "requests_way", "generated_way")


class Missing(Exception):
    """The library to measure is not available."""


@dataclass(frozen=True, slots=True)
class Way:
    """The two calls with one library; for an asynchronous library all three functions are coroutines."""

    name: str
    pause: Callable[[], Any]
    job: Callable[[int], Any]
    close: Callable[[], Any]


def pausing() -> str:
    """Return the path of a pause, of another run each time."""
    return f"{RUNS}/{next_run()}/pause"


def headers() -> dict[str, str]:
    """Return the headers of a call, including the trace context."""
    made = dict(OWN)
    propagate.inject(made)
    return made


def tagged() -> dict[str, str]:
    """Return the headers of an action, including its entity tag."""
    return {**headers(), "If-Match": TAG}


def change(status: int, answered: Any) -> Change:
    """Return the typed result of a pause."""
    if status != 204:
        raise RuntimeError(f"the answer was {status}")
    return Change(answered["ETag"])


def async_ways(base: str) -> Iterator[Way]:
    """Create the asynchronous libraries' calls, in the running event loop."""
    return _ways(_ASYNC, "asynchronous", base)


def blocking_ways(base: str) -> Iterator[Way]:
    """Create the blocking libraries' calls."""
    return _ways(_BLOCKING, "blocking", base)


def _ways(names: tuple[str, ...], kind: str, base: str) -> Iterator[Way]:
    for name in names:
        try:
            yield getattr(import_module(f"benchmarks.ways.{name}"), kind)(base)
        except (ImportError, Missing) as exc:
            print(f"{name} is left out: {exc}")
