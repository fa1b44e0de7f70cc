"""Push beats poll: an event that has come makes those look at once who would have looked later."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from fieldingkit.events.models import Event, TargetGroupUpdated

__all__ = ["Waker"]


class Waker:
    """Wakes whoever waits for something in a project, when one of its target groups was changed.

    Hand it to ``aiohttp_handler`` as ``on_event``, or call ``ring`` from your own; and to ``job.wait(wake=...)``,
    ``client.run(..., wake=...)`` or ``ensure_status(..., wake=...)``. An event that is lost costs no more than the
    usual interval between two looks; what is true is what was read. May be rung from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, dict[object, Callable[[], object]]] = {}

    async def __call__(self, event: Event) -> None:
        """Take an event as ``on_event``."""
        self.wake(event)

    def wake(self, event: Event) -> None:
        """Waker those who wait for what the event is about."""
        if not isinstance(event, TargetGroupUpdated) or event.project_id is None:
            return
        with self._lock:
            waiting = list(self._listeners.get(event.project_id, {}).values())
        for waker in waiting:
            waker()

    @contextmanager
    def subscribe(self, project_id: str, waker: Callable[[], object]) -> Generator[None]:
        """Have a function called in the running event loop, whenever something in a project was changed.

        Args:
            project_id: The project's ULID.
            waker: The function.
        """
        loop, key = asyncio.get_running_loop(), object()

        def pass_on() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(waker)

        with self._lock:
            self._listeners.setdefault(project_id, {})[key] = pass_on
        try:
            yield
        finally:
            with self._lock:
                listeners = self._listeners[project_id]
                del listeners[key]
                if not listeners:
                    del self._listeners[project_id]
