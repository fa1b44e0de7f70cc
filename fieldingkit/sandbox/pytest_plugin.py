"""Pytest fixtures for code that uses fieldingkit: a running sandbox, and clients of it.

Put this into your `conftest.py`::

    pytest_plugins = ["fieldingkit.sandbox.pytest_plugin"]

To test with another sandbox, define a fixture `sandbox` of your own there; the clients use whichever there is. The
fixture `client` needs pytest-asyncio, in its auto or its strict mode.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from fieldingkit.sandbox.server import Sandbox

if TYPE_CHECKING:
    from fieldingkit import AsyncClient, Client

__all__ = ["blocking_client", "client", "sandbox"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox that runs on a thread of its own, so that asynchronous and blocking tests can use it."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def blocking_client(sandbox: Sandbox) -> "Iterator[Client]":
    """A `Client` of the sandbox, closed after the test."""
    from fieldingkit import Client

    with closing(Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)) as client:
        yield client


if find_spec("pytest_asyncio"):
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def client(sandbox: Sandbox) -> "AsyncIterator[AsyncClient]":
        """An `AsyncClient` of the sandbox, closed after the test."""
        from fieldingkit import AsyncClient

        client = AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
        async with aclosing(client):
            yield client
