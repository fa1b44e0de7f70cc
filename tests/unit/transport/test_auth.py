"""Access tokens: fetched once for all callers, renewed before they expire, replaced once when rejected."""

import asyncio
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from support.examples import KEYED, READ, RUN_BODY, free_port, run_of
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close, hang

from fieldingkit import AsyncClient, BearerToken, ClientCredentials, fielding_runs
from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    DecodeError,
    FieldingKitError,
    ForbiddenError,
    JobError,
    JobGoneError,
    JobLocationError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.jobs.token import JobToken
from fieldingkit.sandbox import Sandbox
from fieldingkit.transport.auth import Auth
from fieldingkit.transport.credentials import AccessToken, Fetch, TokenProvider
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.retry_policy import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
EXPIRED = answer(403, {"object": "authorization_error", "detail": "You do not have the right permissions."})


class Tokens:
    """A token provider that counts its fetches and has prepared outcomes."""

    def __init__(self, lifetime: float | None = None, *, outcome: Callable[[int], object] | None = None) -> None:
        self.fetched = 0
        self.lifetime = lifetime
        self.outcome = outcome
        self.go = asyncio.Event()
        self.go.set()

    async def fetch(self, http: Fetch) -> AccessToken:
        """Return token-1, token-2 and so on."""
        del http
        self.fetched += 1
        number = self.fetched
        await self.go.wait()
        if self.outcome is not None and isinstance(outcome := self.outcome(number), Exception):
            raise outcome
        return AccessToken(f"token-{number}", lifetime=self.lifetime)


def signed(server: Any) -> list[str]:
    """Return the tokens that a server received."""
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]


@pytest.mark.parametrize("error", [TransportError("gone", sent=False, retryable=False), ConfigurationError("no file")])
async def test_a_failed_fetch_is_a_separate_error_of_each_call(
    error: FieldingKitError, make_client: MakeClient
) -> None:
    """A fetch that fails for several calls is a separate error of each, with its own command and key."""
    client = make_client(base_url="http://127.0.0.1:9", auth=Tokens(outcome=lambda _: error), retry=ONCE)
    commands = [KEYED.replace(idempotency_key=key) for key in ("first", "second")]

    errors = await asyncio.gather(*map(client.send, commands), return_exceptions=True)

    assert all(isinstance(each, type(error)) for each in errors)
    assert [(each.command, each.idempotency_key) for each in errors if isinstance(each, FieldingKitError)] == [
        (command, command.idempotency_key) for command in commands
    ]


@pytest.mark.parametrize("failure", [KeyError("vault"), TransportError("KeyError", sent=False, retryable=False)])
async def test_a_provider_error_after_an_ambiguous_attempt_is_ambiguous(
    failure: Exception, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A failure to get a token does not hide, or deny, that an earlier attempt may have been applied."""
    tokens = Tokens(lifetime=10, outcome=lambda number: failure if number == 2 else None)

    async def late(connection: Connection) -> None:
        clock.advance(20)
        await close(connection)

    client = make_client(base_url=(await serve(late)).url, auth=tokens, clock=clock)
    with pytest.raises(AmbiguousOutcomeError, match="KeyError") as caught:
        await client.send(KEYED.replace(idempotency_key="mine"))
    assert (caught.value.maybe_applied, caught.value.idempotency_key) == (True, "mine")
    assert "nothing was sent" not in str(caught.value)


async def test_concurrent_cold_calls_fetch_one_token(serve: Serve, make_client: MakeClient) -> None:
    """A hundred concurrent cold calls fetch one token."""
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


async def test_a_failed_fetch_fails_all_waiters_once(serve: Serve, make_client: MakeClient) -> None:
    """A failed fetch fails all its waiters once, and the next call fetches again."""
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


async def test_cancelling_one_waiter_keeps_the_fetch(serve: Serve, make_client: MakeClient) -> None:
    """Cancelling one waiter leaves the fetch to the others."""
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


@pytest.mark.parametrize("failure", [LookupError("vault"), OSError("disk"), RecursionError("deep"), TypeError("none")])
async def test_a_provider_exception_is_the_cause_of_a_transport_error(
    failure: Exception, make_client: MakeClient
) -> None:
    """An exception of a provider is the cause of a TransportError that does not quote it, and is not retried."""
    tokens = Tokens(outcome=lambda _: failure)
    with pytest.raises(TransportError, match=type(failure).__name__) as caught:
        await make_client(base_url="https://api.example.org", auth=tokens).send(KEYED)
    assert caught.value.__cause__ is failure
    assert str(failure) not in str(caught.value)
    assert (tokens.fetched, caught.value.sent, caught.value.maybe_applied) == (1, False, False)


async def test_a_provider_that_returns_no_token_is_a_transport_error(make_client: MakeClient) -> None:
    """A provider that returns something else than an access token fails the call with a TransportError."""

    class NoToken:
        async def fetch(self, http: Fetch) -> AccessToken:
            del http
            return None  # the mistake under test

    with pytest.raises(TransportError, match="no access token"):
        await make_client(base_url="https://api.example.org", auth=NoToken()).send(READ)


async def test_a_token_is_renewed_before_it_expires(serve: Serve, make_client: MakeClient) -> None:
    """A token is renewed up to 7.5 minutes before it expires, at another moment for each client."""
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


async def test_a_short_lived_token_is_used_for_several_calls(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A short-lived token is not renewed at every call."""
    server = await serve(answer(200, RUN_BODY))
    tokens = Tokens(lifetime=60.0)
    client = make_client(base_url=server.url, auth=tokens, clock=clock)
    for _ in range(5):
        await client.send(READ)
    assert tokens.fetched == 1


async def test_a_failed_early_renewal_keeps_the_valid_token(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """An early renewal that fails keeps the old token in use until it expires."""
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
async def test_a_rejected_token_is_refreshed_and_resent_once(
    refusal: Any, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A 401, or a 403 with authorization_error for a token that is not new, leads to one refresh and one resend."""
    server = await serve(answer(200, RUN_BODY), refusal, answer(200, RUN_BODY))
    client = make_client(base_url=server.url, auth=Tokens(), clock=clock)
    await client.send(READ)
    clock.advance(3600)

    exchange = await client.send_detailed(READ)

    assert signed(server) == ["token-1", "token-1", "token-2"]
    assert [attempt.number for attempt in exchange.attempts] == [1, 2]


@pytest.mark.parametrize(("status", "kind"), [(401, UnauthorizedError), (403, ForbiddenError)])
async def test_a_second_rejection_is_raised(
    status: int, kind: type[Exception], serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """The second rejection is raised: a call never refreshes twice."""
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


async def test_a_403_for_a_new_token_is_raised(serve: Serve, make_client: MakeClient) -> None:
    """A 403 for a token that was just fetched means a missing permission and is raised."""
    server = await serve(EXPIRED)
    tokens = Tokens()
    with pytest.raises(ForbiddenError):
        await make_client(base_url=server.url, auth=tokens).send(READ)
    assert (tokens.fetched, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("code", ["required_header_missing", "something_else", None])
async def test_a_403_of_another_kind_refreshes_nothing(
    code: str | None, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A 403 with any other code, such as required_header_missing, refreshes nothing."""
    server = await serve(answer(200, RUN_BODY), answer(403, {"object": code} if code else None))
    tokens = Tokens()
    client = make_client(base_url=server.url, auth=tokens, clock=clock)
    await client.send(READ)
    clock.advance(3600)

    with pytest.raises(ForbiddenError) as caught:
        await client.send(READ)

    assert (tokens.fetched, caught.value.code) == (1, code)


async def test_the_same_token_is_not_resent(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """A provider that has only one token gets no resend."""
    server = await serve(answer(401))
    with pytest.raises(UnauthorizedError):
        await make_client(base_url=server.url, auth="the-only-one", clock=clock).send(READ)
    assert len(server.requests) == 1


async def test_concurrent_rejections_share_one_refresh(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """Calls whose token is rejected at the same time share one refresh."""

    async def by_token(connection: Connection) -> None:
        old = connection.request.headers["authorization"] == "Bearer token-1"
        await (answer(401) if old else answer(200, RUN_BODY))(connection)

    server = await serve(by_token)
    tokens = Tokens()
    client = make_client(base_url=server.url, auth=tokens, clock=clock)

    await asyncio.gather(*(client.send(READ) for _ in range(30)))

    assert tokens.fetched == 2
    assert sorted(signed(server)) == ["token-1"] * 30 + ["token-2"] * 30


async def test_an_expired_token_is_replaced_end_to_end(
    sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock
) -> None:
    """An expired token of the sandbox is replaced by a new one of its token endpoint."""
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


async def test_closing_ends_calls_that_wait_for_a_token(make_client: MakeClient) -> None:
    """Closing the client ends calls that wait for a token with ClientClosedError, not with a cancellation."""
    tokens = Tokens()
    tokens.go.clear()
    client = make_client(base_url="https://api.example.org", auth=tokens)
    call = asyncio.create_task(client.send(READ))
    await settle()

    await client.aclose()

    with pytest.raises(ClientClosedError):
        await call


# Fetches that hang or fail


async def refuse_cancellation() -> None:
    """Wait until cancelled twice."""
    for _ in range(2):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


class Fetches:
    """A token provider whose fetches hang or fail by turns, as its script says; after its end they succeed."""

    def __init__(self, *script: str | Exception, lifetime: float | None = None) -> None:
        self.script = list(script)
        self.lifetime = lifetime
        self.fetched = 0

    async def fetch(self, http: Fetch) -> AccessToken:
        """Return token-1, token-2 and so on."""
        del http
        self.fetched += 1
        number = self.fetched
        outcome = self.script.pop(0) if self.script else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            await (asyncio.Event().wait() if outcome == "hang" else refuse_cancellation())
        return AccessToken(f"token-{number}", lifetime=self.lifetime)


def auth_of(provider: TokenProvider, *statuses: int) -> tuple[Auth, list[str]]:
    """Return the transport in front of an API that answers with the statuses, and the list of tokens it receives."""
    tokens: list[str] = []
    left = list(statuses)

    async def api(call: Call) -> Response:
        assert call.authorization is not None
        tokens.append(call.authorization.reveal().removeprefix("Bearer "))
        return Response(left.pop(0) if len(left) > 1 else [*left, 200][0], {}, b"")

    async def http(call: Call) -> Response:
        return Response(200, {}, json.dumps({"access_token": "granted"}).encode())

    return Auth(api, http, provider), tokens


def a_call(clock: Clock | None = None, **limits: float) -> Call:
    """Return a call of a read."""
    request = Request("GET", "/x", headers={}, body=None, operation_id="x", template="", retry_safety=RetrySafety.READ)
    return Call(request, clock=clock or MonotonicClock(), **limits)


HANGS = ["hang", "refuse to be cancelled"]


@pytest.mark.parametrize("hangs", HANGS)
async def test_a_hanging_fetch_does_not_block_later_calls(hangs: str) -> None:
    """A fetch that hangs fails the call that started it at its deadline; the next call starts another."""
    auth, tokens = auth_of(Fetches(hangs))

    with pytest.raises(DeadlineExceededError, match="no access token") as caught:
        await auth(a_call(deadline=0.05))
    await auth(a_call())

    assert (caught.value.sent, tokens) == (False, ["token-2"])


@pytest.mark.parametrize("hangs", HANGS)
async def test_a_hanging_fetch_is_replaced_for_those_who_still_wait(hangs: str) -> None:
    """A call with a later deadline than the one that started a hanging fetch gets its token from another fetch."""
    auth, tokens = auth_of(Fetches(hangs))

    first = asyncio.create_task(auth(a_call(deadline=0.05)))
    await settle()
    await auth(a_call())

    assert tokens == ["token-2"]
    assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], DeadlineExceededError)


async def test_a_cancelled_call_leaves_a_bounded_fetch() -> None:
    """A fetch whose callers were cancelled ends within the time of the call that started it."""
    provider = Fetches("hang")
    auth, _ = auth_of(provider)
    others = asyncio.all_tasks()
    call = asyncio.create_task(auth(a_call(deadline=0.05)))
    await settle()
    call.cancel()
    while asyncio.all_tasks() - others:
        await asyncio.sleep(0.001)
    assert provider.fetched == 1


@pytest.mark.parametrize("timeout", [None, 30.0])
async def test_a_hanging_token_endpoint_is_bounded_by_the_deadline(
    timeout: float | None, serve: Serve, make_client: MakeClient
) -> None:
    """A token endpoint that never answers fails a call at its deadline, with a timeout and without."""
    endpoint = await serve(hang)
    client = make_client(
        base_url="https://api.example.org", auth=credentials(endpoint.url), timeout=timeout, deadline=0.1
    )
    with pytest.raises(DeadlineExceededError, match="no access token"):
        await client.send(KEYED)


EARLY_FAILURES = [
    OSError("disk"),
    KeyError("vault"),
    TransportError("no", sent=False),
    ForbiddenError("403", status=403),
    ConfigurationError("no file"),
]


@pytest.mark.parametrize("failure", EARLY_FAILURES, ids=lambda failure: type(failure).__name__)
async def test_no_failure_of_an_early_renewal_fails_a_call(failure: Exception, clock: FakeClock) -> None:
    """An early renewal may fail in any way: the valid token stays in use, and the next renewal is 30 s later."""
    provider = Fetches(lifetime=1000.0)
    auth, tokens = auth_of(provider)
    await auth(a_call(clock))
    provider.script = [failure, failure]

    clock.advance(950)
    for _ in range(5):
        await auth(a_call(clock))
        await settle()
    assert provider.fetched == 2

    clock.advance(31)
    await auth(a_call(clock))
    await settle()
    assert (provider.fetched, set(tokens)) == (3, {"token-1"})

    clock.advance(31)
    await auth(a_call(clock))
    assert tokens[-1] == "token-4"


async def test_an_early_renewal_delays_no_call(clock: FakeClock) -> None:
    """A call does not wait for an early renewal, even if it hangs; the next calls use the new token."""
    provider = Fetches(lifetime=1000.0)
    auth, tokens = auth_of(provider)
    await auth(a_call(clock))

    provider.script = ["hang"]
    clock.advance(950)
    await auth(a_call(clock, timeout=0.05))
    while auth._fetch is not None:
        await asyncio.sleep(0.001)
    clock.advance(31)
    await auth(a_call(clock))
    await settle()
    await auth(a_call(clock))

    assert tokens == ["token-1", "token-1", "token-1", "token-3"]


@pytest.mark.parametrize("lifetime", [None, 86400.0])
async def test_an_api_that_rejects_every_token_gets_few(lifetime: float | None, clock: FakeClock) -> None:
    """An API that answers 401 to everything causes one token request in 30 s, not one for each call."""
    provider = Fetches(lifetime=lifetime)
    auth, _ = auth_of(provider, 401)

    for _ in range(50):
        assert (await auth(a_call(clock))).status == 401
    assert provider.fetched == 2

    clock.advance(31)
    for _ in range(50):
        await auth(a_call(clock))
    assert provider.fetched == 3


@pytest.mark.parametrize("hangs", HANGS)
async def test_closing_ends_a_fetch_and_its_callers_at_once(hangs: str) -> None:
    """Closing ends a fetch and the calls that wait for it, and leaves no task behind."""
    auth, _ = auth_of(Fetches(hangs))
    others = asyncio.all_tasks()
    call = asyncio.create_task(auth(a_call()))
    await settle()

    await auth.aclose()

    with pytest.raises(ClientClosedError, match="waited for an access token"):
        await call
    if hangs == "hang":
        assert asyncio.all_tasks() == others
    with pytest.raises(ClientClosedError):
        await auth(a_call())


# The token endpoint


def credentials(url: str, **options: Any) -> ClientCredentials:
    """Return client credentials for a token endpoint."""
    return ClientCredentials(client_id="the-id", client_secret="the-secret", token_url=url, **options)


GRANTED = answer(200, {"access_token": "granted", "expires_in": 86400, "token_type": "Bearer"})


async def test_the_token_request_is_the_documented_one(serve: Serve, make_client: MakeClient) -> None:
    """The token endpoint receives the documented body, and none of the API's headers."""
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


async def test_audience_and_scope_field_can_be_set(serve: Serve, make_client: MakeClient) -> None:
    """Audience, scope and the name of its field can be set, for older token endpoints."""
    endpoint, server = await serve(GRANTED), await serve(answer(200, RUN_BODY))
    auth = credentials(endpoint.url, audience="a", scope="s", scope_field="lucid_scopes")
    await make_client(base_url=server.url, auth=auth).send(READ)
    body = json.loads(endpoint.requests[0].body)
    assert (body["audience"], body["lucid_scopes"], "auth_scopes" in body) == ("a", "s", False)


async def test_refused_credentials_are_unauthorized_at_once(serve: Serve, make_client: MakeClient) -> None:
    """Credentials that the endpoint refuses raise UnauthorizedError with its words, without a retry."""
    endpoint = await serve(answer(401, {"error": "access_denied", "error_description": "Unauthorized"}))
    client = make_client(base_url="https://api.example.org", auth=credentials(endpoint.url))

    with pytest.raises(UnauthorizedError) as caught:
        await client.send(READ)

    error = caught.value
    assert (error.code, error.detail, error.operation_id) == ("access_denied", "Unauthorized", "token")
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 410, 412, 422])
async def test_a_refused_token_request_is_not_mistaken_for_a_refused_command(
    status: int, serve: Serve, make_client: MakeClient
) -> None:
    """Any refusal by the token endpoint is an UnauthorizedError that advises on the credentials, not the command."""
    endpoint = await serve(answer(status, {"error": "invalid_request"}))
    client = make_client(base_url="https://api.example.org", auth=credentials(endpoint.url))

    with pytest.raises(UnauthorizedError) as caught:
        await client.send(KEYED)

    assert caught.value.status == status
    assert f"no access token: the token endpoint answered {status} " in str(caught.value)
    assert "invalid_request" in str(caught.value)
    assert "credentials and the token URL" in caught.value.advice
    assert not caught.value.maybe_applied


async def test_an_ambiguous_call_whose_token_cannot_be_renewed_advises_on_the_credentials(
    serve: Serve, make_client: MakeClient
) -> None:
    """A call that may have been applied, and whose retry gets no token, reports both; the command is not at fault."""
    token = answer(200, {"access_token": "short", "expires_in": 0.001})
    endpoint = await serve(token, answer(400, {"error": "invalid_client"}))
    api = await serve(close)

    with pytest.raises(UnauthorizedError) as caught:
        await make_client(base_url=api.url, auth=credentials(endpoint.url)).send(KEYED)

    error = caught.value
    assert (error.maybe_applied, error.idempotency_key is not None, len(error.attempts)) == (True, True, 1)
    assert "It may have been applied. Check the credentials" in str(error)


async def test_a_job_is_not_gone_because_the_token_endpoint_is(serve: Serve, make_client: MakeClient) -> None:
    """A token endpoint that answers 404 ends the wait for a job with its own error, not with JobGoneError."""
    endpoint = await serve(answer(404, {"error": "not_found"}))
    client = make_client(base_url="https://api.example.org", auth=credentials(endpoint.url))
    facts = JobToken(
        origin="https://api.example.org:443",
        api_version=client.api_version,
        operation_id=KEYED.endpoint.operation_id,
        path={"account_id": "101", "project_id": KEYED.project_id},
        job_id="job-1",
        idempotency_key=None,
        created=0.0,
        traceparent=None,
        asked=None,
        digest=None,
    )

    with pytest.raises(JobError) as caught:
        await client.job(facts.encode()).wait(5)

    assert not isinstance(caught.value, JobGoneError)
    assert isinstance(caught.value.__cause__, UnauthorizedError)


def _spelled(error: BaseException | None) -> str:
    """Return all that an error and its causes show, attributes included."""
    text = ""
    while error is not None:
        text += f"{error} {error!r} {vars(error)} {pickle.dumps(error)!r}"
        error = error.__cause__
    return text


@pytest.mark.parametrize("secret", ["the-secret", 'quo"ted/secret+%'])
@pytest.mark.parametrize("status", [400, 401, 500, 302])
async def test_a_token_endpoint_that_echoes_the_secret_does_not_spread_it(
    status: int, secret: str, serve: Serve, make_client: MakeClient
) -> None:
    """The client secret is replaced in the errors of a token endpoint that quotes the request."""

    async def echo(connection: Connection) -> None:
        sent = connection.request.body.decode()
        await answer(status, {"error": "x", "error_description": sent}, {"X-Echo": sent})(connection)

    endpoint = await serve(echo)
    auth = ClientCredentials(client_id="the-id", client_secret=secret, token_url=endpoint.url)
    with pytest.raises(FieldingKitError) as caught:
        await make_client(base_url="https://api.example.org", auth=auth, retry=ONCE).send(READ)
    shown = _spelled(caught.value)
    assert "***" in shown
    assert secret not in shown
    assert secret.rsplit("/", maxsplit=1)[-1] not in shown


@pytest.mark.parametrize("status", [400, 401, 403, 500, 303, 200])
@pytest.mark.parametrize("command", [READ, KEYED], ids=["read", "job"])
async def test_an_api_that_echoes_the_token_does_not_spread_it(
    status: int, command: Any, serve: Serve, make_client: MakeClient
) -> None:
    """The access token is replaced in all errors of an API that quotes the request, in its body and its headers."""
    echo = {"detail": "bad header: Bearer eyJ.the-token", "raw": ["eyJ.the-token"], "id": "eyJ.the-token"}
    headers = {"X-Request-Id": "eyJ.the-token", "X-Echo": "Bearer eyJ.the-token", "Location": "//[eyJ.the-token"}
    server = await serve(answer(status, echo, headers))
    with pytest.raises((ApiError, DecodeError, JobLocationError)) as caught:
        await make_client(base_url=server.url, auth="eyJ.the-token", retry=ONCE).send(command)
    shown = _spelled(caught.value)
    assert "***" in shown
    assert "the-token" not in shown


@pytest.mark.parametrize("trouble", [close, answer(503), answer(500), answer(429)])
async def test_a_failing_token_endpoint_is_retried(
    trouble: Any, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """A failing token endpoint is retried for any call, since nothing was sent to the API."""
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
        b'{"access_token": "x", "expires_in": 1' + b"0" * 400 + b"}",
        b"[" * 100_000,
    ],
)
async def test_a_response_without_a_token_is_not_quoted(nonsense: bytes, serve: Serve, make_client: MakeClient) -> None:
    """A response of the endpoint without a valid token is a TransportError that does not quote it."""
    endpoint = await serve(answer(200, nonsense))
    client = make_client(base_url="https://api.example.org", auth=credentials(endpoint.url), retry=ONCE)

    with pytest.raises(TransportError, match="holds no token") as caught:
        await client.send(KEYED)

    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


async def test_an_unreachable_token_endpoint_is_not_ambiguous(make_client: MakeClient, clock: FakeClock) -> None:
    """An unreachable endpoint is a TransportError: nothing was sent to the API."""
    auth = credentials(f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(TransportError, match="no access token") as caught:
        await make_client(base_url="https://api.example.org", auth=auth, clock=clock).send(KEYED)
    assert not caught.value.maybe_applied


# Options


@pytest.mark.parametrize("token", ["", " ", "a b", "a\r\nX: y", "é", "\x00"])
def test_a_token_unfit_for_a_header_is_refused(token: str) -> None:
    """A token that cannot be sent in a header is refused where it is given."""
    for make in (BearerToken, AccessToken, lambda text: AsyncClient(auth=text)):
        with pytest.raises(ConfigurationError):
            make(token)


def test_a_string_as_auth_is_a_bearer_token(make_client: MakeClient) -> None:
    """A string given as ``auth`` is a bearer token."""
    client = make_client(base_url="https://api.example.org", auth="abc")
    assert client._options.auth == BearerToken("abc")


def test_from_env_prefers_a_token_to_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """``from_env`` takes a token, else client credentials, and reports that both are missing."""
    for name in ("CINT_TOKEN", "CINT_CLIENT_ID", "CINT_CLIENT_SECRET", "CINT_ACCOUNT_ID", "CINT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="CINT_TOKEN"):
        AsyncClient.from_env()

    monkeypatch.setenv("CINT_CLIENT_ID", "i")
    monkeypatch.setenv("CINT_CLIENT_SECRET", "s")
    monkeypatch.setenv("CINT_ACCOUNT_ID", "7")
    provider = AsyncClient.from_env()._options.auth
    assert provider == ClientCredentials(client_id="i", client_secret="s")

    monkeypatch.setenv("CINT_TOKEN", "t")
    client = AsyncClient.from_env(base_url="https://api.example.org/v1")
    assert client._options.auth == BearerToken("t")
    assert repr(client) == "<AsyncClient of account 7 at https://api.example.org/v1>"


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: BearerToken(None), "BearerToken.token"),
        (lambda: AccessToken(5), "AccessToken.value"),
        (lambda: AccessToken("x", lifetime="soon"), "lifetime"),
        (lambda: ClientCredentials(client_id=["a"], client_secret="b"), "client_id"),
        (lambda: ClientCredentials(client_id="a", client_secret=["b"]), "client_secret"),
        (lambda: ClientCredentials(client_id="a", client_secret="b", token_url=5), "token_url"),
    ],
)
def test_credentials_of_a_wrong_kind_are_refused_by_name(make: Callable[[], object], argument: str) -> None:
    """A credential that is no text is a ConfigurationError that names the argument."""
    with pytest.raises(ConfigurationError, match=argument):
        make()
