"""The same two calls with each library, used as its own documentation recommends.

A module has a function ``asynchronous`` or ``blocking`` or both, which returns the calls for a base URL.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmarks.by_hand import Change, within_trace
from benchmarks.measure import Run
from benchmarks.rows import Excluded

__all__ = ["Make", "Missing", "Way", "change", "find", "from_threads", "jobs", "many", "one_by_one", "pauses", "repeat"]


class Missing(Exception):
    """The library is not available, with the reason."""


@dataclass(frozen=True, slots=True)
class Way:
    """The two calls with one library; for an asynchronous library all three functions are coroutine functions."""

    pause: Callable[[], Any]
    job: Callable[[int], Any]
    """Reads a finished batch job of this many target groups."""
    close: Callable[[], Any]


Make = Callable[[str], Way]
"""Prepares the calls for a base URL; those of an asynchronous library in the running event loop."""


def find(modules: Mapping[str, str], kind: str, what: str) -> tuple[dict[str, Make], list[Excluded]]:
    """Return the libraries that are available, by name, and the others with the reason.

    Args:
        modules: The modules of this package by the name of the library.
        kind: ``asynchronous`` or ``blocking``.
        what: What the excluded rows would have measured.
    """
    found: dict[str, Make] = {}
    excluded: list[Excluded] = []
    for name, module in modules.items():
        try:
            found[name] = getattr(import_module(f"benchmarks.ways.{module}"), kind)
        except (ImportError, Missing) as exc:
            excluded.append(Excluded(what=f"{what} with {name}", reason=str(exc)))
    return found, excluded


def change(status: int, answered: Any) -> Change:
    """Return the typed result of a pause."""
    if status != 204:
        raise RuntimeError(f"the answer was {status}")
    return Change(answered["ETag"])


@contextmanager
def pauses(make: Make, url: str, width: int = 1, *, traced: bool = True) -> Iterator[Run]:
    """Make pauses, ``width`` of them at once, within a trace unless ``traced`` is False."""
    with within_trace() if traced else nullcontext(), asyncio.Runner() as runner:
        way = runner.run(_made(make, url))
        yield lambda calls: runner.run(many(way.pause, calls, width))
        runner.run(way.close())


@contextmanager
def jobs(make: Make, url: str, groups: int) -> Iterator[Run]:
    """Read finished batch jobs one by one, within a trace."""
    with within_trace(), asyncio.Runner() as runner:
        way = runner.run(_made(make, url))
        yield lambda calls: runner.run(many(lambda: way.job(groups), calls, 1))
        runner.run(way.close())


@contextmanager
def one_by_one(make: Make, url: str) -> Iterator[Run]:
    """Make blocking pauses within a trace."""
    with within_trace():
        way = make(url)
        yield lambda calls: repeat(way.pause, calls)
        way.close()


@contextmanager
def from_threads(make: Make, url: str, threads: int) -> Iterator[Run]:
    """Make blocking pauses from many threads at once, each within a trace."""
    way = make(url)

    def some(calls: int) -> None:
        with within_trace():
            repeat(way.pause, calls)

    def run(calls: int) -> None:
        started = [threading.Thread(target=some, args=(calls // threads,)) for _ in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    yield run
    way.close()


async def many(call: Callable[[], Awaitable[object]], calls: int, width: int) -> None:
    """Make this many calls, ``width`` of them at once."""

    async def some() -> None:
        for _ in range(calls // width):
            await call()

    if width == 1:
        await some()
    else:
        await asyncio.gather(*(some() for _ in range(width)))


def repeat(call: Callable[[], object], calls: int) -> None:
    """Make this many calls."""
    for _ in range(calls):
        call()


async def _made(make: Make, url: str) -> Way:
    return make(url)
