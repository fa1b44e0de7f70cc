"""The pipeline: the order of the transports of one client."""

import asyncio
from collections.abc import Awaitable

from fieldingkit.errors import ClientClosedError, ConfigurationError
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

__all__ = ["Pipeline"]


class Pipeline:
    """The transports of one client in their order. They belong to the event loop of the first call.

    Args:
        network: Sends each attempt.
        provider: Fetches access tokens.
        retry: The size of the retry budget.
        telemetry: Observes calls and attempts.
        rate: Requests per second; None for no limit until the API answers 429.
    """

    def __init__(
        self,
        network: AiohttpTransport | CustomTransport,
        *,
        provider: TokenProvider,
        retry: RetryPolicy,
        telemetry: Telemetry,
        rate: float | None = None,
    ) -> None:
        # From the network outwards. Each transport gets the bound method of the next one, which is faster to call than
        # an object with `__call__`.
        self._network = network
        send: Transport = network.__call__
        # Innermost, so that the callback gets the headers that are sent.
        if telemetry.on_request is not None:
            send = RequestObserver(send, telemetry.attributes, telemetry.on_request).__call__
        # Next, so that traceparent names the request that is sent.
        send = telemetry.around_attempts(send)
        # Around the attempt's span, so that callbacks run in the call's span.
        attempts = AttemptObserver(send, telemetry.metrics, telemetry.on_attempt)
        # Inside retry, so that a refreshed token signs the next attempt. Token requests are attempts as well.
        self._auth = Auth(attempts.__call__, attempts.__call__, provider)
        # Inside retry, because limits count attempts; around auth, so that no token expires in the queue.
        self.rate_limiter: RateLimiter = RateLimiter(self._auth.__call__, rate)
        budget = RetryBudget(retry.budget, retry.budget_refill)
        self._retries = Retry(self.rate_limiter.__call__, budget, telemetry.metrics)
        # Outermost: the call's span covers all attempts and the waits between them.
        self._send = telemetry.around_calls(self._retries.__call__)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def send(self, call: Call) -> Awaitable[Response]:
        """Send a call through all transports.

        Raises:
            ClientClosedError: if the client is closed.
            ConfigurationError: if the client belongs to another event loop.
        """
        if self._closed:
            raise ClientClosedError("the client is closed and nothing was sent; create a new client")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        elif self._loop is not asyncio.get_running_loop():
            raise self._foreign_loop("nothing was sent", "create one client for each event loop")
        return self._send(call)

    def check_close(self) -> None:
        """Check that the connections can be closed from the running event loop.

        Raises:
            ConfigurationError: if the client belongs to another event loop, unless that loop is closed.
        """
        loop = self._loop
        if not (self._closed or loop is None or loop.is_closed() or loop is asyncio.get_running_loop()):
            raise self._foreign_loop("nothing was closed", "close it in the event loop of its first call")

    async def aclose(self) -> None:
        """Close the connections, and end calls, waits and token fetches."""
        self._closed = True
        self._retries.close()
        self.rate_limiter.close()
        # Together: a token provider that is slow to end delays no connection's end.
        await asyncio.gather(self._network.aclose(), self._auth.aclose())

    @staticmethod
    def _foreign_loop(outcome: str, advice: str) -> ConfigurationError:
        return ConfigurationError(f"the client belongs to another event loop and {outcome}; {advice}")
