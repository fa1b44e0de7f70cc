"""httpx, by hand."""

from collections.abc import Callable
from typing import Any

import httpx

from benchmarks.by_hand import JOBS, Change, headers, headers_of_action, path_of_pause, read_job
from benchmarks.ways import Way, change


def asynchronous(base: str, client_type: Callable[..., Any] = httpx.AsyncClient) -> Way:
    """Use ``httpx.AsyncClient``, or another client with its interface."""
    client = client_type(timeout=30)

    async def pause() -> Change:
        answer = await client.post(base + path_of_pause(), headers=headers_of_action())
        return change(answer.status_code, answer.headers)

    async def job(groups: int) -> object:
        answer = await client.get(f"{base}{JOBS}/{groups}", headers=headers())
        return read_job(answer.raise_for_status().content)

    return Way(pause, job, client.aclose)


def blocking(base: str, client_type: Callable[..., Any] = httpx.Client) -> Way:
    """Use ``httpx.Client``, or another client with its interface."""
    client = client_type(timeout=30)

    def pause() -> Change:
        answer = client.post(base + path_of_pause(), headers=headers_of_action())
        return change(answer.status_code, answer.headers)

    def job(groups: int) -> object:
        answer = client.get(f"{base}{JOBS}/{groups}", headers=headers())
        return read_job(answer.raise_for_status().content)

    return Way(pause, job, client.close)
