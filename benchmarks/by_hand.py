"""The reference of every benchmark: a pause written by hand on aiohttp."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from opentelemetry import propagate

__all__ = [
    "ACCOUNT",
    "GROUP",
    "PROJECT",
    "RUN",
    "TAG",
    "TOKEN",
    "Change",
    "Group",
    "RawClient",
    "groups_of",
    "next_run",
    "read_job",
]

ACCOUNT, TOKEN, TAG = "101", "a-token-of-the-usual-length-0123456789", 'W/"1234"'
PROJECT, GROUP, RUN = (f"01BTGNYV6HRNK8K8VKZASZCFP{digit}" for digit in "012")
_RUNS = itertools.cycle([f"01BTGNYV6HRNK8K8VK{number:08d}" for number in range(10_000)])


def next_run() -> str:
    """Return the next run id. The ids vary, as in real use, so that caches of URLs do not distort the result."""
    return next(_RUNS)


@dataclass(frozen=True, slots=True)
class Change:
    """The result of a pause."""

    etag: str


@dataclass(frozen=True, slots=True)
class Group:
    """The result of one target group of a batch job."""

    id: str
    code: str | None = None
    description: str | None = None


def read_job(body: bytes) -> list[Group]:
    """Decode a finished batch job into one object per group."""
    return groups_of(json.loads(body))


def groups_of(data: dict[str, Any]) -> list[Group]:
    """Convert a decoded batch job into one object per group."""
    groups = [Group(item["target_group_id"]) for item in data["updated_target_groups"]["data"]]
    for item in data["failed_target_groups"]["data"]:
        reason = item["failure_reason"]
        groups.append(Group(item["target_group_id"], reason["code"], reason["description"]))
    return groups


class RawClient:
    """A session and the two calls."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))

    def _headers(self) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {TOKEN}",
            "Cint-API-Version": "2025-12-18",
            "User-Agent": "by-hand/1.0",
        }
        propagate.inject(headers)
        return headers

    async def pause(self) -> Change:
        """Pause a run, a different one each time."""
        groups = f"{self._base}/demand/accounts/{ACCOUNT}/projects/{PROJECT}/target-groups"
        url = f"{groups}/{GROUP}/fielding-runs/{next_run()}/pause"
        headers = {**self._headers(), "If-Match": TAG}
        async with self._session.post(url, headers=headers, allow_redirects=False) as answer:
            if answer.status != 204:
                raise RuntimeError(await answer.text())
            await answer.read()
            return Change(answer.headers["ETag"])

    async def job(self, groups: int) -> list[Group]:
        """Read a finished batch job."""
        url = (
            f"{self._base}/demand/accounts/{ACCOUNT}/projects/{PROJECT}"
            f"/batch-jobs/pause-fielding-runs-by-target-group-id/{groups}"
        )
        async with self._session.get(url, headers=self._headers(), allow_redirects=False) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(body)
            return read_job(body)

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.close()
