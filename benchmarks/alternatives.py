"""A pause and a finished job of 10,000 groups with other asynchronous libraries, beside aiohttp by hand."""

from collections.abc import Sequence
from functools import partial

from benchmarks.measure import Side, compare
from benchmarks.rows import Excluded, Row, compared
from benchmarks.server import Stub
from benchmarks.ways import aiohttp_way, find, jobs, pauses

ROUNDS = 10
CALLS = {1: 100, 64: 128}
GROUPS = 10_000
RAW = "raw aiohttp"
WAYS = {
    "httpx": "httpx_way",
    "httpx2": "httpx2_way",
    "azure-core on aiohttp": "azure_way",
    "openapi-python-client": "generated_way",
}


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    found, excluded = find(WAYS, "asynchronous", "a pause and a job of 10,000")
    ways = {RAW: aiohttp_way.asynchronous, **found}
    rows: list[Row] = []
    with Stub() as stub:
        for width, calls in CALLS.items():
            number = width if quick else calls
            sides = [
                Side(name=name, open=partial(pauses, make, stub.url, width), calls=number, warm_up=width)
                for name, make in ways.items()
            ]
            rows += _rows(f"pause, {width} at once: CPU" if width > 1 else "pause, one by one: CPU", sides, rounds)
        sides = [
            Side(name=name, open=partial(jobs, make, stub.url, GROUPS), calls=1 if quick else 3)
            for name, make in ways.items()
        ]
        rows += _rows("job of 10,000: CPU", sides, rounds)
    return [*rows, *excluded]


def _rows(what: str, sides: Sequence[Side], rounds: int) -> list[Row]:
    times = compare(sides, rounds)
    reference = (RAW, times.pop(RAW).cpu)
    unit = "ms" if "job" in what else "us"
    return [compared(what, (name, of.cpu), reference, unit=unit) for name, of in times.items()]
