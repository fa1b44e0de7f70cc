"""The cost of retries and of the rate limiter without failures, over a transport that answers immediately.

Run: ``python -m benchmarks.machinery``
"""

import asyncio
import statistics
from collections.abc import Sequence

from benchmarks.by_hand import PROJECT
from benchmarks.measure import Row, Side, compare, main
from fieldingkit.clock import MonotonicClock
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry import Retry, RetryBudget

CALLS = 20_000
_REQUEST = Request(
    "POST", f"/{PROJECT}", headers={}, body=None, operation_id="x", template="", retry_safety=RetrySafety.IF_MATCH
)
_ANSWER = Response(204, {}, b"")


async def instant(call: Call) -> Response:
    """Answer immediately."""
    del call
    return _ANSWER


async def _send(transport: Transport, calls: int) -> None:
    call = Call(_REQUEST, clock=MonotonicClock(), timeout=30.0, deadline=120.0)
    for _ in range(calls):
        await transport(call)


def measure(rounds: int) -> Sequence[Row]:
    """Return all rows."""
    transports: dict[str, Transport] = {
        "nothing": instant,
        "retry": Retry(instant, RetryBudget(20, 2)),
        "rate limiter": RateLimiter(instant),
    }
    with asyncio.Runner() as runner:
        sides = [
            Side(name, lambda calls, transport=transport: runner.run(_send(transport, calls)), CALLS)
            for name, transport in transports.items()
        ]
        times = compare(sides, rounds)
    nothing = times.pop("nothing").cpu
    budgets = {"retry": 0.5}
    return [
        Row(
            what="over a network that answers at once: CPU",
            side=name,
            value=statistics.median(mine - bare for mine, bare in zip(of.cpu, nothing, strict=True)) * 1e6,
            unit="us",
            budget=budgets.get(name),
        )
        for name, of in times.items()
    ]


if __name__ == "__main__":
    main(measure)
