"""The pipeline: the order of the transports of one client."""

import asyncio
from collections.abc import Awaitable
from typing import NamedTuple

from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.auth import Auth
from fieldingkit.transport.credentials import TokenProvider
from fieldingkit.transport.custom import CustomTransport
from fieldingkit.transport.http import Call, Response, Transport
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry import Retry, RetryBudget
from fieldingkit.transport.retry_policy import RetryPolicy
from fieldingkit.transport.telemetry import Telemetry
from fieldingkit.transport.telemetry.attempts import AttemptObserver, RequestObserver
from fieldingkit.transport.telemetry.tracing import AttemptSpans, CallSpans

__all__ = ["Pipeline", "build"]


class Pipeline(NamedTuple):
    """The transports of one client."""

    send: Transport
    """Sends a call through all of them."""
    retries: Retry
    """Sends again what failed."""
    rate_limiter: RateLimiter
    """Limits how many attempts leave in a second."""
    auth: Auth
    """Holds the access token."""
    http: AiohttpTransport | CustomTransport
    """Holds the connections."""

    async def aclose(self) -> None:
        """Close the connections, and end waits and token refreshes."""
        self.retries.close()
        self.rate_limiter.close()
        # Together: a token provider that is slow to end delays no connection's end.
        await asyncio.gather(self.http.aclose(), self.auth.aclose())


def build(
    http: AiohttpTransport | CustomTransport,
    *,
    provider: TokenProvider,
    retry: RetryPolicy,
    telemetry: Telemetry,
    rate: float | None = None,
) -> Pipeline:
    """Build the pipeline, from the network outwards.

    Each transport gets the bound method of the next one, which is faster to call than an object with ``__call__``.
    """
    network: Transport = http.__call__
    # Innermost, so that the callback gets the headers that are sent.
    if telemetry.on_request is not None:
        network = RequestObserver(network, telemetry.attributes, telemetry.on_request).__call__
    # Next, so that traceparent names the request that is sent.
    spans = AttemptSpans(network, telemetry.tracer, telemetry.attributes)
    # Around the attempt's span, so that callbacks run in the call's span.
    attempts = AttemptObserver(spans.__call__, telemetry.metrics, telemetry.on_attempt)
    # Inside retry, so that a refreshed token signs the next attempt. Token requests are attempts as well.
    auth = Auth(attempts.__call__, attempts.__call__, provider)
    # Inside retry, because limits count attempts; around auth, so that no token expires in the queue.
    rate_limiter = RateLimiter(auth.__call__, rate)
    retries = Retry(rate_limiter.__call__, RetryBudget(retry.budget, retry.budget_refill), telemetry.metrics)
    # Outermost: the call's span covers all attempts and the waits between them.
    spanned: Transport = CallSpans(
        retries.__call__, telemetry.tracer, parent=telemetry.trace_context, generate=telemetry.generate_missing_trace
    ).__call__

    def send(call: Call) -> Awaitable[Response]:
        http.bind()  # first of all, since every transport belongs to one event loop
        return spanned(call)

    return Pipeline(send, retries, rate_limiter, auth, http)
