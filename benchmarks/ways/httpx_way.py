"""httpx, by hand."""

import httpx

from benchmarks.by_hand import Change, read_job
from benchmarks.ways import JOBS, Way, change, headers, pausing, tagged


def asynchronous(base: str) -> Way:
    """Use ``httpx.AsyncClient``."""
    client = httpx.AsyncClient(timeout=30)

    async def pause() -> Change:
        answer = await client.post(base + pausing(), headers=tagged())
        return change(answer.status_code, answer.headers)

    async def job(groups: int) -> object:
        answer = await client.get(f"{base}{JOBS}/{groups}", headers=headers())
        return read_job(answer.raise_for_status().content)

    return Way("httpx, async", pause, job, client.aclose)


def blocking(base: str) -> Way:
    """Use ``httpx.Client``."""
    client = httpx.Client(timeout=30)

    def pause() -> Change:
        answer = client.post(base + pausing(), headers=tagged())
        return change(answer.status_code, answer.headers)

    def job(groups: int) -> object:
        answer = client.get(f"{base}{JOBS}/{groups}", headers=headers())
        return read_job(answer.raise_for_status().content)

    return Way("httpx.Client", pause, job, client.close)
