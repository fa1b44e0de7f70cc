"""Pytest fixtures for code that uses fieldingkit: a running sandbox and clients connected to it.

Add this to your `conftest.py`::

    pytest_plugins = ["fieldingkit.sandbox.pytest_plugin"]

| fixture | value |
| --- | --- |
| `fieldingkit_sandbox` | a running `Sandbox`, new for each test |
| `fieldingkit_client` | an `AsyncClient` of it; needs pytest-asyncio, in auto or strict mode |
| `fieldingkit_blocking_client` | a `Client` of it |
| `fieldingkit_fulfillment_client` | an `AsyncFulfillmentClient` of it; needs pytest-asyncio |
| `fieldingkit_blocking_fulfillment_client` | a `FulfillmentClient` of it |

Each has a short name, such as `client` or `sandbox`, unless a fixture of yours or of another plugin has that name. To
configure the sandbox, define a fixture `fieldingkit_sandbox` of your own; the clients use it.

A test controls the API through the sandbox: `seed` creates projects, `group.act("pause", by="a colleague")` acts as
another user, `clock.advance(3600)` moves time, `faults.add` injects failures, `deliver` sends webhook events, and
`requests` and `jobs` list what arrived.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from fieldingkit.sandbox.server import Sandbox

if TYPE_CHECKING:
    from fieldingkit import AsyncClient, AsyncFulfillmentClient, Client, FulfillmentClient

__all__ = [
    "fieldingkit_blocking_client",
    "fieldingkit_blocking_fulfillment_client",
    "fieldingkit_client",
    "fieldingkit_fulfillment_client",
    "fieldingkit_sandbox",
]


@pytest.fixture
def fieldingkit_sandbox() -> Iterator[Sandbox]:
    """Run a sandbox on a thread of its own, for asynchronous and blocking tests."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def fieldingkit_blocking_client(fieldingkit_sandbox: Sandbox) -> "Iterator[Client]":
    """Create a `Client` of the sandbox, and close it after the test."""
    from fieldingkit import Client

    served = fieldingkit_sandbox
    with closing(Client(account_id=served.account_id, auth=served.token, base_url=served.url)) as client:
        yield client


@pytest.fixture
def fieldingkit_blocking_fulfillment_client(fieldingkit_sandbox: Sandbox) -> "Iterator[FulfillmentClient]":
    """Create a `FulfillmentClient` of the sandbox, and close it after the test."""
    from fieldingkit import FulfillmentClient

    served = fieldingkit_sandbox
    with closing(FulfillmentClient(key=served.fulfillment_key, base_url=served.fulfillment_url)) as client:
        yield client


def _async_fixture(function: Callable[[Sandbox], AsyncIterator[Any]]) -> Any:
    """Return a fixture of pytest-asyncio; without it, one that fails and says so."""
    if find_spec("pytest_asyncio"):
        import pytest_asyncio

        return pytest_asyncio.fixture(function)
    name = function.__name__

    def missing() -> None:
        pytest.fail(
            f"the fixture {name} is asynchronous and pytest-asyncio is not installed: "
            f'python -m pip install "fieldingkit[testing]", or use {name.replace("_", "_blocking_", 1)}',
            pytrace=False,
        )

    missing.__doc__ = function.__doc__
    return pytest.fixture(name=name)(missing)


@_async_fixture
async def fieldingkit_client(fieldingkit_sandbox: Sandbox) -> "AsyncIterator[AsyncClient]":
    """Create an `AsyncClient` of the sandbox, and close it after the test."""
    from fieldingkit import AsyncClient

    served = fieldingkit_sandbox
    client = AsyncClient(account_id=served.account_id, auth=served.token, base_url=served.url)
    async with aclosing(client):
        yield client


@_async_fixture
async def fieldingkit_fulfillment_client(fieldingkit_sandbox: Sandbox) -> "AsyncIterator[AsyncFulfillmentClient]":
    """Create an `AsyncFulfillmentClient` of the sandbox, and close it after the test."""
    from fieldingkit import AsyncFulfillmentClient

    served = fieldingkit_sandbox
    client = AsyncFulfillmentClient(key=served.fulfillment_key, base_url=served.fulfillment_url)
    async with aclosing(client):
        yield client


def _short(long: str) -> Any:
    """Return a fixture with the short name, which gives way to a fixture of another plugin with the same name."""
    name = long.removeprefix("fieldingkit_")

    def short(request: pytest.FixtureRequest) -> Any:
        try:
            # Within a fixture its own name means the one that it hides.
            return request.getfixturevalue(name)
        except pytest.FixtureLookupError as exc:
            if exc.argname != name:
                raise
        return request.getfixturevalue(long)

    short.__doc__ = f"Return `{long}`, or the fixture `{name}` of another plugin if there is one."
    return pytest.fixture(name=name)(short)


_sandbox = _short("fieldingkit_sandbox")
_client = _short("fieldingkit_client")
_blocking_client = _short("fieldingkit_blocking_client")
_fulfillment_client = _short("fieldingkit_fulfillment_client")
_blocking_fulfillment_client = _short("fieldingkit_blocking_fulfillment_client")
