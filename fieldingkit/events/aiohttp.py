"""Webhook handler for aiohttp's server; the only module of this package that imports aiohttp."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from fieldingkit.errors import InvalidEventError, InvalidSignatureError
from fieldingkit.events.deduplication import (
    Claim,
    EventStore,
    InMemoryEventStore,
    acknowledgement,
    check_handling,
    handle_once,
)
from fieldingkit.events.models import Event
from fieldingkit.events.signature import check_tolerance, signing_key, verify

__all__ = ["aiohttp_handler"]


_logger = logging.getLogger("fieldingkit.events")


def aiohttp_handler(
    secret: str,
    on_event: Callable[[Event], Awaitable[object] | None],
    *,
    store: EventStore | None = None,
    lease: float = 300.0,
    tolerance: float | None = None,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that verifies deliveries, has each event handled once, and acknowledges it.

    The handler responds with 200 and the event's id once ``on_event`` has returned. It responds with 401 to a wrong
    signature, with 400 to an invalid event, and with 503 while another delivery of the event is being handled. If
    ``on_event`` raises, aiohttp responds with 500. After any response but 200 the API repeats the delivery.

    Args:
        secret: The webhook's secret as the API returned it.
        on_event: As for ``handle_once``; it should be quick, because the API waits for the response.
        store: Records which events were handled; in this process's memory by default.
        lease: As for ``handle_once``.
        tolerance: As for ``verify``.

    Raises:
        ConfigurationError: if the secret, the handler, the lease or the tolerance is not valid.
    """
    signing_key(secret)
    check_tolerance(tolerance)
    check_handling(on_event, lease)
    events = InMemoryEventStore() if store is None else store

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            event = verify(request.headers, body, secret, tolerance=tolerance)
        except InvalidSignatureError as exc:
            return _refuse(401, exc)
        except InvalidEventError as exc:
            return _refuse(400, exc)
        claim = await handle_once(event, on_event, events, lease=lease)
        if claim is Claim.BUSY:
            return web.json_response({"error": "the event is being handled"}, status=503)
        return web.json_response(acknowledgement(event))

    return handle


def _refuse(status: int, error: InvalidSignatureError | InvalidEventError) -> web.Response:
    _logger.warning("webhook delivery refused", extra={"status": status, "reason": error.message})
    return web.json_response({"error": error.message}, status=status)
