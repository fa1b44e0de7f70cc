"""Calls to servers that fail, in virtual time: retries and the rate limiter over a simulated server."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from multidict import CIMultiDict

from fieldingkit.errors import Attempt, FieldingKitError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry import Retry, RetryBudget
from fieldingkit.transport.retry_policy import RetryPolicy
from support.virtual_loop import LoopClock, run_virtually

LATENCY = 0.05
"""Seconds that the server takes for each request."""

Status = Callable[[float, str], int]
"""Returns the status for a moment and a path."""


class Result(NamedTuple):
    """The outcome of a simulated outage."""

    outcomes: list[Response | FieldingKitError]
    """The response or error of each call, in order."""
    sent_at: list[float]
    """The moment of each request at the server."""
    duration: float
    """Virtual seconds until the last call ended."""

    @property
    def succeeded(self) -> int:
        """The number of calls that got a 200."""
        return sum(isinstance(outcome, Response) and outcome.status == 200 for outcome in self.outcomes)


def simulate(
    status: Status,
    starts: Sequence[float],
    *,
    paths: Sequence[str] = ("/reads",),
    deadline: float | None = 120.0,
    retry_after: float | None = None,
) -> Result:
    """Make reads against a server, with the default retry policy.

    Args:
        status: The server's behavior.
        starts: The moment of each call.
        paths: The paths of the calls, by turns.
        deadline: The deadline of each call, in seconds.
        retry_after: The ``Retry-After`` of responses that are not 200.
    """
    sent_at: list[float] = []

    async def server(call: Call) -> Response:
        now = asyncio.get_running_loop().time()
        sent_at.append(now)
        answer = status(now, call.request.target)
        await asyncio.sleep(LATENCY)
        call.attempts.append(Attempt(len(call.attempts) + 1, answer, None, True, now, LATENCY, call.delay))
        headers = {} if retry_after is None or answer == 200 else {"Retry-After": f"{retry_after:g}"}
        return Response(answer, CIMultiDict(headers), b"{}")

    async def main() -> Result:
        policy = RetryPolicy()
        retry = Retry(RateLimiter(server).__call__, RetryBudget(policy.budget, policy.budget_refill))

        async def read(number: int, start: float) -> Response | FieldingKitError:
            await asyncio.sleep(start)
            path = paths[number % len(paths)]
            request = Request(
                "GET", path, headers={}, body=None, operation_id=path, template=path, retry_safety=RetrySafety.READ
            )
            try:
                return await retry(Call(request, clock=LoopClock(), timeout=30.0, deadline=deadline, retry=policy))
            except FieldingKitError as exc:
                return exc

        outcomes = await asyncio.gather(*(read(number, start) for number, start in enumerate(starts)))
        return Result(outcomes, sent_at, asyncio.get_running_loop().time())

    return run_virtually(main())


def down_between(begin: float, end: float) -> Status:
    """Return a server that answers 502 for a while."""
    return lambda now, _: 502 if begin <= now < end else 200


def dead(now: float, path: str) -> int:
    """Answer 503 to everything."""
    del now, path
    return 503


def at_most(rate: int) -> Status:
    """Return a server that takes so many requests in any second, and answers 429 to the others."""
    taken: deque[float] = deque()

    def status(now: float, path: str) -> int:
        del path
        while taken and taken[0] <= now - 1.0:
            taken.popleft()
        if len(taken) >= rate:
            return 429
        taken.append(now)
        return 200

    return status
