"""A ready handler for aiohttp's server. Only this file of the package loads aiohttp."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from fieldingkit.errors import InvalidEventError, InvalidSignatureError
from fieldingkit.events.deduplication import Claim, EventStore, InMemoryEventStore, acknowledgement, handle_once
from fieldingkit.events.models import Event
from fieldingkit.events.signature import signing_key, verify

__all__ = ["aiohttp_handler"]


_log = logging.getLogger("fieldingkit.events")


def aiohttp_handler(
    secret: str,
    on_event: Callable[[Event], Awaitable[object]],
    *,
    seen: EventStore | None = None,
    tolerance: float | None = None,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that verifies deliveries, has each event handled once, and acknowledges it.

    It answers 200 and the event's id once ``on_event`` has returned. A wrong signature is answered with 401, what is no
    event with 400, an event that is being handled already with 503; if ``on_event`` raises, aiohttp answers 500. Any
    answer but 200 has the API deliver the event again later.

    Args:
        secret: The webhook's secret as the API gave it.
        on_event: What to do with an event; be quick, the API waits for the answer.
        seen: Who remembers which events were handled; this process's memory if left out.
        tolerance: As for ``verify``.

    Raises:
        ConfigurationError: if the secret cannot be one.
    """
    signing_key(secret)
    memory = InMemoryEventStore() if seen is None else seen

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            event = verify(request.headers, body, secret, tolerance=tolerance)
        except InvalidSignatureError as exc:
            return _refuse(401, exc)
        except InvalidEventError as exc:
            return _refuse(400, exc)
        claim = await handle_once(event, on_event, memory)
        if claim is Claim.BUSY:
            return web.json_response({"error": "the event is being handled"}, status=503)
        return web.json_response(acknowledgement(event))

    return handle


def _refuse(status: int, error: InvalidSignatureError | InvalidEventError) -> web.Response:
    _log.warning("webhook delivery refused", extra={"status": status, "reason": error.message})
    return web.json_response({"error": error.message}, status=status)
