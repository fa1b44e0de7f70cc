"""A blocking pause: one by one against httpx, urllib3 and requests, and from 64 threads against a 20 ms server.

Where uvloop is installed the client runs on it, as with the extra ``speed``.

Run: ``python -m benchmarks.blocking``
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

from benchmarks.by_hand import ACCOUNT, GROUP, PROJECT, TAG, TOKEN, RawClient, next_run
from benchmarks.calls import many
from benchmarks.measure import Row, Side, compare, main, row
from benchmarks.server import Stub
from benchmarks.ways import blocking_ways
from fieldingkit import Client, fielding_runs

CALLS = 200
THREADS, LATENCY, CALLS_EACH = 64, 0.02, 40
FAST = find_spec("uvloop") is not None
LOOP = ", on uvloop" if FAST else ""


def pause(client: Client) -> object:
    """Send the call with fieldingkit."""
    return client.send(
        fielding_runs.PauseFieldingRun(
            project_id=PROJECT, target_group_id=GROUP, fielding_run_id=next_run(), if_match=TAG
        )
    )


def repeat(call: Callable[[], object], calls: int) -> None:
    """Make this many calls."""
    for _ in range(calls):
        call()


def in_threads(call: Callable[[], object], calls: int) -> None:
    """Make this many calls from 64 threads."""
    threads = [threading.Thread(target=repeat, args=(call, calls // THREADS)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    return [*_one_by_one(rounds), *_threads(max(5, rounds // 3))]


def _one_by_one(rounds: int) -> list[Row]:
    with Stub() as stub, Client(account_id=ACCOUNT, auth=TOKEN, base_url=stub.url) as client:
        ways = list(blocking_ways(stub.url))
        sides = [Side("fieldingkit", partial(repeat, partial(pause, client)), CALLS)]
        sides += [Side(way.name, partial(repeat, way.pause), CALLS) for way in ways]
        times = compare(sides, rounds)
        for way in ways:
            way.close()
    budgets = {"httpx.Client": 0.60, "urllib3": 1.00 if FAST else 1.15}
    mine = ("fieldingkit" + LOOP, times.pop("fieldingkit").cpu)
    return [row("blocking pause: CPU", mine, (name, of.cpu), budget=budgets.get(name)) for name, of in times.items()]


def _threads(rounds: int) -> list[Row]:
    with Stub(LATENCY) as stub, asyncio.Runner() as runner:
        with Client(account_id=ACCOUNT, auth=TOKEN, base_url=stub.url) as client:
            raw = runner.run(_open(stub.url))

            def tasks(calls: int) -> None:
                runner.run(many(raw.pause, calls, THREADS))

            calls = THREADS * CALLS_EACH
            sides = [
                Side(f"fieldingkit{LOOP}, 64 threads", partial(in_threads, partial(pause, client)), calls),
                Side("raw aiohttp, 64 tasks", tasks, calls),
            ]
            times = compare(sides, rounds)
        runner.run(raw.aclose())
    mine, theirs = ((side.name, times[side.name].wall) for side in sides)
    beside = row("64 threads, server at 20 ms: rate", mine, theirs, budget=0.90, rate=True)
    alone = Row(
        what="64 threads, server at 20 ms",
        side=beside.side,
        value=beside.value,
        unit="calls/s",
        budget=2500,
        at_least=True,
    )
    return [beside, alone]


async def _open(url: str) -> RawClient:
    return RawClient(url)


if __name__ == "__main__":
    main(measure)
