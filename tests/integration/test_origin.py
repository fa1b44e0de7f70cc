"""Origins: the client sends credentials only to the API and the token endpoint."""

import asyncio
import ssl
from typing import Any

import pytest
from support.examples import BY_GUARD, KEYED, READ, RUN_BODY, TAGGED
from support.fake_clock import FakeClock
from support.fixture_types import Certify, MakeClient, Serve
from support.raw_server import Connection, answer, close, raw
from support.transport_paths import take_path

from fieldingkit import AsyncClient, ClientCredentials, RetryPolicy, target_group_drafts
from fieldingkit.errors import (
    ApiError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidCommandError,
    RedirectError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.urls import check_url, origin_of

STATUSES = [301, 302, 303, 307, 308]
PLAIN = ["http://api.cint.com/v1", "http://10.0.0.1/v1", "http://localhost.evil.example/v1", "http://[2001:db8::1]/v1"]
LOOPBACK = [
    "http://127.0.0.1:8080/v1",
    "http://127.9.9.9/v1",
    "http://localhost/v1",
    "http://x.localhost/v1",
    "http://[::1]/v1",
]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("retry_safety", list(RetrySafety))
async def test_redirects_are_not_followed(
    status: int, retry_safety: RetrySafety, serve: Serve, make_client: MakeClient
) -> None:
    """A redirect is a RedirectError; neither another origin nor our own receives a second request."""
    elsewhere = await serve(answer(200))
    server = await serve(answer(status, headers={"Location": f"{elsewhere.url}/stolen?secret=1"}))

    with pytest.raises(RedirectError) as caught:
        await make_client(base_url=server.url).send(BY_GUARD[retry_safety])

    assert (caught.value.status, len(server.requests), elsewhere.connections) == (status, 1, 0)
    assert "stolen" not in str(caught.value)
    assert str(elsewhere.port) not in repr(caught.value)


async def test_a_redirect_on_the_same_origin_is_not_followed(serve: Serve, make_client: MakeClient) -> None:
    """A redirect on the same origin is not followed either."""
    server = await serve(answer(307, headers={"Location": "/v1/elsewhere"}))
    with pytest.raises(RedirectError):
        await make_client(base_url=server.url).send(READ)
    assert len(server.requests) == 1


async def test_the_301_of_a_launched_group_says_so(serve: Serve, make_client: MakeClient) -> None:
    """The documented 301 for a launched target group, to its details, says that it left draft; another one does not."""
    command = target_group_drafts.GetTargetGroup(project_id=READ.project_id, target_group_id=READ.target_group_id)
    details = f"/demand/accounts/101/projects/{READ.project_id}/target-groups/{READ.target_group_id}/details"
    for location, left_draft in ((details, True), ("https://login.example/?back=/target-groups/1/details", False)):
        server = await serve(answer(301, headers={"Location": location}))
        with pytest.raises(RedirectError, match="301 redirect, not followed") as caught:
            await make_client(base_url=server.url).send(command)
        assert caught.value.left_draft is left_draft
        assert ("left draft" in str(caught.value)) is left_draft


async def test_a_redirect_of_the_token_endpoint_is_not_followed(serve: Serve, make_client: MakeClient) -> None:
    """A redirect of the token endpoint is not followed: it would forward the client secret."""
    elsewhere = await serve(answer(200, {"access_token": "x"}))
    endpoint = await serve(answer(307, headers={"Location": f"{elsewhere.url}/token"}))
    auth = ClientCredentials(client_id="i", client_secret="s", token_url=endpoint.url)
    with pytest.raises(UnauthorizedError, match="the token endpoint answered 307"):
        await make_client(base_url="https://api.example.org", auth=auth).send(READ)
    assert elsewhere.connections == 0


async def test_a_redirected_batch_reaches_no_other_server(sandbox: Sandbox, client: AsyncClient) -> None:
    """A batch that the sandbox redirects reaches no other server."""
    with Sandbox() as elsewhere:
        sandbox.faults.add("create_bulk_*", faults.Redirect(elsewhere.url))
        with pytest.raises(RedirectError):
            await client.run(KEYED)
        assert elsewhere.requests == []


# Encryption


@pytest.mark.parametrize("url", PLAIN)
def test_plain_http_to_another_host_needs_allow_insecure(url: str) -> None:
    """Credentials go over plain http to another host only with ``allow_insecure``."""
    with pytest.raises(ConfigurationError, match="unencrypted"):
        AsyncClient(auth="x", base_url=url)
    with pytest.raises(ConfigurationError, match="unencrypted"):
        ClientCredentials(client_id="i", client_secret="s", token_url=url)
    AsyncClient(auth="x", base_url=url, allow_insecure=True)
    ClientCredentials(client_id="i", client_secret="s", token_url=url, allow_insecure=True)


@pytest.mark.parametrize("url", [*LOOPBACK, "https://api.cint.com/v1", "https://[2001:db8::1]:8443"])
def test_plain_http_to_loopback_is_allowed(url: str) -> None:
    """Plain http to this machine is allowed, and https to any."""
    assert repr(AsyncClient(auth="x", base_url=url)).endswith(f"{url}>")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.cint.com/v1",
        "//api.cint.com/v1",
        "ftp://api.cint.com",
        "https://",
        "https:///v1",
        "https://user@api.cint.com",
        "https://user:password@api.cint.com",
        "https://api.cint.com/v1?x=1",
        "https://api.cint.com/v1#x",
        "https://api.cint.com:port",
        "https://api.cint.com:99999",
        "https://[api",
        "https://api.cint.com/v1\r\nX: y",
        "https://api.cint.com/v 1",
        "https://api.cint.com/../v1",
        "https://äpi.cint.com\u2100/v1",
    ],
)
def test_an_invalid_base_url_is_refused(url: str) -> None:
    """An invalid URL, or one with credentials, is refused without being quoted in full."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(auth="x", base_url=url)
    assert "password" not in str(caught.value)


def test_a_trailing_slash_of_a_url_is_removed() -> None:
    """A trailing slash is removed."""
    checked = check_url("https://api.cint.com/v1/", what="base_url", allow_insecure=False)
    assert checked == "https://api.cint.com/v1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example", "https://a.example:443/x?y#z"),
        ("https://A.Example/", "HTTPS://a.example"),
        ("http://a.example:80", "http://a.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str) -> None:
    """An origin is scheme, host and port, in any spelling."""
    assert origin_of(one) == origin_of(other)


# The environment


@pytest.fixture
def hostile_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Provide a .netrc with a password for this machine."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))


def set_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Set the environment's proxy for all schemes."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, url)


@pytest.mark.usefixtures("hostile_environment")
async def test_netrc_and_proxies_are_ignored_by_default(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .netrc and the environment's proxies are ignored by default."""
    proxy = await serve(answer(200))
    set_proxy(monkeypatch, proxy.origin)
    server = await serve(answer(200, RUN_BODY))

    await make_client(base_url=server.url, auth="ours").send(READ)

    assert server.requests[0].headers["authorization"] == "Bearer ours"
    assert proxy.connections == 0


async def test_trust_env_uses_the_proxy(serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``trust_env=True`` the environment's proxy is used."""
    proxy = await serve(answer(200, RUN_BODY))
    set_proxy(monkeypatch, proxy.origin)

    await make_client(base_url="http://api.example.org/v1", allow_insecure=True, trust_env=True).send(READ)

    assert proxy.requests[0].target.startswith("http://api.example.org/v1/demand/")


@pytest.mark.usefixtures("hostile_environment")
async def test_trust_env_does_not_read_the_netrc(serve: Serve, make_client: MakeClient) -> None:
    """With ``trust_env=True`` a .netrc entry for the API's host does not replace the token."""
    server = await serve(answer(200, RUN_BODY))
    await make_client(base_url=server.url, auth="ours", trust_env=True).send(READ)
    assert server.requests[0].headers["authorization"] == "Bearer ours"


async def test_a_proxy_receives_its_credentials(serve: Serve, make_client: MakeClient) -> None:
    """A proxy is used with its credentials, which the API does not receive."""
    proxy = await serve(answer(200, RUN_BODY))
    url = proxy.origin.replace("http://", "http://me:secret@")

    await make_client(base_url="http://api.example.org/v1", allow_insecure=True, proxy=url).send(READ)

    (request,) = proxy.requests
    assert request.headers["proxy-authorization"].startswith("Basic ")
    assert request.headers["authorization"] == "Bearer test-token"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_407_of_a_proxy_is_not_retried(
    scheme: str, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A 407 of the proxy is a ConnectionFailedError: nothing was sent, and it is not retried."""
    proxy = await serve(answer(407, headers={"Proxy-Authenticate": "Basic"}))
    client = make_client(
        base_url=f"{scheme}://api.example.org/v1", allow_insecure=True, proxy=proxy.origin, clock=clock
    )

    with pytest.raises(ConnectionFailedError, match="407") as caught:
        await client.send(TAGGED)

    assert (caught.value.sent, caught.value.retryable, caught.value.maybe_applied) == (False, False, False)
    assert len(proxy.requests) == 1


async def test_a_proxy_that_was_not_used_is_not_blamed(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that the environment names later does not change who answered: the 407 and the break are the API's."""
    take_path("connection", monkeypatch)
    environment = iter([dict[str, str]()])  # when the client opens
    monkeypatch.setattr("fieldingkit.transport.aiohttp.proxy_bypass", lambda host: False)
    later = {"http": "http://127.0.0.1:9"}
    monkeypatch.setattr("fieldingkit.transport.aiohttp.getproxies", lambda: next(environment, later))
    server = await serve(answer(407), close)
    client = make_client(base_url=server.url, trust_env=True, retry=RetryPolicy(max_attempts=1))

    with pytest.raises(ApiError) as refused:
        await client.send(TAGGED)
    with pytest.raises(TransportError) as broken:
        await client.send(TAGGED)

    assert (refused.value.status, broken.value.maybe_applied) == (407, True)
    assert "proxy" not in str(broken.value)


async def test_a_407_is_of_the_proxy_that_was_used(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that leaves the environment during a call is still who answered: the API received nothing."""
    proxy = await serve(answer(407))
    environment = iter([{"http": proxy.origin}, {"http": proxy.origin}])  # when the client opens, and when it sends
    monkeypatch.setattr("fieldingkit.transport.aiohttp.getproxies", lambda: next(environment, {}))
    client = make_client(base_url="http://api.example.org/v1", allow_insecure=True, trust_env=True)

    with pytest.raises(ConnectionFailedError, match="407") as caught:
        await client.send(TAGGED)

    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


async def test_a_tunnel_hides_token_and_path(
    serve: Serve, make_client: MakeClient, certified: Certify, trusting: ssl.SSLContext
) -> None:
    """Through a tunnel, which is kept, the proxy learns the API's host, and neither token nor path."""
    server = await serve(answer(200, RUN_BODY), tls=certified())

    async def tunnel(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)
            target.close()

        await asyncio.gather(pump(connection.reader, writer), pump(reader, connection.writer))

    proxy = await serve(tunnel)
    client = make_client(base_url=server.url, proxy=proxy.origin, ssl_context=trusting)

    for _ in range(2):
        assert (await client.send(READ)).version == 1

    assert [request.method for request in proxy.requests] == ["CONNECT"]
    assert b"test-token" not in proxy.requests[0].head
    assert server.requests[0].headers["authorization"] == "Bearer test-token"


@pytest.mark.parametrize("url", ["", "proxy", "proxy:3128", "socks5://proxy", "http://", "http://u:password@p:x"])
def test_an_invalid_proxy_is_refused(url: str) -> None:
    """A proxy that is no http URL is refused where it is given, and not quoted."""
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        AsyncClient(auth="x", proxy=url)
    assert "password" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_trust_env_respects_no_proxy(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``trust_env=True`` the environment's exceptions apply too."""
    proxy = await serve(answer(200))
    set_proxy(monkeypatch, proxy.origin)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = await serve(answer(200, RUN_BODY))
    await make_client(base_url=server.url, trust_env=True).send(READ)
    assert proxy.connections == 0


async def test_a_failed_tunnel_is_retried(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A tunnel that the proxy cannot build is retried: nothing was sent."""
    proxy = await serve(raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"))
    client = make_client(base_url="https://api.example.org/v1", proxy=proxy.origin, clock=clock)
    with pytest.raises(ConnectionFailedError) as caught:
        await client.send(TAGGED)
    assert not caught.value.maybe_applied
    assert len(proxy.requests) == 4


# Requests without a command


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "https://evil.example/x",
        "//evil.example/x",
        "/../x",
        "/a/../x",
        "/a/./x",
        "/a%2fb",
        "/%2e%2e/x",
        "/%2E./x",
        "/a?b=c",
        "/a#b",
        "/a b",
        "/a\r\nX: y",
        "/a\\b",
        "/a%5cb",
        "/a%0d%0ab",
        "/a%zz",
        "/a%",
        "/é",
        "/a//b",
        "/",
    ],
)
async def test_request_refuses_unsafe_paths(path: str, serve: Serve, make_client: MakeClient) -> None:
    """``request`` refuses paths that could lead elsewhere."""
    server = await serve(answer(200))
    with pytest.raises(InvalidCommandError) as caught:
        await make_client(base_url=server.url).request("GET", path)
    assert caught.value.field == "path"
    assert server.connections == 0


@pytest.mark.parametrize("name", ["Authorization", "authorization", "Host", "Content-Length", "Proxy-Authorization"])
async def test_request_refuses_reserved_headers(name: str, make_client: MakeClient) -> None:
    """``request`` refuses headers that carry credentials or frame the message."""
    with pytest.raises(InvalidCommandError) as caught:
        await make_client(base_url="https://api.example.org").request("GET", "/x", headers={name: "x"})
    assert caught.value.field == "headers"


@pytest.mark.parametrize(
    ("name", "value"), [("X: y\r\nZ", "1"), ("X", "1\r\nZ: 2"), ("", "1"), ("X", "é"), ("X\x00", "")]
)
async def test_request_refuses_header_injection(name: str, value: str, make_client: MakeClient) -> None:
    """``request`` refuses header names and values that would add another header."""
    with pytest.raises(InvalidCommandError):
        await make_client(base_url="https://api.example.org").request("GET", "/x", headers={name: value})


@pytest.mark.parametrize("spelling", ["Content-Type", "content-type", "CONTENT-TYPE"])
async def test_a_header_of_the_caller_replaces_ours(spelling: str, serve: Serve, make_client: MakeClient) -> None:
    """A header of the caller replaces the client's in any spelling."""
    server = await serve(answer(200, {}))
    headers = {spelling: "text/json", "accept": "*/*"}
    await make_client(base_url=server.url).request("POST", "/x", json={}, headers=headers)
    head = server.requests[0].head.lower()
    assert (head.count(b"content-type:"), head.count(b"accept:")) == (1, 1)
    assert server.requests[0].headers["content-type"] == "text/json"


@pytest.mark.parametrize("method", ["", "GET /x HTTP/1.1\r\nX", "G T", "GÉT"])
async def test_request_refuses_invalid_methods(method: str, make_client: MakeClient) -> None:
    """``request`` refuses methods that are no token."""
    with pytest.raises(InvalidCommandError) as caught:
        await make_client(base_url="https://api.example.org").request(method, "/x")
    assert caught.value.field == "method"
