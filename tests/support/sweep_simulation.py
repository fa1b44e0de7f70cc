"""A simulated API in virtual time, without a socket, that counts requests."""

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import attrs
from multidict import CIMultiDict

from fieldingkit import AsyncClient
from fieldingkit.transport.http import Call, Request, Response
from support.virtual_loop import LoopClock, run_virtually

T = TypeVar("T")

_CREATED = "2026-11-21T12:00:00.000Z"
_DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


def ids_of(count: int, prefix: str = "G") -> list[str]:
    """Return ids in the form of ULIDs."""
    return [f"{prefix}{number:0{26 - len(prefix)}d}" for number in range(count)]


def make_groups(groups: int, projects: int) -> dict[str, list[str]]:
    """Return target group ids by project id, spread evenly over the projects."""
    ids = ids_of(groups)
    return {project: ids[number::projects] for number, project in enumerate(ids_of(projects, "P"))}


@attrs.define
class _Job:
    ids: list[str]
    ends: float


class CountingApi:
    """An API with batch jobs and lists, in the time of the event loop.

    Args:
        groups: The target groups of each project; all of them are live.
        seconds: Returns the duration of a job from a random number between 0 and 1.
        latency: Seconds for each response.
        failures: The share of requests that are answered with 503 and do nothing.
        seed: The seed of the random numbers.
    """

    def __init__(
        self,
        groups: dict[str, list[str]],
        seconds: Callable[[float], float] = lambda _: 0.2,
        latency: float = 0.02,
        failures: float = 0.0,
        seed: int = 7,
    ) -> None:
        self.groups = groups
        self.counts: Counter[str] = Counter()
        """The number of requests of each kind: ``create``, ``poll``, ``list``."""
        self.arrivals: list[float] = []
        """The time of each request."""
        self.jobs: dict[str, _Job] = {}
        """The jobs by id."""
        self._keys: dict[str, str] = {}
        self._seconds = seconds
        self._latency = latency
        self._failures = failures
        self._random = random.Random(seed)
        self._paused: set[str] = set()

    @property
    def requests(self) -> int:
        """The number of requests."""
        return len(self.arrivals)

    @property
    def busiest_second(self) -> int:
        """The number of requests in the busiest second."""
        first, most = 0, 0
        for last, moment in enumerate(self.arrivals):
            while self.arrivals[first] <= moment - 1 + 1e-6:
                first += 1
            most = max(most, last - first + 1)
        return most

    def bound(self, rate: float) -> float:
        """Return the shortest possible duration: all requests at this rate, or the last job and its poll."""
        last = max(job.ends for job in self.jobs.values())
        return max((2 * len(self.jobs) + self.counts["list"] - 1) / rate, last) + self._latency

    async def __call__(self, call: Call) -> Response:
        """Return the response to a request."""
        now = asyncio.get_running_loop().time()
        self.arrivals.append(now)
        failed = self._failures > 0 and self._random.random() < self._failures
        response = Response(503, CIMultiDict(Date=_DATE), b"") if failed else self._answer(call.request, now)
        await asyncio.sleep(self._latency)
        return response

    def _answer(self, request: Request, now: float) -> Response:
        path = request.target.partition("?")[0].split("/")
        project, rest = path[5], path[6:]
        if request.method == "POST":
            self.counts["create"] += 1
            key = request.headers["Idempotency-Key"]
            if key not in self._keys:
                self._keys[key] = f"JOB{len(self.jobs)}"
                wanted = json.loads(request.body or b"")["target_group_ids"]
                self.jobs[self._keys[key]] = _Job(wanted, now + self._seconds(self._random.random()))
            headers = CIMultiDict(Location=f"{request.target}/{self._keys[key]}", Date=_DATE)
            return Response(201, headers, b"")
        if rest[0] == "target-groups":
            self.counts["list"] += 1
            return self._page(project, request.target)
        self.counts["poll"] += 1
        job_id = rest[-1]
        job = self.jobs[job_id]
        ended = now >= job.ends
        self._paused.update(job.ids if ended else ())
        body = {
            "job_id": job_id,
            "status": "Completed" if ended else "Processing",
            "created_at": _CREATED,
            "created_by": "a-user",
            "updated_target_groups": {"data": [{"target_group_id": id_} for id_ in job.ids] if ended else []},
            "failed_target_groups": {"data": []},
        }
        return _json(body)

    def _page(self, project: str, target: str) -> Response:
        members = self.groups[project]
        if "status=live" in target:
            members = [id_ for id_ in members if id_ not in self._paused]
        _, _, cursor = target.partition("start_after=")
        start = int(cursor) if cursor else 0
        end = start + 100
        return _json(
            {
                "has_more": end < len(members),
                "next_cursor": str(end) if end < len(members) else None,
                "target_groups": [_summary(id_) for id_ in members[start:end]],
            }
        )


def _summary(id_: str) -> dict[str, Any]:
    progress = {
        "current_completes": 0,
        "current_prescreens": 0,
        "filling_goal": 100,
        "filling_strategy": "completes",
    }
    return {
        "id": id_,
        "name": id_,
        "status": "live",
        "project_manager_id": "a-user",
        "locale": "eng_us",
        "created_at": _CREATED,
        "statistics": {"progress": {"value": progress, "issues": []}},
    }


def _json(body: object) -> Response:
    return Response(200, CIMultiDict({"Content-Type": "application/json", "Date": _DATE}), json.dumps(body).encode())


def simulate(
    api: CountingApi, work: Callable[[AsyncClient], Coroutine[Any, Any, T]], **options: Any
) -> tuple[T, float]:
    """Run work with a client of a simulated API; return its result and the virtual seconds it took.

    Args:
        api: The API.
        work: Called with the client.
        options: Options of the client.
    """

    async def main() -> tuple[T, float]:
        async with AsyncClient(auth="token", account_id=101, clock=LoopClock(), transport=api, **options) as client:
            started = asyncio.get_running_loop().time()
            result = await work(client)
            return result, asyncio.get_running_loop().time() - started

    return run_virtually(main())


def spread(low: float, high: float) -> Callable[[float], float]:
    """Return a function from a random number to a duration between two bounds, short ones more frequent."""
    return lambda chance: low * math.exp(chance * math.log(high / low))


def in_order(values: Iterable[float]) -> bool:
    """Return whether no value is smaller than the previous one."""
    values = list(values)
    return values == sorted(values)
