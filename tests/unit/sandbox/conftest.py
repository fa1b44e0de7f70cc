"""Fixtures of the sandbox's own tests."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from support.contract_check import checked_sandboxes
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, SandboxClock


@pytest.fixture(autouse=True)
def _contract() -> Iterator[None]:
    with checked_sandboxes():
        yield


@pytest.fixture
def clock() -> SandboxClock:
    """Return a frozen clock."""
    clock = SandboxClock()
    clock.freeze()
    return clock


@pytest.fixture
async def sandbox(clock: SandboxClock) -> AsyncIterator[Sandbox]:
    """Run a sandbox on the test's own event loop."""
    async with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
async def call(sandbox: Sandbox) -> AsyncIterator[Caller]:
    """Return a caller of the sandbox."""
    async with aiohttp.ClientSession() as session:
        yield Caller(sandbox, session)
