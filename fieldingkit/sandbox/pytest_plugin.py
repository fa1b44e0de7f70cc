"""Pytest fixtures for code that uses fieldingkit: a running sandbox and clients connected to it.

Add this to your `conftest.py`::

    pytest_plugins = ["fieldingkit.sandbox.pytest_plugin"]

To configure the sandbox, define a fixture `sandbox` of your own in `conftest.py`; the clients use it. The fixtures
`client` and `fulfillment_client` need pytest-asyncio, in auto or strict mode.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from fieldingkit.sandbox.server import Sandbox

if TYPE_CHECKING:
    from fieldingkit import AsyncClient, AsyncFulfillmentClient, Client, FulfillmentClient

__all__ = ["blocking_client", "blocking_fulfillment_client", "client", "fulfillment_client", "sandbox"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox on a thread of its own, for asynchronous and blocking tests."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def blocking_client(sandbox: Sandbox) -> "Iterator[Client]":
    """Create a `Client` of the sandbox, and close it after the test."""
    from fieldingkit import Client

    with closing(Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)) as client:
        yield client


@pytest.fixture
def blocking_fulfillment_client(sandbox: Sandbox) -> "Iterator[FulfillmentClient]":
    """Create a `FulfillmentClient` of the sandbox, and close it after the test."""
    from fieldingkit import FulfillmentClient

    with closing(FulfillmentClient(key=sandbox.fulfillment_key, base_url=sandbox.fulfillment_url)) as client:
        yield client


if find_spec("pytest_asyncio"):
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def client(sandbox: Sandbox) -> "AsyncIterator[AsyncClient]":
        """Create an `AsyncClient` of the sandbox, and close it after the test."""
        from fieldingkit import AsyncClient

        client = AsyncClient(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
        async with aclosing(client):
            yield client

    @pytest_asyncio.fixture
    async def fulfillment_client(sandbox: Sandbox) -> "AsyncIterator[AsyncFulfillmentClient]":
        """Create an `AsyncFulfillmentClient` of the sandbox, and close it after the test."""
        from fieldingkit import AsyncFulfillmentClient

        client = AsyncFulfillmentClient(key=sandbox.fulfillment_key, base_url=sandbox.fulfillment_url)
        async with aclosing(client):
            yield client
