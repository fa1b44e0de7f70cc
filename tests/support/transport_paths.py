"""Exchanges over either path of the transport: aiohttp's connections, or its session."""

import re
from collections.abc import Mapping
from typing import Any, Self

import attrs
import pytest

from fieldingkit.clock import MonotonicClock
from fieldingkit.errors import TransportError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.http import Call, Request, Response

PATHS = ["connection", "session"]


def take_path(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make clients that are opened from now on take a path."""
    missing = () if path == "connection" else ("the test wants the session",)
    monkeypatch.setattr("fieldingkit.transport.aiohttp.missing_internals", lambda: missing)


def make_transport(base_url: str, **options: Any) -> AiohttpTransport:
    """Return a transport without limits."""
    defaults: dict[str, Any] = {
        "connector_limit": 100,
        "max_body": 2**20,
        "connect_timeout": None,
        "keepalive_timeout": 60.0,
        "proxy": None,
        "ssl_context": None,
        "trust_env": False,
    }
    return AiohttpTransport(base_url, **{**defaults, **options})


def make_call(
    method: str = "GET",
    target: str = "/x",
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    deadline: float | None = None,
) -> Call:
    """Return the call of a request that is not safe to repeat."""
    request = Request(
        method,
        target,
        headers={"Accept": "application/json", "User-Agent": "test", **(headers or {})},
        body=body,
        operation_id="test",
        template=target,
        retry_safety=RetrySafety.NONE,
    )
    return Call(request, clock=MonotonicClock(), timeout=timeout, deadline=deadline)


@attrs.frozen
class Outcome:
    """The result of an exchange, whether a response or an error."""

    kind: str
    """``response``, or the name of an error."""
    status: int | None = None
    version: tuple[int, int] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str | None = None
    """The name of the error of the body."""
    message: str = ""
    """The message of the error."""
    sent: bool | None = None
    retryable: bool | None = None
    attempt: tuple[Any, ...] = ()
    """The recorded status, failure and ``sent``."""

    def without(self, port: str) -> Self:
        """Return the outcome without the port of the server."""
        return attrs.evolve(self, message=self.message.replace(port, "PORT"))


async def exchange(transport: AiohttpTransport, call: Call) -> Outcome:
    """Send a call once, and return what came of it."""
    try:
        outcome = _outcome(await transport(call))
    except TransportError as exc:
        outcome = Outcome(type(exc).__name__, message=exc.message, sent=exc.sent, retryable=exc.retryable)
    except Exception as exc:  # noqa: BLE001  # any error is an outcome
        outcome = Outcome(type(exc).__name__, message=str(exc))
    attempt = call.attempts[-1]
    return attrs.evolve(outcome, attempt=(attempt.status, attempt.error, attempt.sent))


def _outcome(response: Response) -> Outcome:
    outcome = Outcome("response", response.status, response.version, tuple(response.headers.items()), response.body)
    error = response.body_error
    if error is None:
        return outcome
    # It depends on the network how much of a broken body has arrived.
    message = re.sub(r"after \d+ bytes", "after N bytes", error.message)
    return attrs.evolve(outcome, body=b"", error=type(error).__name__, message=message)
