"""The async transport layer: transports that wrap a transport.

Their order is the order in which things must happen; it stands in ``build`` and nowhere else.
"""

from typing import NamedTuple

from opentelemetry.trace import Tracer

from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.auth import Auth, TokenProvider
from fieldingkit.transport.http import Transport
from fieldingkit.transport.retry import Retry, RetryPolicy
from fieldingkit.transport.tracing import AttemptSpans, CallSpans

__all__ = ["Pipeline", "build"]


class Pipeline(NamedTuple):
    """The transports of one client, and what must be closed with it."""

    send: Transport
    """Sends a request through all of them."""
    auth: Auth
    """Holds the token."""
    http: AiohttpTransport
    """Holds the connections."""

    async def aclose(self) -> None:
        """Close the connections and give up a token refresh that is going on."""
        await self.auth.aclose()
        await self.http.aclose()


def build(
    http: AiohttpTransport, *, provider: TokenProvider, retry: RetryPolicy, tracer: Tracer, base_url: str
) -> Pipeline:
    """Put the transports in order, from the network outwards."""
    # Innermost the attempt's span, so that traceparent names the hop that really leaves.
    attempt = AttemptSpans(http, tracer, base_url)
    # Within a retry, so that a refreshed token signs the next attempt.
    auth = Auth(attempt, http, provider)
    retried = Retry(auth, retry)
    # Outermost the call's span: it covers every attempt and every wait between them.
    return Pipeline(CallSpans(retried, tracer), auth, http)
