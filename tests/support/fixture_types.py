"""The types of fixtures."""

import ssl
from typing import Any, Protocol

from fieldingkit import AsyncClient
from support.raw_server import RawServer, Step

__all__ = ["Certify", "MakeClient", "Serve"]


class MakeClient(Protocol):
    """Makes an async client that is closed after the test; by default a client of the sandbox."""

    def __call__(self, **options: Any) -> AsyncClient:
        """Return a new one."""
        ...


class Serve(Protocol):
    """Starts a raw server that plays the steps and is stopped after the test."""

    async def __call__(self, *script: Step, tls: ssl.SSLContext | None = None) -> RawServer:
        """Return a running server."""
        ...


class Certify(Protocol):
    """Makes a server's TLS context with a valid or expired certificate for a host."""

    def __call__(self, host: str = "localhost", *, expired: bool = False) -> ssl.SSLContext:
        """Return a new one."""
        ...
