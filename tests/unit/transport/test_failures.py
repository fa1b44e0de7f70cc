"""Errors of connections that failed: each names the host that failed, and the reason."""

import re
from typing import Any

import aiohttp
import pytest
from support.examples import KEYED, free_port
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, Step, answer, close, raw, reset
from yarl import URL

from fieldingkit import RetryPolicy
from fieldingkit.errors import ConfigurationError, ConnectionFailedError, TransportError
from fieldingkit.transport.failures import Route, to_error

API = "api.example.org"
DIRECT = Route("api.example.org:443")
FORWARDED = Route("api.example.org:80", "proxy:3128")
TUNNEL = Route("api.example.org:443", "proxy:3128", is_tunneled=True)


def connection_to(url: str) -> Any:
    """Return aiohttp's name of a connection."""
    return aiohttp.ClientRequest("GET", URL(url)).connection_key


# The text of one failure


@pytest.mark.parametrize(
    ("route", "host", "named"),
    [
        (DIRECT, "https://api.example.org", "api.example.org:443"),
        (FORWARDED, "http://proxy:3128", "the proxy proxy:3128"),
        (TUNNEL, "http://proxy:3128", "the proxy proxy:3128"),
        (TUNNEL, "https://api.example.org", "api.example.org:443 through the proxy proxy:3128"),
    ],
)
async def test_host_that_cannot_be_reached_is_named(route: Route, host: str, named: str) -> None:
    """The host that has no address, accepts no connection or has a wrong certificate is the one that is named."""
    key = connection_to(host)
    unknown = to_error(
        aiohttp.ClientConnectorDNSError(key, OSError(-2, "Name or service not known")), route, sent=False
    )
    assert unknown is not None
    assert unknown.message == f"no connection to {named}: Name or service not known"
    untrusted = to_error(aiohttp.ClientConnectorCertificateError(key, Exception("expired")), route, sent=False)
    assert untrusted is not None
    assert untrusted.message == f"the certificate of {named} is not trusted: expired"


@pytest.mark.parametrize(
    "cause", [ConnectionResetError(), ConnectionAbortedError(), OSError(), OSError(None, ""), OSError(0, "")]
)
async def test_no_reason_is_empty(cause: OSError) -> None:
    """A connection that ends during the TLS handshake has a reason, although its exception has none."""
    failure = aiohttp.ClientConnectorError(connection_to("https://api.example.org"), cause)
    error = to_error(failure, TUNNEL, sent=False)
    assert error is not None
    assert re.search(r"proxy:3128: \w", error.message)
    assert str(error).endswith("Nothing was sent.")


@pytest.mark.parametrize(
    ("route", "sent", "peer"),
    [
        (DIRECT, True, "api.example.org:443"),
        (FORWARDED, True, "the proxy proxy:3128"),
        (FORWARDED, False, "the proxy proxy:3128"),
        (TUNNEL, False, "the proxy proxy:3128"),
        (TUNNEL, True, "api.example.org:443 through the proxy proxy:3128"),
    ],
)
def test_connection_that_breaks_is_that_of_its_peer(route: Route, sent: bool, peer: str) -> None:
    """A proxy is the peer of all requests that it forwards; of a tunnel only until that is built."""
    for failure, text in (
        (aiohttp.ServerDisconnectedError(), f"the connection to {peer} was closed without a response"),
        (aiohttp.ClientOSError(104, "x"), f"the connection to {peer} broke: Connection reset by peer"),
        (aiohttp.ClientError(), f"the connection to {peer} broke"),
    ):
        error = to_error(failure, route, sent=sent)
        assert isinstance(error, TransportError)
        assert (error.message, error.sent) == (text, sent)
        # Without a tunnel there was no connection to the API.
        assert isinstance(error, ConnectionFailedError) is (route.is_tunneled and not sent)


def test_refusal_of_a_proxy_has_a_phrase_for_its_status() -> None:
    """A proxy that sends no phrase is quoted with that of the status; an unknown status stands alone."""
    request: Any = None
    for status, message, text in ((502, "Oops", "502 Oops"), (502, "", "502 Bad Gateway"), (599, "", "599")):
        failure = aiohttp.ClientHttpProxyError(request, (), status=status, message=message)
        error = to_error(failure, TUNNEL, sent=False)
        assert error is not None
        assert error.message == f"the proxy proxy:3128 refused the connection: {text}"


def test_route_has_no_credentials() -> None:
    """Of a proxy's URL an error has the host and the port; a text that is no URL is no proxy."""
    target = URL("https://api.example.org/v1")
    route = Route.to("api.example.org:443", target, URL("http://me:password@[::1]:3128/?key=password"))
    assert route == ("api.example.org:443", "::1:3128", True)
    assert Route.to("api.example.org:443", target, URL("proxy")) == DIRECT


def test_exception_that_is_not_of_the_network_is_no_failure() -> None:
    """Any other exception is left as it is; a URL that cannot be called is the configuration's."""
    assert to_error(RuntimeError(), DIRECT, sent=False) is None
    assert isinstance(to_error(aiohttp.InvalidURL("x"), Route("x"), sent=False), ConfigurationError)


# Real connections


async def tunnel_and_close(connection: Connection) -> None:
    """Build a tunnel, and close it during the TLS handshake."""
    await connection.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    connection.close()


async def failure_through(make_client: MakeClient, scheme: str, port: int) -> TransportError:
    """Return the error of an action through a proxy that fails."""
    client = make_client(
        base_url=f"{scheme}://{API}/v1",
        allow_insecure=True,
        proxy=f"http://me:secret-password@127.0.0.1:{port}",
        retry=RetryPolicy(max_attempts=1),
    )
    with pytest.raises(TransportError) as caught:
        await client.send(KEYED)
    assert "secret-password" not in f"{caught.value} {caught.value!r}"
    assert not re.search(r": ?\.", str(caught.value))
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_that_does_not_listen_is_named(scheme: str, make_client: MakeClient) -> None:
    """A proxy that cannot be reached is named; the API was never tried."""
    port = free_port()
    error = await failure_through(make_client, scheme, port)
    assert error.message == f"no connection to the proxy 127.0.0.1:{port}: Connection refused"
    assert (type(error), error.maybe_applied) == (ConnectionFailedError, False)


@pytest.mark.parametrize("step", [close, reset, raw(b"\x00\x01 SSH-2.0\r\n")], ids=["close", "reset", "not HTTP"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_that_breaks_off_is_named(scheme: str, step: Step, serve: Serve, make_client: MakeClient) -> None:
    """A proxy that closes the connection or sends no HTTP is named; before the tunnel is built nothing was sent."""
    proxy = await serve(step)
    error = await failure_through(make_client, scheme, proxy.port)
    assert f"the proxy 127.0.0.1:{proxy.port}" in error.message
    assert API not in error.message
    assert error.maybe_applied is (scheme == "http")
    assert isinstance(error, ConnectionFailedError) is (scheme == "https")


async def test_proxy_that_refuses_a_tunnel_is_named(serve: Serve, make_client: MakeClient) -> None:
    """A refusal is quoted as the proxy's."""
    proxy = await serve(answer(502))
    error = await failure_through(make_client, "https", proxy.port)
    assert error.message == f"the proxy 127.0.0.1:{proxy.port} refused the connection: 502 Reason"


async def test_tunnel_that_ends_during_the_handshake_has_a_reason(serve: Serve, make_client: MakeClient) -> None:
    """A tunnel that is closed before TLS is there may be the fault of either: both are named, with a reason."""
    proxy = await serve(tunnel_and_close)
    error = await failure_through(make_client, "https", proxy.port)
    assert re.fullmatch(rf"no connection to {API}:443 through the proxy 127.0.0.1:{proxy.port}: \w.*", error.message)
    assert error.maybe_applied is False
