"""Webhook events: verification, typed events, and handling each event once.

With aiohttp it takes one line; ``on_event`` is an ``async def`` that takes an event::

    app.router.add_post("/cint", events.aiohttp_handler(secret, on_event))

In any other framework it takes three, with the raw body, not one that was parsed and serialized again::

    event = events.verify(request.headers, body, secret)
    await events.handle_once(event, on_event, store)
    return events.acknowledgement(event)          # status 200, as JSON

The API delivers each event at least once, in no particular order, and repeats a delivery that is not acknowledged.
"""

from typing import TYPE_CHECKING

from fieldingkit.errors import InvalidEventError, InvalidSignatureError
from fieldingkit.events.deduplication import Claim, EventStore, InMemoryEventStore, acknowledgement, handle_once
from fieldingkit.events.models import (
    Actor,
    Change,
    Event,
    QuotaFillRegistered,
    SessionUpdated,
    TargetGroupUpdated,
    parse,
)
from fieldingkit.events.signature import verify
from fieldingkit.events.waker import Waker

__all__ = [
    "Actor",
    "Change",
    "Claim",
    "Event",
    "EventStore",
    "InMemoryEventStore",
    "InvalidEventError",
    "InvalidSignatureError",
    "QuotaFillRegistered",
    "SessionUpdated",
    "TargetGroupUpdated",
    "Waker",
    "acknowledgement",
    "aiohttp_handler",
    "handle_once",
    "parse",
    "verify",
]

if TYPE_CHECKING:
    from fieldingkit.events.aiohttp import aiohttp_handler
else:

    def __getattr__(name: str) -> object:
        # Only the handler needs aiohttp; programs that use another framework do not load it.
        if name == "aiohttp_handler":
            from fieldingkit.events.aiohttp import aiohttp_handler

            return aiohttp_handler
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
