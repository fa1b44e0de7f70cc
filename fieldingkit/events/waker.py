"""Waker: polls that would come later are made at once when a webhook event arrives."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

from fieldingkit.events.models import Event, TargetGroupUpdated

__all__ = ["Waker"]


class Waker:
    """Brings polls of a project forward when an event reports a change of one of its target groups.

    Pass it to ``aiohttp_handler`` as ``on_event``, or call ``wake`` from a handler of your own; and pass it to
    ``job.wait(waker=...)``, ``client.run(..., waker=...)`` or ``ensure_status(..., waker=...)``. Events are only hints:
    state is always read from the API, so a lost event only means waiting for the next regular poll. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: dict[str | None, dict[object, Callable[[str], None]]] = {}

    async def __call__(self, event: Event) -> None:
        """Handle an event as ``on_event``."""
        self.wake(event)

    def wake(self, event: Event) -> None:
        """Call the subscribers of the event's project, and those of all projects."""
        if not isinstance(event, TargetGroupUpdated) or event.project_id is None:
            return
        with self._lock:
            subscribers = [
                notify for of in (event.project_id, None) for notify in self._subscribers.get(of, {}).values()
            ]
        for notify in subscribers:
            notify(event.project_id)

    def subscribe(self, project_id: str, callback: Callable[[], object]) -> AbstractContextManager[None]:
        """Have a function called in the running event loop for each event of a project, within a ``with`` block.

        Args:
            project_id: The project's ULID.
            callback: The function.
        """
        return self._subscribe(project_id, lambda _: callback())

    def subscribe_all(self, callback: Callable[[str], object]) -> AbstractContextManager[None]:
        """Have a function called with the project's ULID for each event of any project, within a ``with`` block.

        Args:
            callback: The function; it is called in the running event loop.
        """
        return self._subscribe(None, callback)

    @contextmanager
    def _subscribe(self, project_id: str | None, callback: Callable[[str], object]) -> Generator[None]:
        loop, key = asyncio.get_running_loop(), object()

        def notify(of: str) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(callback, of)

        with self._lock:
            self._subscribers.setdefault(project_id, {})[key] = notify
        try:
            yield
        finally:
            with self._lock:
                subscribers = self._subscribers[project_id]
                del subscribers[key]
                if not subscribers:
                    del self._subscribers[project_id]
