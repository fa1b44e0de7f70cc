"""Authentication: the transport that adds a valid access token to each attempt."""

import asyncio
import copy
import logging
import math
import random
from functools import partial
from typing import NamedTuple

from fieldingkit.clock import Clock
from fieldingkit.errors import ClientClosedError, FieldingKitError, TransportError
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import AccessToken, TokenProvider
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.problem import read_problem

__all__ = ["Auth"]

_logger = logging.getLogger("fieldingkit.auth")
_REJECTIONS = frozenset({401, 403})
_REFRESH_AHEAD = 300.0
"""Seconds before its expiry at which a long-lived token is renewed, at least."""
_MIN_INTERVAL = 30.0
"""Seconds between two token requests, if early renewals fail or the API rejects every token."""
_MAX_FETCH = 30.0
"""Seconds that a fetch may take if the call that started it has neither a timeout nor a deadline."""
_GRACE_PERIOD = 1.0
"""Seconds that a cancelled fetch has to end when the client is closed."""


class Auth:
    """Adds an access token to each attempt. The calls of a client share one token and one fetch.

    Args:
        inner: Sends the attempt.
        http: Sends the requests of the token provider.
        provider: Fetches tokens.
    """

    def __init__(self, inner: Transport, http: Transport, provider: TokenProvider) -> None:
        self._inner = inner
        self._http = http
        self._provider = provider
        self._token: _Token | None = None
        self._fetch: _Fetch | None = None
        self._closed = False

    async def __call__(self, call: Call) -> Response:
        """Send an attempt with the current token; if the API rejects the token, send it once more with a new one."""
        token, now = self._token, call.clock.now()
        if token is None or now >= token.expires_at:
            token = await self._new_token(call)
        elif now >= token.refresh_at and self._fetch is None and not self._closed:
            self._start_fetch(call)  # in the background: the current token is still valid
        call.authorization = token.header
        response = await self._inner(call)
        if response.status not in _REJECTIONS or not token.is_outdated(response, call.clock.now()):
            return response
        newer = await self._new_token(call, rejected=True) if self._token is token else self._token
        if newer is None or newer.value == token.value:
            return response
        _logger.info(
            "access token rejected; retrying with a new token",
            extra={"operation_id": call.request.operation_id, "attempt": len(call.attempts), "status": response.status},
        )
        call.delay = 0.0
        call.authorization = newer.header
        return await self._inner(call)

    async def aclose(self) -> None:
        """Cancel a fetch that is under way, and wait a moment until it has ended."""
        self._closed = True
        fetch = self._fetch
        if fetch is not None and fetch.task.get_loop() is asyncio.get_running_loop():
            fetch.abandon()
            await asyncio.wait({fetch.task}, timeout=_GRACE_PERIOD)

    async def _new_token(self, call: Call, *, rejected: bool = False) -> "_Token":
        """Wait for a new token. Concurrent calls share a fetch and its failure.

        A fetch is abandoned when the time of the call that started it is over. Others who wait then start another one,
        so that a fetch that hangs delays no call beyond its own time.
        """
        loop = asyncio.get_running_loop()
        limit, too_late = call.allowance(call.clock.now())
        end = None if limit is None else loop.time() + limit
        while not self._closed:
            remaining = None if end is None else end - loop.time()
            if remaining is not None and remaining <= 0:
                raise too_late(f"no access token within {limit:.3g} s", sent=False)
            token = (self._fetch or self._start_fetch(call, rejected=rejected)).token
            await asyncio.wait({token}, timeout=remaining)
            if not token.done() or token.cancelled():
                continue
            if (error := token.exception()) is None:
                return token.result()
            raise copy.copy(error) from error.__cause__  # each call adds its own command and key
        raise ClientClosedError("the client was closed while the call waited for an access token")

    def _start_fetch(self, call: Call, *, rejected: bool = False) -> "_Fetch":
        limit, _ = call.allowance(call.clock.now())
        fetch = self._fetch = _Fetch(
            self._provider, self._http, call, limit=_MAX_FETCH if limit is None else limit, rejected=rejected
        )
        fetch.token.add_done_callback(partial(self._fetch_ended, call.clock, rejected))
        return fetch

    def _fetch_ended(self, clock: Clock, rejected: bool, fetched: "asyncio.Future[_Token]") -> None:
        if self._fetch is not None and self._fetch.token is fetched:
            self._fetch = None
        error = None if fetched.cancelled() else fetched.exception()
        if error is None and not fetched.cancelled():
            self._token = fetched.result()
            lifetime = self._token.lifetime
            _logger.debug("access token fetched", extra={"lifetime": lifetime if lifetime < math.inf else None})
        elif self._token is not None and not rejected and clock.now() < self._token.expires_at:
            self._token = self._token._replace(refresh_at=clock.now() + _MIN_INTERVAL)
            reason = "TimeoutError" if error is None else type(error).__name__
            _logger.info("early token renewal failed; the current token stays in use", extra={"error": reason})


class _Fetch:
    """One fetch of a token: a task that ends within a time limit, and the future that its callers wait for."""

    def __init__(self, provider: TokenProvider, http: Transport, call: Call, *, limit: float, rejected: bool) -> None:
        loop = asyncio.get_running_loop()
        self._provider = provider
        self._http = http
        self._clock = call.clock
        self._timeout = call.timeout
        self._rejected = rejected
        self.token: asyncio.Future[_Token] = loop.create_future()
        """The token or the error; cancelled if the fetch is abandoned."""
        # The time limit holds for the future, even if the provider's code suppresses the cancellation of the task.
        timer = loop.call_later(limit, self.abandon)
        self.token.add_done_callback(lambda _: timer.cancel())
        self.task: asyncio.Task[None] = loop.create_task(self._run())

    def abandon(self) -> None:
        """Cancel the future and the task."""
        self.token.cancel()
        self.task.cancel()

    async def _run(self) -> None:
        try:
            token = await self._provider.fetch(self._send)
            if not self.token.done():
                self.token.set_result(_Token.plan(token, self._clock.now(), replaces_rejected=self._rejected))
        except TransportError as exc:
            reason = f"no access token: {exc.message}"
            error = TransportError(reason, sent=False, retryable=exc.retryable, retry_after=exc.retry_after)
            error.__cause__ = exc
            self._fail(error)
        except FieldingKitError as exc:
            self._fail(exc)
        except Exception as exc:  # noqa: BLE001  # a provider may raise anything
            # The text of a foreign exception may hold a credential, so that only its name is quoted.
            reason = f"no access token: its provider raised {type(exc).__name__}"
            error = TransportError(reason, sent=False, retryable=False)
            error.__cause__ = exc
            self._fail(error)
        finally:
            self._fail(TransportError("no access token: its provider was cancelled", sent=False, retryable=False))

    async def _send(self, request: Request) -> Response:
        return await self._http(Call(request, clock=self._clock, timeout=self._timeout))

    def _fail(self, error: Exception) -> None:
        if not self.token.done():
            self.token.set_exception(error)


class _Token(NamedTuple):
    """An access token, with its times on the client's clock."""

    value: Secret
    header: Secret
    lifetime: float
    fetched_at: float
    refresh_at: float
    expires_at: float
    replaces_rejected: bool

    @classmethod
    def plan(cls, token: AccessToken, now: float, *, replaces_rejected: bool) -> "_Token":
        """Plan the renewal of a new token: before it expires, and at another moment for each client."""
        lifetime = math.inf if token.lifetime is None else token.lifetime
        ahead = min(_REFRESH_AHEAD, lifetime / 10) * random.uniform(1.0, 1.5)
        expires_at = now + lifetime
        return cls(token.value, token.header(), lifetime, now, expires_at - ahead, expires_at, replaces_rejected)

    def is_outdated(self, response: Response, now: float) -> bool:
        """Return whether a rejection means that a new token is needed.

        The API answers 403 to an expired token, as it does to a missing permission. A new token rules out the first,
        and an API that rejects the successor of a rejected token rejects any.
        """
        is_new = now - self.fetched_at < min(_MIN_INTERVAL, self.lifetime / 10)
        if response.status == 401:
            return not (is_new and self.replaces_rejected)
        return not is_new and read_problem(response.body).code == "authorization_error"
