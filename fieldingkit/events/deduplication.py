"""Handling each event once, although it may be delivered more often."""

import enum
from collections.abc import Awaitable, Callable
from typing import Protocol

from fieldingkit.events.models import Event

__all__ = ["Claim", "EventStore", "InMemoryEventStore", "acknowledgement", "handle_once"]


class Claim(enum.Enum):
    """What is known of an event when it is delivered."""

    NEW = "new"
    """It was not seen before: it is now for the caller to handle."""
    BUSY = "busy"
    """It is being handled elsewhere at this moment. If that fails it must come again: do not acknowledge it."""
    DONE = "done"
    """It was handled: acknowledge it, and do nothing."""


class EventStore(Protocol):
    """Remembers the ids of events. With several processes, keep them where all of them look."""

    async def claim(self, event_id: str) -> Claim:
        """Take an event on, at one stroke: of two at the same time, only one gets ``NEW``."""
        ...

    async def done(self, event_id: str) -> None:
        """It was handled."""
        ...

    async def release(self, event_id: str) -> None:
        """It could not be handled: its next delivery is ``NEW`` again."""
        ...


class InMemoryEventStore:
    """Remembers the latest events of this process, and forgets them when it ends."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._busy: set[str] = set()
        self._done: dict[str, None] = {}

    async def claim(self, event_id: str) -> Claim:
        """Take an event on."""
        if event_id in self._done:
            return Claim.DONE
        if event_id in self._busy:
            return Claim.BUSY
        self._busy.add(event_id)
        return Claim.NEW

    async def done(self, event_id: str) -> None:
        """It was handled; the oldest are forgotten once there are more than ``capacity``."""
        self._busy.discard(event_id)
        self._done[event_id] = None
        while len(self._done) > self._capacity:
            del self._done[next(iter(self._done))]

    async def release(self, event_id: str) -> None:
        """It could not be handled."""
        self._busy.discard(event_id)


async def handle_once(event: Event, on_event: Callable[[Event], Awaitable[object]], seen: EventStore) -> Claim:
    """Handle an event unless it was, or is being, handled already.

    Args:
        event: The event, from ``verify``.
        on_event: What to do with it. If it raises, the event is released and the error goes on to the caller.
        seen: Who remembers.

    Returns:
        What was known of the event. Acknowledge it unless that is ``BUSY``.
    """
    claim = await seen.claim(event.id)
    if claim is Claim.NEW:
        try:
            await on_event(event)
        except BaseException:
            await seen.release(event.id)
            raise
        await seen.done(event.id)
    return claim


def acknowledgement(event: Event) -> dict[str, str]:
    """What to answer, as JSON and with status 200; anything else has the event delivered again."""
    return {"event_id": event.id}
