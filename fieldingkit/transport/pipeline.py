"""fieldingkit.transport.pipeline."""

from typing import NamedTuple

from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.auth import Auth
from fieldingkit.transport.credentials import TokenProvider
from fieldingkit.transport.http import Transport
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry import Retry, RetryPolicy
from fieldingkit.transport.telemetry import Telemetry
from fieldingkit.transport.telemetry.attempts import AttemptObserver
from fieldingkit.transport.telemetry.tracing import AttemptSpans, CallSpans

__all__ = ["Pipeline", "build"]


class Pipeline(NamedTuple):
    """The transports of one client, and what must be closed with it."""

    send: Transport
    """Sends a request through all of them."""
    rate_limiter: RateLimiter
    """Holds back what would be too much at once."""
    auth: Auth
    """Holds the token."""
    http: AiohttpTransport
    """Holds the connections."""

    async def aclose(self) -> None:
        """Close the connections and give up a token refresh that is going on."""
        await self.auth.aclose()
        self.rate_limiter.close()
        await self.http.aclose()


def build(
    http: AiohttpTransport,
    *,
    provider: TokenProvider,
    retry: RetryPolicy,
    telemetry: Telemetry,
    rate: float | None = None,
) -> Pipeline:
    """Put the transports in order, from the network outwards.

    Each is given the bound method of the next: to call an object by its ``__call__`` costs a search for it each time.
    """
    # Innermost the attempt's span, so that traceparent names the hop that really leaves.
    spanned = AttemptSpans(http.__call__, telemetry.tracer, telemetry.attributes)
    # Around it, so that a callback is in the call's span, and not in one that has ended.
    attempt = AttemptObserver(spanned.__call__, telemetry.metrics, telemetry.on_attempt)
    # Within a retry, so that a refreshed token signs the next attempt. A request for a token is an attempt as well.
    auth = Auth(attempt.__call__, attempt.__call__, provider)
    # Within a retry too, so that no attempt escapes it; around auth, so that no token is fetched in vain.
    # Within a retry, since limits count attempts.
    rate_limiter = RateLimiter(auth.__call__, rate)
    retried = Retry(rate_limiter.__call__, retry, telemetry.metrics)
    # Outermost the call's span: it covers every attempt and every wait between them.
    called = CallSpans(
        retried.__call__, telemetry.tracer, parent=telemetry.trace_context, generate=telemetry.generate_missing_trace
    )
    return Pipeline(called.__call__, rate_limiter, auth, http)
