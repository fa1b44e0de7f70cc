"""What the triggers of one connection share in a triggerer: one client, and so one rate limiter and one token.

A thousand triggers that wait for a thousand jobs are a thousand timers of one client. It is closed when nobody has
needed it for a while.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from airflow.sdk import BaseHook

from fieldingkit.airflow.hooks import StoredConnection, triggerer_options
from fieldingkit.client import AsyncClient
from fieldingkit.jobs.poller import PollPolicy
from fieldingkit.options import ClientOptions

__all__ = ["Shared", "shared"]


_IDLE = 60.0
"""Seconds after which a client that nobody uses is closed."""
_FRESH = 60.0
"""Seconds for which the connection is not read again: a thousand triggers that start at once read it once."""
_POLL = PollPolicy(min_interval=2.0, max_interval=60.0, growth=2.0, error_tolerance=1_000_000)
"""Nobody is in a hurry here, and every look is a request: a job of a minute takes six or seven.

An outage of the API ends no wait: how long to wait is the affair of the task that deferred.
"""


class Shared:
    """The client of a connection, and who uses it.

    Args:
        client: The client.
        fingerprint_of: What tells its connection from the same connection after it was changed.
    """

    def __init__(self, client: AsyncClient, fingerprint_of: str) -> None:
        self.client = client
        self.fingerprint_of = fingerprint_of
        self.read_at: float = time.monotonic()
        """When its connection was last read."""
        self.users: int = 0
        """How many triggers use it."""


class _Room:
    """What is shared in one event loop."""

    def __init__(self) -> None:
        self.by_connection: dict[str, Shared] = {}
        self.turn = asyncio.Lock()
        self.closing: set[asyncio.Task[None]] = set()

    async def enter(self, fielding_conn_id: str) -> Shared:
        """The client of a connection as the connection is now."""
        async with self.turn:
            found = self.by_connection.get(fielding_conn_id)
            if found is None or time.monotonic() - found.read_at > _FRESH:
                found = self.by_connection[fielding_conn_id] = await self._read(fielding_conn_id, found)
            found.users += 1
            return found

    def leave(self, shared: Shared) -> None:
        """It is needed once less; in a while it may be closed."""
        shared.users -= 1
        if not shared.users:
            task = asyncio.create_task(self._close_when_idle(shared))
            self.closing.add(task)
            task.add_done_callback(self.closing.discard)

    async def _read(self, fielding_conn_id: str, before: Shared | None) -> Shared:
        connection: StoredConnection = await BaseHook.aget_connection(fielding_conn_id)
        fields = [connection.host, connection.login, connection.password, connection.extra]
        fingerprint_of = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
        if before is not None and before.fingerprint_of == fingerprint_of:
            before.read_at = time.monotonic()
            return before
        options: ClientOptions = {**triggerer_options(connection), "poll": _POLL}
        return Shared(AsyncClient(**options), fingerprint_of)

    async def _close_when_idle(self, shared: Shared) -> None:
        """Close it unless it is used again; at once when the event loop is about to end."""
        try:
            await asyncio.sleep(_IDLE)
        finally:
            if not shared.users:
                for fielding_conn_id in [key for key, value in self.by_connection.items() if value is shared]:
                    del self.by_connection[fielding_conn_id]
                await shared.client.aclose()


_ROOMS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Room] = WeakKeyDictionary()


@asynccontextmanager
async def shared(fielding_conn_id: str) -> AsyncGenerator[Shared]:
    """The client of a connection, shared with everybody in this event loop.

    Args:
        fielding_conn_id: The connection's id.

    Raises:
        ConfigurationError: if the connection lacks credentials, or one of its fields makes no sense.
    """
    room = _ROOMS.setdefault(asyncio.get_running_loop(), _Room())
    found = await room.enter(fielding_conn_id)
    try:
        yield found
    finally:
        room.leave(found)
