"""Fixtures of the whole suite: the sandbox, clients of it, and what takes the place of the world around them."""

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

from fieldingkit import AsyncClient, Client, RetryPolicy
from fieldingkit.sandbox import Sandbox

pytest_plugins = ["support.cli_fixtures"]

# The suite tries the same examples every time, so that a failure is there for everybody; to look for new ones set
# HYPOTHESIS_PROFILE=search.
settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "search", deadline=None, max_examples=3000, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# No test trusts this machine's authorities, and to read them takes a quarter of the time that a program needs to start.
# This one, whose key is lost, is in their place: some programs want one at least.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "nobody.pem")

# A shell that runs the suite in the background has it ignore Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is loaded here stays for good: the garbage collector needs to look at none of it, now or later.
gc.disable()


def pytest_collection_finish() -> None:
    """Hand over to the collector, which starts with nothing but the tests' own objects."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox on a thread of its own, so that asynchronous and blocking tests can use it."""
    with Sandbox(job_seconds=0.02) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    """A clock that jumps over waits of up to a minute, and comes to longer ones in time."""
    return FakeClock(jump=60.0)


@pytest.fixture
def sandbox_clock(sandbox: Sandbox) -> FakeClock:
    """The same, and the sandbox goes by it."""
    return FakeClock(sandbox.clock, jump=60.0)


@pytest.fixture
async def make_client(request: pytest.FixtureRequest) -> AsyncIterator[MakeClient]:
    """Makes clients that are closed after the test: of the sandbox, unless they are told a base URL."""
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
    """An async client of the sandbox."""
    return make_client()


@pytest.fixture
def sweep_client(make_client: MakeClient, sandbox_clock: FakeClock) -> AsyncClient:
    """A client of the sandbox for whom no time passes."""
    return make_client(clock=sandbox_clock)


@pytest.fixture
def hasty(make_client: MakeClient, sandbox_clock: FakeClock) -> AsyncClient:
    """The same, but it tries nothing again by itself."""
    return make_client(clock=sandbox_clock, retry=RetryPolicy(max_attempts=1))


@pytest.fixture
def blocking_client(sandbox: Sandbox) -> Iterator[Client]:
    """A blocking client of the sandbox."""
    with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
        yield client


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts raw servers that play the steps they are given, and stops them after the test."""
    async with AsyncExitStack() as stack:

        async def start(*script: Step, tls: ssl.SSLContext | None = None) -> RawServer:
            return await stack.enter_async_context(RawServer(*script, tls=tls))

        yield start


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts by default."""
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts it."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def certified(authority: trustme.CA) -> Certify:
    """Makes a server's context with a certificate for a host, good or expired."""

    def certify(host: str = "localhost", *, expired: bool = False) -> ssl.SSLContext:
        moment = datetime(2001, 1, 1, tzinfo=UTC)
        leaf = authority.issue_cert(host, not_before=moment, not_after=moment if expired else None)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        leaf.configure_cert(context)
        return context

    return certify


class _MendedResponse(aiohttp.ClientResponse):
    """What aioresponses 0.7.9 needs to build a response of aiohttp 3.14."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **options)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Answers in aiohttp's place, for what a socket cannot provoke."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", _MendedResponse)
    with aioresponses() as mock:
        yield mock
