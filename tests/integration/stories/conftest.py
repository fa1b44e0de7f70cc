"""Fixtures of the stories: each runs with both clients, against a sandbox that is checked against the contract."""

from collections.abc import AsyncIterator, Iterator

import pytest
from support.walking import AsyncWalker, BlockingWalker, Walker

from fieldingkit import AsyncClient, Client
from fieldingkit.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox whose jobs take no time; all its answers are checked against the contract."""
    from support.contract_check import checked_sandboxes

    with checked_sandboxes(), Sandbox(job_seconds=0) as running:
        yield running


@pytest.fixture(params=["async", "blocking"])
async def walker(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Walker]:
    """Return each client in turn."""
    if request.param == "async":
        async with AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
            yield AsyncWalker(client)
    else:
        with Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url) as client:
            yield BlockingWalker(client)
