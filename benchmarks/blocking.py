"""A blocking pause: one by one beside httpx, urllib3 and others, and from 64 threads to a server that takes 20 ms."""

from collections.abc import Sequence
from functools import partial

from benchmarks.measure import Side, Times, compare, missing_extras
from benchmarks.rows import Excluded, Row, compared
from benchmarks.server import Stub
from benchmarks.ways import Make, aiohttp_way, fieldingkit_way, find, from_threads, one_by_one, pauses

ROUNDS = 25
CALLS = 300
THREADS, LATENCY, CALLS_EACH = 64, 0.02, 20
KIT, FAST, RAW = "fieldingkit", "fieldingkit, with speed", "raw aiohttp, tasks"
WAYS = {
    "urllib3": "urllib3_way",
    "httpx.Client": "httpx_way",
    "httpx2.Client": "httpx2_way",
    "requests": "requests_way",
    "openapi-python-client": "generated_way",
}
BUDGETS = {(KIT, "urllib3"): 1.00, (KIT, "httpx.Client"): 0.45, (FAST, "urllib3"): 0.90}


def measure(rounds: int, *, quick: bool = False) -> Sequence[Row | Excluded]:
    """Return all rows."""
    ways, excluded = find(WAYS, "blocking", "a blocking pause")
    kits = [KIT] if (missing := missing_extras()) else [KIT, FAST]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        excluded.append(Excluded(what="a blocking pause with the extra speed", reason=reason))
    return [
        *_one_by_one(kits, ways, rounds, 1 if quick else CALLS),
        *_from_threads(kits, ways, rounds, 1 if quick else CALLS_EACH),
        *excluded,
    ]


def _one_by_one(kits: Sequence[str], ways: dict[str, Make], rounds: int, calls: int) -> list[Row]:
    made = {**dict.fromkeys(kits, fieldingkit_way.blocking), **ways}
    with Stub() as stub:
        sides = [
            Side(name=name, open=partial(one_by_one, make, stub.url), calls=calls, warm_up=20, speed=name == FAST)
            for name, make in made.items()
        ]
        times = compare(sides, rounds)
    what = "blocking pause, one by one: CPU"
    return [
        compared(what, (kit, times[kit].cpu), (name, times[name].cpu), budget=BUDGETS.get((kit, name)))
        for kit in kits
        for name in ways
    ]


def _from_threads(kits: Sequence[str], ways: dict[str, Make], rounds: int, calls_each: int) -> list[Row]:
    calls = THREADS * calls_each
    made: dict[str, Make] = dict.fromkeys(kits, fieldingkit_way.blocking)
    made |= {name: make for name, make in ways.items() if name == "urllib3"}
    with Stub(LATENCY) as stub:
        raw = Side(
            name=RAW, open=partial(pauses, aiohttp_way.asynchronous, stub.url, THREADS), calls=calls, warm_up=THREADS
        )
        sides = [
            Side(
                name=name,
                open=partial(from_threads, make, stub.url, THREADS),
                calls=calls,
                warm_up=THREADS,
                speed=name == FAST,
            )
            for name, make in made.items()
        ]
        times = compare([raw, *sides], rounds)
    return [row for kit in kits for row in _rates(kit, times)]


def _rates(kit: str, times: dict[str, Times]) -> list[Row]:
    budgets = {RAW: 0.93, "urllib3": 1.00}
    what = f"{THREADS} at once on one core, server at 20 ms: rate"
    return [
        compared(what, (kit, times[kit].wall), (name, times[name].wall), budget=budgets[name], rate=True)
        for name in budgets
        if name in times
    ]
