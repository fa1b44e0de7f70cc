"""Deduplication of events: each event is handled once, although it may be delivered more often."""

import enum
from collections.abc import Awaitable, Callable
from typing import Protocol

from fieldingkit.events.models import Event

__all__ = ["Claim", "EventStore", "InMemoryEventStore", "acknowledgement", "handle_once"]


class Claim(enum.Enum):
    """The state of an event when it is delivered."""

    NEW = "new"
    """The event is new, and now claimed: the caller handles it."""
    BUSY = "busy"
    """Another delivery of the event is being handled. It may fail, so do not acknowledge this one."""
    DONE = "done"
    """The event was handled: acknowledge it without handling it again."""


class EventStore(Protocol):
    """Records the ids of claimed and handled events. Several processes need one store that they share."""

    async def claim(self, event_id: str) -> Claim:
        """Claim an event atomically: of several concurrent claims, only one returns ``NEW``."""
        ...

    async def done(self, event_id: str) -> None:
        """Record that a claimed event was handled."""
        ...

    async def release(self, event_id: str) -> None:
        """Release a claimed event that could not be handled, so that its next delivery is ``NEW`` again."""
        ...


class InMemoryEventStore:
    """An ``EventStore`` in the memory of this process.

    Args:
        capacity: The number of handled events that are remembered; the oldest are forgotten first.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._busy: set[str] = set()
        self._done: dict[str, None] = {}

    async def claim(self, event_id: str) -> Claim:
        """Claim an event."""
        if event_id in self._done:
            return Claim.DONE
        if event_id in self._busy:
            return Claim.BUSY
        self._busy.add(event_id)
        return Claim.NEW

    async def done(self, event_id: str) -> None:
        """Record that a claimed event was handled."""
        self._busy.discard(event_id)
        self._done[event_id] = None
        while len(self._done) > self._capacity:
            del self._done[next(iter(self._done))]

    async def release(self, event_id: str) -> None:
        """Release a claimed event that could not be handled."""
        self._busy.discard(event_id)


async def handle_once(event: Event, on_event: Callable[[Event], Awaitable[object]], store: EventStore) -> Claim:
    """Handle an event unless it was handled, or is being handled, already.

    Args:
        event: The event, from ``verify``.
        on_event: Handles the event. If it raises, the event is released and the exception propagates.
        store: Records which events were handled.

    Returns:
        The state of the event at delivery. Acknowledge the delivery unless it is ``BUSY``.
    """
    claim = await store.claim(event.id)
    if claim is Claim.NEW:
        try:
            await on_event(event)
        except BaseException:
            await store.release(event.id)
            raise
        await store.done(event.id)
    return claim


def acknowledgement(event: Event) -> dict[str, str]:
    """Return the body that acknowledges a delivery, to be sent as JSON with status 200."""
    return {"event_id": event.id}
