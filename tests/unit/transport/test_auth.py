"""Tokens: fetched once for many, renewed in time, and tried anew once where one has expired."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.examples import KEYED, READ, RUN_BODY, free_port, run_of
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close

from fieldingkit import AsyncClient, BearerToken, ClientCredentials, fielding_runs
from fieldingkit.errors import (
    ClientClosedError,
    ConfigurationError,
    FieldingKitError,
    ForbiddenError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.sandbox import Sandbox
from fieldingkit.transport.credentials import AccessToken, Fetch
from fieldingkit.transport.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
EXPIRED = answer(403, {"object": "authorization_error", "detail": "You do not have the right permissions."})


class Tokens:
    """A provider that counts, and does what it is told."""

    def __init__(self, lifetime: float | None = None, *, outcome: Callable[[int], object] | None = None) -> None:
        self.fetched = 0
        self.lifetime = lifetime
        self.outcome = outcome
        self.go = asyncio.Event()
        self.go.set()

    async def fetch(self, http: Fetch) -> AccessToken:
        """Give token-1, token-2 and so on."""
        del http
        self.fetched += 1
        number = self.fetched
        await self.go.wait()
        if self.outcome is not None and isinstance(outcome := self.outcome(number), Exception):
            raise outcome
        return AccessToken(f"token-{number}", lifetime=self.lifetime)


def signed(server: Any) -> list[str]:
    """Which tokens a server saw."""
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]


@pytest.mark.parametrize("error", [TransportError("gone", sent=False, retryable=False), ConfigurationError("no file")])
async def test_each_call_has_its_own_error(error: FieldingKitError, make_client: MakeClient) -> None:
    """41. A fetch that fails for several calls is an error of each of them, with its own command and its own key."""
    client = make_client(base_url="http://127.0.0.1:9", auth=Tokens(outcome=lambda _: error), retry=ONCE)
    commands = [KEYED.replace(idempotency_key=key) for key in ("first", "second")]

    errors = await asyncio.gather(*map(client.send, commands), return_exceptions=True)

    assert all(isinstance(each, type(error)) for each in errors)
    assert [(each.command, each.idempotency_key) for each in errors if isinstance(each, FieldingKitError)] == [
        (command, command.idempotency_key) for command in commands
    ]


async def test_a_provider_that_fails_in_its_own_way(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """An exception of a provider's own goes to the caller, and tells what an earlier attempt may have done."""
    tokens = Tokens(lifetime=10, outcome=lambda number: KeyError("vault") if number == 2 else None)

    async def late(connection: Connection) -> None:
        clock.advance(20)
        await close(connection)

    client = make_client(base_url=(await serve(late)).url, auth=tokens, clock=clock)
    with pytest.raises(KeyError, match="vault") as caught:
        await client.send(KEYED.replace(idempotency_key="mine"))
    (note,) = caught.value.__notes__
    assert "may have been applied" in note
    assert "idempotency_key='mine'" in note


async def test_fetched_once(serve: Serve, make_client: MakeClient) -> None:
    """41. A hundred concurrent cold calls fetch one token."""
    server = await serve(answer(200, RUN_BODY))
    tokens = Tokens()
    tokens.go.clear()
    client = make_client(base_url=server.url, auth=tokens)

    calls = [asyncio.create_task(client.send(READ)) for _ in range(100)]
    await settle()
    tokens.go.set()
    await asyncio.gather(*calls)

    assert tokens.fetched == 1
    assert set(signed(server)) == {"token-1"}


async def test_failing_fetch(serve: Serve, make_client: MakeClient) -> None:
    """41. A fetch that fails fails all who wait for it, once; the next call fetches anew."""
    server = await serve(answer(200, RUN_BODY))
    tokens = Tokens(outcome=lambda number: TransportError("no", sent=False) if number == 1 else None)
    tokens.go.clear()
    client = make_client(base_url=server.url, auth=tokens, retry=ONCE)

    calls = [asyncio.create_task(client.send(KEYED)) for _ in range(50)]
    await settle()
    tokens.go.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(outcome, TransportError) and not outcome.maybe_applied for outcome in outcomes)
    assert (tokens.fetched, server.requests) == (1, [])
    await client.send(READ)
    assert tokens.fetched == 2


async def test_cancelled_waiter(serve: Serve, make_client: MakeClient) -> None:
    """41. Cancelling one of those who wait for a token leaves the fetch to the others."""
    server = await serve(answer(200, RUN_BODY))
    tokens = Tokens()
    tokens.go.clear()
    client = make_client(base_url=server.url, auth=tokens)
    bytes_sent, staying = (asyncio.create_task(client.send(READ)) for _ in range(2))
    await settle()

    bytes_sent.cancel()
    await settle()
    tokens.go.set()

    assert (await staying).version == 1
    assert bytes_sent.cancelled()
    assert tokens.fetched == 1


async def test_own_exception_of_a_provider(make_client: MakeClient) -> None:
    """41. What a provider raises of its own accord comes through as it is."""
    tokens = Tokens(outcome=lambda _: LookupError("vault"))
    with pytest.raises(LookupError, match="vault"):
        await make_client(base_url="https://api.example.org", auth=tokens).send(READ)
    assert tokens.fetched == 1


async def test_renewed_ahead(serve: Serve, make_client: MakeClient) -> None:
    """41. A token is renewed before it expires: up to 7.5 minutes ahead, at another moment for each client."""
    server = await serve(answer(200, RUN_BODY))
    moments = set()
    for _ in range(8):
        clock, tokens = FakeClock(), Tokens(lifetime=86400.0)
        client = make_client(base_url=server.url, auth=tokens, clock=clock)
        await client.send(READ)
        began = clock.time
        clock.advance(86400 - 450 - 1)
        await client.send(READ)
        assert tokens.fetched == 1
        while tokens.fetched == 1:
            clock.advance(2)
            await client.send(READ)
        moments.add(clock.time - began)
    assert all(86400 - 451 <= moment <= 86400 - 299 for moment in moments)
    assert len(moments) > 3


async def test_short_lived_token(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. A short-lived token is not renewed at every call."""
    server = await serve(answer(200, RUN_BODY))
    tokens = Tokens(lifetime=60.0)
    client = make_client(base_url=server.url, auth=tokens, clock=clock)
    for _ in range(5):
        await client.send(READ)
    assert tokens.fetched == 1


async def test_no_new_token_ahead_of_time(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. Where no new token can be had ahead of time, the old one is used for as long as it is good."""
    server = await serve(answer(200, RUN_BODY))
    tokens = Tokens(lifetime=1000.0, outcome=lambda number: TransportError("no", sent=False) if number > 1 else None)
    client = make_client(base_url=server.url, auth=tokens, clock=clock, retry=ONCE)
    await client.send(READ)

    clock.advance(950)
    await client.send(READ)
    clock.advance(100)
    with pytest.raises(TransportError):
        await client.send(READ)

    assert signed(server) == ["token-1", "token-1"]


@pytest.mark.parametrize("refusal", [answer(401), EXPIRED], ids=["401", "403"])
async def test_refused_token(refusal: Any, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. A 401, or a 403 with authorization_error to a token that is not brand-new: one refresh and one resend."""
    server = await serve(answer(200, RUN_BODY), refusal, answer(200, RUN_BODY))
    client = make_client(base_url=server.url, auth=Tokens(), clock=clock)
    await client.send(READ)
    clock.advance(3600)

    exchange = await client.send_detailed(READ)

    assert signed(server) == ["token-1", "token-1", "token-2"]
    assert [attempt.number for attempt in exchange.attempts] == [1, 2]


@pytest.mark.parametrize(("status", "kind"), [(401, UnauthorizedError), (403, ForbiddenError)])
async def test_never_two(
    status: int, kind: type[Exception], serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """41. Never two refreshes: the second refusal is raised."""
    refusal = answer(status, {"object": "authorization_error"})
    server = await serve(answer(200, RUN_BODY), refusal)
    tokens = Tokens()
    client = make_client(base_url=server.url, auth=tokens, clock=clock)
    await client.send(READ)
    clock.advance(3600)

    with pytest.raises(kind):
        await client.send(READ)

    assert signed(server) == ["token-1", "token-1", "token-2"]
    assert tokens.fetched == 2


async def test_brand_new_token(serve: Serve, make_client: MakeClient) -> None:
    """41. A 403 to a token that was just fetched is a missing permission: it is raised."""
    server = await serve(EXPIRED)
    tokens = Tokens()
    with pytest.raises(ForbiddenError):
        await make_client(base_url=server.url, auth=tokens).send(READ)
    assert (tokens.fetched, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("code", ["required_header_missing", "something_else", None])
async def test_other_403(code: str | None, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. A 403 that says anything but authorization_error, such as required_header_missing, refreshes nothing."""
    server = await serve(answer(200, RUN_BODY), answer(403, {"object": code} if code else None))
    tokens = Tokens()
    client = make_client(base_url=server.url, auth=tokens, clock=clock)
    await client.send(READ)
    clock.advance(3600)

    with pytest.raises(ForbiddenError) as caught:
        await client.send(READ)

    assert (tokens.fetched, caught.value.code) == (1, code)


async def test_same_token_again(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. A provider that has only one token is not asked to send it twice."""
    server = await serve(answer(401))
    with pytest.raises(UnauthorizedError):
        await make_client(base_url=server.url, auth="the-only-one", clock=clock).send(READ)
    assert len(server.requests) == 1


async def test_many_refused_at_once(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. Any number of calls whose token is refused at the same time share one refresh."""

    async def by_token(connection: Connection) -> None:
        old = connection.request.headers["authorization"] == "Bearer token-1"
        await (answer(401) if old else answer(200, RUN_BODY))(connection)

    server = await serve(by_token)
    tokens = Tokens()
    client = make_client(base_url=server.url, auth=tokens, clock=clock)

    await asyncio.gather(*(client.send(READ) for _ in range(30)))

    assert tokens.fetched == 2
    assert sorted(signed(server)) == ["token-1"] * 30 + ["token-2"] * 30


async def test_expired_token_of_the_sandbox(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """41. From end to end: the API's tokens expire, and a call goes on with a new one of the token endpoint."""
    group = sandbox.seed(live=1).groups[0]
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    client = make_client(auth=credentials, clock=sandbox_clock)
    read = fielding_runs.GetFieldingRun(**run_of(group))
    await client.send(read)
    sandbox_clock.advance(100)
    sandbox.expire_tokens()
    sandbox.requests.clear()

    await client.send(read)

    assert [request.status for request in sandbox.requests] == [403, 200, 200]


async def test_closed_during_a_fetch(make_client: MakeClient) -> None:
    """41. Closing the client ends the calls that wait for a token with ClientClosedError, not with a cancellation."""
    tokens = Tokens()
    tokens.go.clear()
    client = make_client(base_url="https://api.example.org", auth=tokens)
    call = asyncio.create_task(client.send(READ))
    await settle()

    await client.aclose()

    with pytest.raises(ClientClosedError):
        await call


# The token endpoint


def credentials(url: str, **options: Any) -> ClientCredentials:
    """Credentials for a token endpoint."""
    return ClientCredentials(client_id="the-id", client_secret="the-secret", token_url=url, **options)


GRANTED = answer(200, {"access_token": "granted", "expires_in": 86400, "token_type": "Bearer"})


async def test_what_the_endpoint_is_sent(serve: Serve, make_client: MakeClient) -> None:
    """41. The token endpoint gets the documented body, and nothing of the API's headers."""
    endpoint, server = await serve(GRANTED), await serve(answer(200, RUN_BODY))

    await make_client(base_url=server.url, auth=credentials(f"{endpoint.origin}/oauth/token")).send(READ)

    (asked,) = endpoint.requests
    assert (asked.method, asked.target) == ("POST", "/oauth/token")
    assert json.loads(asked.body) == {
        "client_id": "the-id",
        "client_secret": "the-secret",
        "grant_type": "client_credentials",
        "audience": "https://api.luc.id",
        "auth_scopes": "app:api",
    }
    assert not {"authorization", "cint-api-version", "idempotency-key", "if-match"} & set(asked.headers)
    assert signed(server) == ["granted"]


async def test_older_endpoint(serve: Serve, make_client: MakeClient) -> None:
    """41. Audience, scope and the name of its field can be set, for older token endpoints."""
    endpoint, server = await serve(GRANTED), await serve(answer(200, RUN_BODY))
    auth = credentials(endpoint.url, audience="a", scope="s", scope_field="lucid_scopes")
    await make_client(base_url=server.url, auth=auth).send(READ)
    body = json.loads(endpoint.requests[0].body)
    assert (body["audience"], body["lucid_scopes"], "auth_scopes" in body) == ("a", "s", False)


async def test_refused_credentials(serve: Serve, make_client: MakeClient) -> None:
    """41. Credentials that the endpoint refuses are an UnauthorizedError in the endpoint's words, at once."""
    endpoint = await serve(answer(401, {"error": "access_denied", "error_description": "Unauthorized"}))
    client = make_client(base_url="https://api.example.org", auth=credentials(endpoint.url))

    with pytest.raises(UnauthorizedError) as caught:
        await client.send(READ)

    error = caught.value
    assert (error.code, error.detail, error.operation_id) == ("access_denied", "Unauthorized", "token")
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("trouble", [close, answer(503), answer(500), answer(429)])
async def test_endpoint_out_of_order(trouble: Any, serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """41. An endpoint that is out of order is asked again, whatever the call is: nothing went to the API."""
    endpoint = await serve(trouble, trouble, GRANTED)
    server = await serve(answer(201, headers={"Location": "x"}))
    client = make_client(base_url=server.url, auth=credentials(endpoint.url), clock=clock)

    await client.send(KEYED)

    assert (len(endpoint.requests), len(server.requests)) == (3, 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"token": "x"}',
        b'{"access_token": null}',
        b'{"access_token": 5}',
        b'{"access_token": "a b"}',
        b'{"access_token": "a\\r\\nb"}',
        b'{"access_token": ""}',
        b'{"access_token": "x", "expires_in": "soon"}',
        b'{"access_token": "x", "expires_in": []}',
    ],
)
async def test_endpoint_talks_nonsense(nonsense: bytes, serve: Serve, make_client: MakeClient) -> None:
    """41. An answer of the endpoint without a token is a TransportError that does not quote it."""
    endpoint = await serve(answer(200, nonsense))
    client = make_client(base_url="https://api.example.org", auth=credentials(endpoint.url), retry=ONCE)

    with pytest.raises(TransportError, match="holds no token") as caught:
        await client.send(KEYED)

    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


async def test_endpoint_cannot_be_reached(make_client: MakeClient, clock: FakeClock) -> None:
    """41. An endpoint that cannot be reached is a TransportError: nothing was sent to the API."""
    auth = credentials(f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(TransportError, match="no token could be had") as caught:
        await make_client(base_url="https://api.example.org", auth=auth, clock=clock).send(KEYED)
    assert not caught.value.maybe_applied


# Options


@pytest.mark.parametrize("token", ["", " ", "a b", "a\r\nX: y", "é", "\x00"])
def test_bad_token(token: str) -> None:
    """41. A token that could not stand in a header is refused where it is given."""
    for make in (BearerToken, AccessToken, lambda text: AsyncClient(auth=text)):
        with pytest.raises(ConfigurationError):
            make(token)


def test_bearer_is_put_before_it(make_client: MakeClient) -> None:
    """41. A text given as auth is a bearer token."""
    client = make_client(base_url="https://api.example.org", auth="abc")
    assert client._pipeline.auth._provider == BearerToken("abc")


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """41. from_env takes a token, else client credentials, and says so where there are neither."""
    for name in ("CINT_TOKEN", "CINT_CLIENT_ID", "CINT_CLIENT_SECRET", "CINT_ACCOUNT_ID", "CINT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="CINT_TOKEN"):
        AsyncClient.from_env()

    monkeypatch.setenv("CINT_CLIENT_ID", "i")
    monkeypatch.setenv("CINT_CLIENT_SECRET", "s")
    monkeypatch.setenv("CINT_ACCOUNT_ID", "7")
    provider = AsyncClient.from_env()._pipeline.auth._provider
    assert provider == ClientCredentials(client_id="i", client_secret="s")

    monkeypatch.setenv("CINT_TOKEN", "t")
    client = AsyncClient.from_env(base_url="https://api.example.org/v1")
    assert client._pipeline.auth._provider == BearerToken("t")
    assert repr(client) == "<AsyncClient of account 7 at https://api.example.org/v1>"
