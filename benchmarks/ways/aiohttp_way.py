"""aiohttp, by hand: the reference of most rows."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp

from benchmarks.by_hand import JOBS, Change, Group, headers, headers_of_action, path_of_pause, read_job
from benchmarks.ways import Way


def asynchronous(base: str, loads: Callable[[bytes], Any] = json.loads) -> Way:
    """Use one ``ClientSession``."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))

    async def pause() -> Change:
        async with session.post(base + path_of_pause(), headers=headers_of_action(), allow_redirects=False) as answer:
            if answer.status != 204:
                raise RuntimeError(await answer.text())
            await answer.read()
            return Change(answer.headers["ETag"])

    async def job(groups: int) -> list[Group]:
        async with session.get(f"{base}{JOBS}/{groups}", headers=headers(), allow_redirects=False) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(body)
            return read_job(body, loads)

    return Way(pause, job, session.close)


def with_orjson(base: str) -> Way:
    """Parse with orjson."""
    import orjson

    return asynchronous(base, orjson.loads)
