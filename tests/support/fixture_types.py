"""What the fixtures give, for annotations."""

import ssl
from typing import Any, Protocol

from fieldingkit import AsyncClient
from support.raw_server import RawServer, Step

__all__ = ["Certify", "MakeClient", "Serve"]


class MakeClient(Protocol):
    """Makes an async client that is closed after the test; options have defaults that suit the sandbox."""

    def __call__(self, **options: Any) -> AsyncClient:
        """Make one."""
        ...


class Serve(Protocol):
    """Starts a raw server that plays some steps, and is stopped after the test."""

    async def __call__(self, *script: Step, tls: ssl.SSLContext | None = None) -> RawServer:
        """Start one."""
        ...


class Certify(Protocol):
    """Makes a server's TLS context with a certificate for a host, good or expired."""

    def __call__(self, host: str = "localhost", *, expired: bool = False) -> ssl.SSLContext:
        """Make one."""
        ...
