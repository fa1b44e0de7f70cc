"""Who is asking: token providers, and the transport that signs each attempt with a token that is still good."""

import asyncio
import copy
import logging
import math
import random
from typing import NamedTuple

from fieldingkit.clock import Clock
from fieldingkit.errors import ClientClosedError, ConfigurationError, FieldingKitError, TransportError
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import AccessToken, TokenProvider
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.problem import read_problem

__all__ = ["Auth"]


_logger = logging.getLogger("fieldingkit.auth")
_REFRESH_AHEAD = 300.0
_BRAND_NEW = 30.0
_REFUSED = frozenset({401, 403})
"""Sends one request outside the API, for a provider that asks a token endpoint."""


def _look_at(task: "asyncio.Task[_Held]") -> None:
    """Take note of a failure even if every call that waited for it has gone."""
    if not task.cancelled():
        task.exception()


def _is_cancelled() -> bool:
    """Whether it is the running task itself that was cancelled, and not only what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Auth:
    """Signs each attempt. One token for the whole client: fetched once for any number of waiting calls."""

    def __init__(self, inner: Transport, http: Transport, provider: TokenProvider) -> None:
        self._inner = inner
        self._http = http
        self._provider = provider
        self._held: _Held | None = None
        self._refresh: asyncio.Task[_Held] | None = None

    async def __call__(self, call: Call) -> Response:
        """Sign and send; if the token turns out to be stale, get another and send once more."""
        used = self._held
        if used is None or (used.refresh_at < math.inf and call.clock.now() >= used.refresh_at):
            used = await self._renewed(call)
        call.headers = {"Authorization": used.header.reveal()}
        response = await self._inner(call)
        if response.status not in _REFUSED or not _stale(response, used, call.clock.now()):
            return response
        # Another call may have renewed it meanwhile.
        fresh = await self._renewed(call) if self._held is used else self._held
        if fresh is None or fresh.token == used.token:
            return response
        _logger.info(
            "the token was refused; it is sent again with another",
            extra={"operation_id": call.request.operation_id, "attempt": len(call.attempts), "status": response.status},
        )
        call.delay = 0.0
        call.headers = {"Authorization": fresh.header.reveal()}
        return await self._inner(call)

    async def aclose(self) -> None:
        """Give up a refresh that is going on."""
        if self._refresh is not None:
            self._refresh.cancel()

    async def _renewed(self, call: Call) -> "_Held":
        """Wait for a new token; the waiting calls share one request for it, and its failure."""
        refresh = self._refresh
        if refresh is None or refresh.done():
            refresh = self._refresh = asyncio.create_task(self._fetch(call.clock, call.timeout))
            refresh.add_done_callback(_look_at)
        elif refresh.get_loop() is not asyncio.get_running_loop():
            raise ConfigurationError("this client belongs to another event loop: make one client for each loop")
        limit, too_late = call.allowance(call.clock.now())
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await asyncio.shield(refresh)
        except TimeoutError:
            if not scope.expired():
                raise
            raise too_late(f"no token within {limit:.3g} s", sent=False) from None
        except asyncio.CancelledError:
            if not refresh.cancelled() or _is_cancelled():
                raise
            raise ClientClosedError("the client was closed while the call waited for a token") from None
        except FieldingKitError as exc:
            # A token that was to be renewed ahead of time is still good for a while.
            now, held = call.clock.now(), self._held
            lost = held is None or now >= held.expires_at or now < held.refresh_at
            if held is None or lost or not isinstance(exc, TransportError):
                # Each call has its own error, which is going to be told of that call: its command, its key.
                raise copy.copy(exc) from exc.__cause__
            _logger.info("no new token could be had; the old one is still good", extra={"error": type(exc).__name__})
            self._held = held._replace(refresh_at=now + _BRAND_NEW)
            return self._held

    async def _fetch(self, clock: Clock, timeout: float | None) -> "_Held":
        async def http(request: Request) -> Response:
            return await self._http(Call(request, clock=clock, timeout=timeout))

        try:
            token = await self._provider.fetch(http)
        except TransportError as exc:
            reason = f"no token could be had: {exc.message}"
            raise TransportError(reason, sent=False, retryable=exc.retryable, retry_after=exc.retry_after) from exc
        _logger.debug("a token was fetched", extra={"lifetime": token.lifetime})
        self._held = _held(token, clock.now())
        return self._held


class _Held(NamedTuple):
    """The token in use, and its times on the client's clock."""

    token: Secret
    header: Secret
    fetched: float
    refresh_at: float
    expires_at: float
    brand_new: float


def _held(token: AccessToken, now: float) -> _Held:
    """A token that has just been fetched; it is renewed a while before it expires, not by all clients at once."""
    header = Secret(f"Bearer {token.value.reveal()}")
    if token.lifetime is None:
        return _Held(token.value, header, now, math.inf, math.inf, _BRAND_NEW)
    ahead = min(_REFRESH_AHEAD, token.lifetime / 10) * random.uniform(1.0, 1.5)
    expires_at = now + token.lifetime
    return _Held(token.value, header, now, expires_at - ahead, expires_at, min(_BRAND_NEW, token.lifetime / 10))


def _stale(response: Response, used: _Held, now: float) -> bool:
    """Whether a refusal means that the token has expired. This API says so with 403, like a missing permission."""
    if response.status == 401:
        return True
    return now - used.fetched >= used.brand_new and read_problem(response.body).code == "authorization_error"
