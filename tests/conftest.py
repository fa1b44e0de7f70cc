"""Fixtures of the whole suite: the sandbox, its clients, clocks, raw servers and certificates."""

import gc
import os
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
import trustme
from aioresponses import aioresponses
from hypothesis import HealthCheck, settings
from support.fake_clock import FakeClock
from support.fixture_types import Certify, MakeClient, Serve
from support.raw_server import RawServer, Step

import fieldingkit.transport.aiohttp
from fieldingkit import AsyncClient, Client, RetryPolicy
from fieldingkit.sandbox import Sandbox

pytest_plugins = ["support.cli_fixtures"]

# The suite uses the same examples every time, so that failures are reproducible; HYPOTHESIS_PROFILE=search finds new
# ones.
settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "search", deadline=None, max_examples=3000, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# No test trusts this machine's authorities, and reading them takes a quarter of a program's start. This one, whose key
# is lost, replaces them: some programs require at least one.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "unused_authority.pem")

# A shell that runs the suite in the background ignores Ctrl-C for it; programs that a test starts inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `nox -s transport` runs the suite with aiohttp's session, which otherwise sends only what the connections cannot.
if os.environ.get("TESTED_PATH") == "session":
    fieldingkit.transport.aiohttp.missing_internals = lambda: ("the tests want the session",)

# Objects loaded here live as long as the suite: the garbage collector need not traverse them.
gc.disable()


def pytest_collection_finish() -> None:
    """Enable the garbage collector for the objects that the tests create."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox on its own thread, so that async and blocking tests can use it."""
    with Sandbox(job_seconds=0.02) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that jumps over waits of up to a minute."""
    return FakeClock(jump=60.0)


@pytest.fixture
def sandbox_clock(sandbox: Sandbox) -> FakeClock:
    """Return a clock that the sandbox uses too."""
    return FakeClock(sandbox.clock, jump=60.0)


@pytest.fixture
async def make_client(request: pytest.FixtureRequest) -> AsyncIterator[MakeClient]:
    """Yield a function that makes clients, by default of the sandbox, which are closed after the test."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> AsyncClient:
            defaults: dict[str, Any] = {"auth": "test-token", "account_id": 101}
            if "base_url" not in options:
                sandbox: Sandbox = request.getfixturevalue("sandbox")
                defaults |= {"auth": sandbox.token, "account_id": sandbox.account_id, "base_url": sandbox.url}
            client = AsyncClient(**{**defaults, **options})
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
async def client(make_client: MakeClient) -> AsyncClient:
    """Return an async client of the sandbox."""
    return make_client()


@pytest.fixture
def sweep_client(make_client: MakeClient, sandbox_clock: FakeClock) -> AsyncClient:
    """Return a client of the sandbox whose waits take no time."""
    return make_client(clock=sandbox_clock)


@pytest.fixture
def client_without_retries(make_client: MakeClient, sandbox_clock: FakeClock) -> AsyncClient:
    """Return a client of the sandbox without retries.

    It has no deadline, because the waits of one call let the clock jump while another one is in progress.
    """
    return make_client(clock=sandbox_clock, retry=RetryPolicy(max_attempts=1), deadline=None)


@pytest.fixture
def blocking_client(sandbox: Sandbox) -> Iterator[Client]:
    """Yield a blocking client of the sandbox."""
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        yield client


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Yield a function that starts raw servers, which are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def start(*script: Step, tls: ssl.SSLContext | None = None) -> RawServer:
            return await stack.enter_async_context(RawServer(*script, tls=tls))

        yield start


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return a certificate authority that is not trusted by default."""
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a client's TLS context that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def certified(authority: trustme.CA) -> Certify:
    """Return a function that makes a server's TLS context with a valid or expired certificate."""

    def certify(host: str = "localhost", *, expired: bool = False) -> ssl.SSLContext:
        moment = datetime(2001, 1, 1, tzinfo=UTC)
        leaf = authority.issue_cert(host, not_before=moment, not_after=moment if expired else None)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        leaf.configure_cert(context)
        return context

    return certify


class _CompatibleResponse(aiohttp.ClientResponse):
    """The argument of aiohttp 3.14 that aioresponses 0.7.9 does not pass."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **options)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Replace aiohttp's responses, for failures that a socket cannot provoke."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", _CompatibleResponse)
    with aioresponses() as mock:
        yield mock
