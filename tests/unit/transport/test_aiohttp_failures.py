"""Failures of aiohttp that a real socket cannot provoke."""

from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses
from support.examples import KEYED, READ, RUN_BODY, TAGGED
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit.commands import Command
from fieldingkit.errors import (
    ConfigurationError,
    ConnectionFailedError,
    TransportError,
)


def connection_key() -> Any:
    """Return aiohttp's key of a connection."""
    return aiohttp.client_reqrep.ConnectionKey("api.example.org", 443, True, True, None, None, None)


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED], ids=["READ", "TAG", "KEY"])
async def test_unknown_host_is_retried_for_every_command(
    command: Command[Any], make_client: MakeClient, mocked: aioresponses, clock: FakeClock
) -> None:
    """A host name that cannot be resolved is retried for every command: nothing was sent."""
    failure = aiohttp.ClientConnectorDNSError(connection_key(), OSError(-2, "Name or service not known"))
    mocked.add(
        f"https://api.example.org/v1{_path(command)}", method=command.endpoint.method, exception=failure, repeat=True
    )
    client = make_client(base_url="https://api.example.org/v1", clock=clock)

    with pytest.raises(ConnectionFailedError, match="Name or service not known") as caught:
        await client.send(command)

    assert len(caught.value.attempts) == 4
    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


async def test_mocked_response_is_decoded(make_client: MakeClient, mocked: aioresponses) -> None:
    """The patched aioresponses works: a mocked response is decoded like any other."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", payload=RUN_BODY, headers={"ETag": 'W/"5"'})
    run = await make_client(base_url="https://api.example.org/v1").send(READ)
    assert (run.id, run.etag) == (RUN_BODY["id"], 'W/"5"')


@pytest.mark.parametrize(
    "failure", [aiohttp.InvalidURL("x"), aiohttp.NonHttpUrlClientError("x")], ids=lambda failure: type(failure).__name__
)
async def test_url_that_aiohttp_refuses_is_a_configuration_error(
    failure: Exception, make_client: MakeClient, mocked: aioresponses
) -> None:
    """A URL that aiohttp refuses is a ConfigurationError and is not retried."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", exception=failure)
    with pytest.raises(ConfigurationError):
        await make_client(base_url="https://api.example.org/v1").send(READ)


async def test_unrelated_exception_is_not_converted(make_client: MakeClient, mocked: aioresponses) -> None:
    """An exception that has nothing to do with HTTP is raised unchanged."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", exception=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await make_client(base_url="https://api.example.org/v1").send(READ)


@pytest.mark.parametrize(
    "failure",
    [
        aiohttp.ClientOSError(104, "Connection reset by peer"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.SocketTimeoutError(),
        aiohttp.ClientPayloadError(),
        aiohttp.ClientConnectionResetError("x"),
        TimeoutError("the kernel's own"),
        BrokenPipeError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_every_failure_of_aiohttp_is_a_transport_error(
    failure: Exception, make_client: MakeClient, mocked: aioresponses, clock: FakeClock
) -> None:
    """Every other failure of aiohttp or the kernel is a TransportError, also without time limits."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", exception=failure, repeat=True)
    for limits in ({}, {"timeout": None, "deadline": None}):
        client = make_client(base_url="https://api.example.org/v1", clock=clock, **limits)
        with pytest.raises(TransportError) as caught:
            await client.send(READ)
        assert "connection" in caught.value.message or "response" in caught.value.message
        assert type(failure).__name__ not in caught.value.message


def _path(command: Command[Any]) -> str:
    from fieldingkit.codec import encode

    return encode(command, account_id="101", headers={}).target
