"""Deduplication of webhook events: each event is handled once, although it may be delivered more often."""

import enum
import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from fieldingkit._repr import brief_repr
from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.errors import ConfigurationError
from fieldingkit.events.models import Event

__all__ = ["Claim", "EventStore", "InMemoryEventStore", "acknowledgement", "check_handling", "handle_once"]


_logger = logging.getLogger("fieldingkit.events")


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

    async def claim(self, event_id: str, *, lease: float) -> Claim:
        """Claim an event atomically: of several concurrent claims, only one returns ``NEW``.

        A claim that is neither done nor released within ``lease`` seconds expires, as after a crash: the next delivery
        is ``NEW`` again. With Redis, for example, that is ``SET event_id busy NX EX lease``.
        """
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
        clock: The clock for leases, for tests.

    Raises:
        ConfigurationError: if ``capacity`` is not an integer of at least 1.
    """

    def __init__(self, capacity: int = 10_000, *, clock: Clock | None = None) -> None:
        _check_capacity(capacity)
        self._capacity = capacity
        self._clock = clock or MonotonicClock()
        self._busy: dict[str, float] = {}
        """The times at which the claims expire."""
        self._done: dict[str, None] = {}

    async def claim(self, event_id: str, *, lease: float) -> Claim:
        """Claim an event for ``lease`` seconds."""
        now = self._clock.now()
        if event_id in self._done:
            return Claim.DONE
        if now < self._busy.get(event_id, -math.inf):
            return Claim.BUSY
        self._busy[event_id] = now + lease
        return Claim.NEW

    async def done(self, event_id: str) -> None:
        """Record that a claimed event was handled."""
        self._busy.pop(event_id, None)
        self._done[event_id] = None
        while len(self._done) > self._capacity:
            del self._done[next(iter(self._done))]

    async def release(self, event_id: str) -> None:
        """Release a claimed event that could not be handled."""
        self._busy.pop(event_id, None)


async def handle_once(
    event: Event, on_event: Callable[[Event], Awaitable[object] | None], store: EventStore, *, lease: float = 300.0
) -> Claim:
    """Handle an event unless it was handled, or is being handled, already.

    An event is handled again if that it was handled cannot be recorded: each event is handled at least once.

    Args:
        event: The event, from ``verify``.
        on_event: Handles the event: a coroutine function, or a function that is quick, since the event loop waits for
            it. If it raises, the event is released and the exception propagates.
        store: Records which events were handled.
        lease: Seconds after which the claim of a process that crashed expires. It must exceed the time that
            ``on_event`` takes.

    Returns:
        The state of the event at delivery. Acknowledge the delivery unless it is ``BUSY``.

    Raises:
        ConfigurationError: if ``on_event`` is not a function, or ``lease`` is not a positive number.
    """
    check_handling(on_event, lease)
    claim = await store.claim(event.id, lease=lease)
    if claim is Claim.NEW:
        try:
            handling = on_event(event)
            if inspect.isawaitable(handling):
                await handling
            await store.done(event.id)
        except BaseException:
            try:
                await store.release(event.id)
            except Exception:
                _logger.warning("event could not be released", extra={"event_id": event.id}, exc_info=True)
            raise
    return claim


def _check_capacity(capacity: object) -> None:
    if type(capacity) is not int or capacity < 1:
        raise ConfigurationError(f"capacity must be an integer of at least 1; got {brief_repr(capacity)}")


def check_handling(on_event: object, lease: object) -> None:
    """Refuse a handler that is not a function, and a lease that is not a positive number of seconds."""
    if not callable(on_event):
        raise ConfigurationError(f"on_event must be a function; got {brief_repr(on_event)}")
    if not (isinstance(lease, int | float) and lease > 0):
        raise ConfigurationError(f"lease must be a positive number of seconds; got {brief_repr(lease)}")


def acknowledgement(event: Event) -> dict[str, str]:
    """Return the body that acknowledges a delivery, to be sent as JSON with status 200.

    Raises:
        TypeError: if ``event`` is not an event.
    """
    if not isinstance(cast("object", event), Event):
        raise TypeError(f"event must be an Event, not an instance of {type(event).__name__}")
    return {"event_id": event.id}
