"""A pool of clients for a triggerer: all triggers of a connection share one client, its rate limit and its token.

A thousand triggers that wait for a thousand jobs are a thousand timers of one client. The pool closes a client that was
idle for a while.
"""

import asyncio
import hashlib
import json
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from airflow.sdk import BaseHook

from fieldingkit.airflow.connections import StoredConnection, triggerer_options
from fieldingkit.client import AsyncClient
from fieldingkit.jobs.poller import PollPolicy

__all__ = ["PooledClient", "pooled_client"]


_IDLE_TIMEOUT = 60.0
"""Seconds after which an unused client is closed."""
_CONNECTION_TTL = 60.0
"""Seconds for which a connection is not read again: a thousand triggers that start at once read it once."""
_POLL = PollPolicy(min_interval=2.0, max_interval=60.0, growth=2.0, error_tolerance=math.inf)
"""Polls are rare, because triggers wait for many jobs: a job of one minute takes six or seven.

An outage of the API does not end a wait. The deferred task decides how long to wait.
"""


class PooledClient:
    """A client of the pool and the number of its users.

    Args:
        client: The client.
        fingerprint: A hash of the connection, which changes when the connection is edited.
    """

    def __init__(self, client: AsyncClient, fingerprint: str) -> None:
        self.client = client
        self.fingerprint = fingerprint
        self.read_at: float = time.monotonic()
        """When the connection was last read."""
        self.users: int = 0
        """The number of triggers that use the client."""


class _LoopClients:
    """The clients of one event loop."""

    def __init__(self) -> None:
        self.by_connection: dict[str, PooledClient] = {}
        self.lock = asyncio.Lock()
        self.closing: set[asyncio.Task[None]] = set()

    async def acquire(self, fielding_conn_id: str) -> PooledClient:
        """Return the client of a connection; a new one if the connection has changed."""
        async with self.lock:
            pooled = self.by_connection.get(fielding_conn_id)
            if pooled is None or time.monotonic() - pooled.read_at > _CONNECTION_TTL:
                pooled = self.by_connection[fielding_conn_id] = await self._read(fielding_conn_id, pooled)
            pooled.users += 1
            return pooled

    def release(self, pooled: PooledClient) -> None:
        """Release a client; it is closed later unless it is acquired again."""
        pooled.users -= 1
        if not pooled.users:
            task = asyncio.create_task(self._close_when_idle(pooled))
            self.closing.add(task)
            task.add_done_callback(self.closing.discard)

    async def _read(self, fielding_conn_id: str, current: PooledClient | None) -> PooledClient:
        connection: StoredConnection = await BaseHook.aget_connection(fielding_conn_id)
        fields = [connection.host, connection.login, connection.password, connection.extra]
        fingerprint = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
        if current is not None and current.fingerprint == fingerprint:
            current.read_at = time.monotonic()
            return current
        return PooledClient(AsyncClient(**triggerer_options(connection), poll=_POLL), fingerprint)

    async def _close_when_idle(self, pooled: PooledClient) -> None:
        """Close a client after the idle timeout unless it is in use; at once if the event loop is closing."""
        try:
            await asyncio.sleep(_IDLE_TIMEOUT)
        finally:
            if not pooled.users:
                for fielding_conn_id in [key for key, value in self.by_connection.items() if value is pooled]:
                    del self.by_connection[fielding_conn_id]
                await pooled.client.aclose()


_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClients] = WeakKeyDictionary()


@asynccontextmanager
async def pooled_client(fielding_conn_id: str) -> AsyncGenerator[AsyncClient]:
    """Acquire the client of a connection, shared with all triggers of this event loop.

    Args:
        fielding_conn_id: The connection's id.

    Raises:
        ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
    """
    clients = _POOLS.setdefault(asyncio.get_running_loop(), _LoopClients())
    pooled = await clients.acquire(fielding_conn_id)
    try:
        yield pooled.client
    finally:
        clients.release(pooled)
