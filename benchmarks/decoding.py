"""A finished job of 10,000 target groups, a fifth of them failed: requested, read, decoded and typed.

Where orjson is installed it reads for fieldingkit, as with the extra ``speed``.

Run: ``python -m benchmarks.decoding``
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.util import find_spec

from benchmarks.by_hand import PROJECT, RawClient, read_job
from benchmarks.calls import kit, many
from benchmarks.measure import Row, Side, compare, main, row
from benchmarks.server import Stub, job_body
from fieldingkit import AsyncClient, batch_jobs
from fieldingkit._json import loads
from fieldingkit.converter import structure

GROUPS = 10_000
KIT = "fieldingkit, with orjson" if find_spec("orjson") else "fieldingkit"


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    with asyncio.Runner() as runner, Stub() as stub:
        raw, client = runner.run(_open(stub.url))
        command = batch_jobs.GetPauseTargetGroupsJob(project_id=PROJECT, job_id=str(GROUPS))
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            KIT: partial(client.send, command),
            "raw aiohttp": partial(raw.job, GROUPS),
        }

        def run(call: Callable[[], Awaitable[object]], calls: int) -> None:
            runner.run(many(call, calls, 1))

        times = compare([Side(name, partial(run, call), 5) for name, call in ways.items()], rounds)
        whole = row("a job of 10,000: CPU", *((name, of.cpu) for name, of in times.items()), budget=0.85, unit="ms")
        runner.run(raw.aclose())
        runner.run(client.aclose())
    body = job_body(GROUPS)
    sides = [
        Side(KIT, partial(_repeat, partial(_typed, body)), 5),
        Side("json, object per group", partial(_repeat, partial(read_job, body)), 5),
    ]
    times = compare(sides, rounds)
    return [whole, row("its decoding alone: CPU", *((name, of.cpu) for name, of in times.items()), unit="ms")]


def _typed(body: bytes) -> object:
    return structure(batch_jobs.BatchResult)(loads(body), batch_jobs.BatchResult)


def _repeat(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()


async def _open(url: str) -> tuple[RawClient, AsyncClient]:
    return RawClient(url), kit(url)


if __name__ == "__main__":
    main(measure)
