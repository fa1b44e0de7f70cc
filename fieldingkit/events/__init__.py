"""What webhooks send: deliveries are verified, read as typed events, and handled once each.

With aiohttp it is one line; ``on_event`` is an ``async def`` that takes an event::

    app.router.add_post("/cint", events.aiohttp_handler(secret, on_event))

In any other framework it is three, with the body as it came, not parsed and written again::

    event = events.verify(request.headers, body, secret)
    await events.handle_once(event, on_event, seen)
    return events.acknowledgement(event)          # status 200, as JSON

An event comes at least once, in no particular order, and a delivery that is not acknowledged comes again.
"""

import importlib
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
        # Only the handler needs aiohttp; whoever verifies in another framework does not load it.
        if name == "aiohttp_handler":
            return importlib.import_module("fieldingkit.events.aiohttp").aiohttp_handler
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
